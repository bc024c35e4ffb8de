/* SPDX-License-Identifier: MIT */
/*
 * A child is forked and executes at once; between the two it makes system calls only, since another
 * thread of the bus may have held any lock at the fork. Two descriptors tell the loop about it: a
 * pipe that the program's execution closes, on which an errno comes back when there is none, and a
 * pidfd that says when the child has ended.
 *
 *      fork --> set up --> execve        pipe: end of file              pidfd: later
 *           \-> set up --> failed        pipe: struct Failure           pidfd: at once
 */
#include "bus/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_OTHER_FD (STDERR_FILENO + 1)

/* What a child reports that could not execute its program. */
typedef struct Failure {
        SpawnEnd end;
        int code;
} Failure;

struct Spawner {
        Loop *loop;        /* borrowed */
        ListNode children; /* Spawn.node */
};

struct Spawn {
        ListNode node;
        Spawner *spawner; /* borrowed */
        pid_t pid;
        int pidfd, pipe_fd; /* owned; -1: closed */
        LoopSource pid_source, pipe_source;
        Failure failure;  /* code 0: none */
        SpawnEnded ended; /* NULL: forgotten */
        void *user;
};

Spawner *spawner_new(Loop *loop) {
        Spawner *spawner = g_new0(Spawner, 1);

        spawner->loop = loop;
        list_init(&spawner->children);
        return spawner;
}

static void close_pipe(Spawn *spawn) {
        loop_remove(spawn->spawner->loop, &spawn->pipe_source);
        if (spawn->pipe_fd >= 0)
                close(spawn->pipe_fd);
        spawn->pipe_fd = -1;
}

static void spawn_free(Spawn *spawn) {
        list_remove(&spawn->node);
        close_pipe(spawn);
        loop_remove(spawn->spawner->loop, &spawn->pid_source);
        if (spawn->pidfd >= 0)
                close(spawn->pidfd);
        g_free(spawn);
}

void spawner_free(Spawner *spawner) {
        if (!spawner)
                return;
        LIST_FOREACH(node, &spawner->children)
                spawn_free(CONTAINER_OF(node, Spawn, node));
        g_free(spawner);
}

/* --- in the child: nothing but system calls --- */

static _Noreturn void child_fail(int pipe_fd, SpawnEnd end) {
        Failure failure = { .end = end, .code = errno };
        ssize_t written = write(pipe_fd, &failure, sizeof failure);

        (void)written;
        _exit(127);
}

/*
 * The bus may be protected from the memory killer; what it starts shall not be. After a change of
 * the user these files are root's, unless the process may be dumped, which it may anyway as soon as
 * it executes its program.
 */
static void child_reset_oom(void) {
        char sign = '0';
        int fd;

        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return;
        if (read(fd, &sign, 1) == 1 && sign == '-') {
                ssize_t written = pwrite(fd, "0", 1, 0);

                (void)written; /* more likely to be killed is no reason not to run */
        }
        close(fd);
}

/*
 * No signal is blocked. Those that the bus ignores, SIGPIPE among them, stay ignored: services of
 * the reference implementation start like that, too, and not all are prepared for another way.
 */
static void child_reset_signals(void) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool child_close_others(void) {
        if (syscall(SYS_close_range, FIRST_OTHER_FD, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
                return true;
        /* before Linux 5.11; the bus opens all of its own so that they close */
        return errno == ENOSYS || errno == EINVAL;
}

static bool child_set_streams(const SpawnOptions *options) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (null < 0 || dup2(null, STDIN_FILENO) < 0)
                return false;
        if (options->output_fd < 0)
                return true;
        return dup2(options->output_fd, STDOUT_FILENO) >= 0 &&
               dup2(options->output_fd, STDERR_FILENO) >= 0;
}

static _Noreturn void child_run(const SpawnOptions *options, int pipe_fd) {
        child_reset_oom();
        if (!child_set_streams(options) || !child_close_others())
                child_fail(pipe_fd, SPAWN_SETUP_FAILED);
        if (options->descriptor_limit && setrlimit(RLIMIT_NOFILE, options->descriptor_limit) < 0)
                child_fail(pipe_fd, SPAWN_SETUP_FAILED);
        child_reset_signals();
        execve(options->argv[0], options->argv, options->environment);
        child_fail(pipe_fd, SPAWN_EXEC_FAILED);
}

/* --- in the bus --- */

static void read_failure(Spawn *spawn) {
        Failure failure;

        if (spawn->pipe_fd >= 0 &&
            read(spawn->pipe_fd, &failure, sizeof failure) == (ssize_t)sizeof failure)
                spawn->failure = failure;
}

/* It executes, or has failed to; how it ended comes with the pidfd in either case. */
static void pipe_ready(LoopSource *source, uint32_t events G_GNUC_UNUSED) {
        Spawn *spawn = CONTAINER_OF(source, Spawn, pipe_source);

        read_failure(spawn);
        close_pipe(spawn);
}

static void fill_result(const Spawn *spawn, int status, SpawnResult *ret_result) {
        if (spawn->failure.code != 0)
                *ret_result = (SpawnResult){ spawn->failure.end, spawn->failure.code };
        else if (WIFSIGNALED(status))
                *ret_result = (SpawnResult){ SPAWN_SIGNALED, WTERMSIG(status) };
        else
                *ret_result = (SpawnResult){ SPAWN_EXITED, WEXITSTATUS(status) };
}

static void pid_ready(LoopSource *source, uint32_t events G_GNUC_UNUSED) {
        Spawn *spawn = CONTAINER_OF(source, Spawn, pid_source);
        SpawnEnded ended = spawn->ended;
        void *user = spawn->user;
        SpawnResult result;
        int status = 0;

        if (waitpid(spawn->pid, &status, WNOHANG) == 0)
                return;
        read_failure(spawn);
        fill_result(spawn, status, &result);
        spawn_free(spawn);
        if (ended)
                ended(user, &result);
}

static bool fail(GError **error, int code, const char *what) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code), "%s: %s", what,
                    g_strerror(code));
        return false;
}

/* Takes over the child. When it cannot be watched it must not go on either. */
static bool watch(Spawn *spawn, GError **error) {
        Loop *loop = spawn->spawner->loop;
        int r;

        spawn->pidfd = pidfd_open(spawn->pid, 0);
        r = spawn->pidfd < 0 ? -errno
                             : loop_add(loop, &spawn->pid_source, spawn->pidfd, EPOLLIN, pid_ready);
        if (r == 0)
                r = loop_add(loop, &spawn->pipe_source, spawn->pipe_fd, EPOLLIN, pipe_ready);
        if (r == 0)
                return true;
        /* one that is gone has been waited for by somebody, and its number may be another's by now */
        if (r != -ESRCH) {
                kill(spawn->pid, SIGKILL);
                waitpid(spawn->pid, NULL, 0);
        }
        return fail(error, -r, "cannot watch the new process");
}

Spawn *spawn_start(Spawner *spawner, const SpawnOptions *options, SpawnEnded ended, void *user,
                   GError **error) {
        Spawn *spawn;
        int ends[2];
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0) {
                fail(error, errno, "cannot make a pipe");
                return NULL;
        }
        pid = fork();
        if (pid == 0)
                child_run(options, ends[1]);
        int code = errno;

        close(ends[1]);
        if (pid < 0) {
                close(ends[0]);
                fail(error, code, "cannot fork");
                return NULL;
        }
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        spawn = g_new0(Spawn, 1);
        *spawn = (Spawn){ .spawner = spawner,
                          .pid = pid,
                          .pidfd = -1,
                          .pipe_fd = ends[0],
                          .ended = ended,
                          .user = user,
                          .pid_source.fd = -1,
                          .pipe_source.fd = -1 };
        list_append(&spawner->children, &spawn->node);
        if (!watch(spawn, error)) {
                spawn_free(spawn);
                return NULL;
        }
        return spawn;
}

void spawn_forget(Spawn *spawn) {
        if (spawn)
                spawn->ended = NULL;
}

void spawn_kill(Spawn *spawn) {
        if (!spawn)
                return;
        pidfd_send_signal(spawn->pidfd, SIGKILL, NULL, 0);
        spawn_forget(spawn);
}
