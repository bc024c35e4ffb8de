/* SPDX-License-Identifier: MIT */
/*
 * A command and its signals.
 *
 * The handler writes what came into a pipe, and the loop that waits for the child passes it on. A
 * signal that the terminal sent has reached the child already, which is in the same process group;
 * it is told apart by si_code and not sent twice. Before there is a child, a signal ends us, after
 * the socket has been removed.
 */
#include "tools/child.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const int forwarded_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

/* Shared with the handler, which knows no other way. */
static struct {
        atomic_int has_child;
        int pipe[2];
        void (*before)(const void *data);
        const void *data;
} signals = { .pipe = { -1, -1 } };

static void on_signal(int signo, siginfo_t *info, void *context G_GNUC_UNUSED) {
        int saved_errno = errno;
        unsigned char byte = (unsigned char)signo;

        if (!atomic_load(&signals.has_child)) {
                if (signals.before)
                        signals.before(signals.data);
                signal(signo, SIG_DFL);
                raise(signo);
        } else if (info->si_code != SI_KERNEL && write(signals.pipe[1], &byte, 1) < 0) {
                /*
                 * The pipe is full of signals that the child has not got yet: one more says
                 * nothing new.
                 */
        }
        errno = saved_errno;
}

void child_catch_signals(void (*before)(const void *data), const void *data) {
        struct sigaction action = { .sa_sigaction = on_signal,
                                    .sa_flags = SA_SIGINFO | SA_RESTART };

        signals.before = before;
        signals.data = data;
        sigemptyset(&action.sa_mask);
        for (size_t i = 0; i < G_N_ELEMENTS(forwarded_signals); i++) {
                struct sigaction old;

                /* What nohup(1) and shells set to be ignored stays ignored. */
                if (sigaction(forwarded_signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
                        sigaction(forwarded_signals[i], &action, NULL);
        }
}

/* One run of a command */
typedef struct Run {
        const ChildOptions *options; /* borrowed */
        GMainLoop *loop;             /* owned */
        GPid pid;
        int wait_status;
} Run;

static void on_child_end(GPid pid, int wait_status, void *user_data) {
        Run *run = user_data;

        g_spawn_close_pid(pid);
        run->pid = 0;
        run->wait_status = wait_status;
        g_main_loop_quit(run->loop);
}

static gboolean on_signal_byte(int fd, GIOCondition condition G_GNUC_UNUSED, void *user_data) {
        Run *run = user_data;
        unsigned char byte;
        pid_t target;

        if (read(fd, &byte, 1) != 1 || run->pid == 0)
                return G_SOURCE_CONTINUE;

        target = run->options->find_target ? run->options->find_target(run->pid) : run->pid;
        if (target > 0)
                (void)kill(target, byte);
        return G_SOURCE_CONTINUE;
}

/* Between fork and exec: only what a signal handler may do. */
static void prepare_child(void *user_data) {
        const ChildOptions *options = user_data;

        if (options->keep_fd >= 0)
                (void)fcntl(options->keep_fd, F_SETFD, 0);
}

/* A folder of PATH that may not be searched gives "permission denied" for whatever is in none of them. */
static bool is_in_path(const char *program) {
        g_auto(GStrv) folders = g_strsplit(g_getenv("PATH") ? g_getenv("PATH") : "", ":", -1);

        if (strchr(program, '/'))
                return true;
        for (char **folder = folders; *folder; folder++) {
                g_autofree char *path = g_build_filename(**folder ? *folder : ".", program, NULL);

                if (access(path, F_OK) == 0)
                        return true;
        }
        return false;
}

static int failed_start_status(const char *program, const GError *error) {
        if (g_error_matches(error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT) || !is_in_path(program))
                return CHILD_EXIT_NOT_FOUND;
        if (g_error_matches(error, G_SPAWN_ERROR, G_SPAWN_ERROR_FORK))
                return CHILD_EXIT_FAILED;
        return CHILD_EXIT_NOT_RUNNABLE;
}

static int exit_status(int wait_status) {
        return WIFSIGNALED(wait_status) ? CHILD_EXIT_SIGNAL + WTERMSIG(wait_status)
                                        : WEXITSTATUS(wait_status);
}

int child_run(const ChildOptions *options, GError **error) {
        GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH |
                            G_SPAWN_CHILD_INHERITS_STDIN | G_SPAWN_LEAVE_DESCRIPTORS_OPEN;
        g_autoptr(GError) spawn_error = NULL;
        Run run = { .options = options };
        guint signal_source;

        if (!g_unix_open_pipe(signals.pipe, FD_CLOEXEC, error))
                return CHILD_EXIT_FAILED;
        (void)g_unix_set_fd_nonblocking(signals.pipe[0], TRUE, NULL);
        (void)g_unix_set_fd_nonblocking(signals.pipe[1], TRUE, NULL);

        atomic_store(&signals.has_child, 1);
        if (!g_spawn_async(NULL, (char **)options->argv, (char **)options->environment, flags,
                           prepare_child, (void *)options, &run.pid, &spawn_error)) {
                int status = failed_start_status(options->argv[0], spawn_error);

                g_propagate_error(error, g_steal_pointer(&spawn_error));
                return status;
        }

        run.loop = g_main_loop_new(NULL, FALSE);
        signal_source = g_unix_fd_add(signals.pipe[0], G_IO_IN, on_signal_byte, &run);
        g_child_watch_add(run.pid, on_child_end, &run);
        g_main_loop_run(run.loop);

        g_source_remove(signal_source);
        g_main_loop_unref(run.loop);
        return exit_status(run.wait_status);
}
