/* SPDX-License-Identifier: MIT */
/* Children: how each end is reported, and what a child starts with. */
#include "bus/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Ended {
        unsigned n_calls;
        SpawnResult result;
} Ended;

/*
 * Somebody else, a library perhaps, may wait for a child before the bus can: these are found before those of the C
 * library, and the first one waits when it is told to.
 */
static bool somebody_waits;
static unsigned n_kills;

int pidfd_open(pid_t pid, unsigned flags) {
        if (somebody_waits)
                g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
        return (int)syscall(SYS_pidfd_open, pid, flags);
}

int kill(pid_t pid, int number) {
        n_kills++;
        return (int)syscall(SYS_kill, pid, number);
}

static void on_ended(void *user, const SpawnResult *result) {
        Ended *ended = user;

        ended->n_calls++;
        ended->result = *result;
}

static unsigned count_fds(void) {
        g_autoptr(GDir) folder = g_dir_open("/proc/self/fd", 0, NULL);
        unsigned n = 0;

        while (g_dir_read_name(folder))
                n++;
        return n;
}

/* An old kernel, or a checker that does not know the call. */
static bool lacks_pidfd(void) {
        int fd = pidfd_open(getpid(), 0);

        if (fd < 0) {
                g_test_skip("no pidfd_open()");
                return true;
        }
        close(fd);
        return false;
}

static void run_loop(Loop *loop, const Ended *ended) {
        while (ended->n_calls == 0)
                g_assert_cmpint(loop_turn(loop), ==, 0);
        g_assert_cmpuint(ended->n_calls, ==, 1);
}

typedef struct Row {
        const char *argv[4];
        SpawnEnd end;
        int code;
} Row;

static const Row rows[] = {
        { { "/bin/true" }, SPAWN_EXITED, 0 },
        { { "/bin/sh", "-c", "exit 3" }, SPAWN_EXITED, 3 },
        { { "/bin/sh", "-c", "exit 127" }, SPAWN_EXITED, 127 },
        { { "/bin/sh", "-c", "kill -9 $$" }, SPAWN_SIGNALED, SIGKILL },
        { { "/bin/sh", "-c", "kill -15 $$" }, SPAWN_SIGNALED, SIGTERM },
        { { "/nonexistent/program" }, SPAWN_EXEC_FAILED, ENOENT },
        { { "true" }, SPAWN_EXEC_FAILED, ENOENT },
        { { "" }, SPAWN_EXEC_FAILED, ENOENT },
        { { "/etc/passwd" }, SPAWN_EXEC_FAILED, EACCES },
        { { "/etc" }, SPAWN_EXEC_FAILED, EACCES },
};

static void test_ends(void) {
        g_autoptr(Loop) loop = loop_new(NULL);
        g_autoptr(Spawner) spawner = spawner_new(loop);
        char *environment[] = { NULL };
        unsigned n_fds = count_fds();

        if (lacks_pidfd())
                return;
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_auto(GStrv) argv = g_strdupv((char **)rows[i].argv);
                const SpawnOptions options = { .argv = argv,
                                               .environment = environment,
                                               .output_fd = -1 };
                Ended ended = { 0 };

                g_test_message("%s %s", argv[0], argv[0][0] && argv[1] ? argv[2] : "");
                g_assert_nonnull(spawn_start(spawner, &options, on_ended, &ended, NULL));
                run_loop(loop, &ended);
                g_assert_cmpint(ended.result.end, ==, rows[i].end);
                g_assert_cmpint(ended.result.code, ==, rows[i].code);
                g_assert_cmpuint(count_fds(), ==, n_fds);
        }
}

static void test_kill(void) {
        g_autoptr(Loop) loop = loop_new(NULL);
        g_autoptr(Spawner) spawner = spawner_new(loop);
        char *argv[] = { (char *)"/bin/sleep", (char *)"1000", NULL };
        char *quick[] = { (char *)"/bin/true", NULL };
        char *environment[] = { NULL };
        const SpawnOptions options = { .argv = argv, .environment = environment, .output_fd = -1 };
        const SpawnOptions other = { .argv = quick, .environment = environment, .output_fd = -1 };
        Ended killed = { 0 }, ended = { 0 };

        if (lacks_pidfd())
                return;
        spawn_kill(spawn_start(spawner, &options, on_ended, &killed, NULL));
        g_assert_nonnull(spawn_start(spawner, &other, on_ended, &ended, NULL));
        run_loop(loop, &ended);
        g_assert_cmpuint(killed.n_calls, ==, 0);
}

static char *output_of(Loop *loop, SpawnOptions *options) {
        g_autoptr(Spawner) spawner = spawner_new(loop);
        Ended ended = { 0 };
        char text[8192] = "";
        int ends[2];
        ssize_t n;

        g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
        options->output_fd = ends[1];
        g_assert_nonnull(spawn_start(spawner, options, on_ended, &ended, NULL));
        close(ends[1]);
        run_loop(loop, &ended);
        g_assert_cmpint(ended.result.end, ==, SPAWN_EXITED);
        g_assert_cmpint(ended.result.code, ==, 0);
        n = read(ends[0], text, sizeof text - 1);
        g_assert_cmpint(n, >=, 0);
        close(ends[0]);
        return g_strndup(text, (size_t)n);
}

/* What the bus changes for itself must not reach a child. */
static void test_clean_start(void) {
        g_autoptr(Loop) loop = loop_new(NULL);
        char *argv[] = {
                (char *)"/bin/bash", (char *)"-c",
                (char *)"echo $A; ulimit -n; readlink /proc/self/fd/0; ls /proc/self/fd | wc -l; "
                        "grep -E '^Sig(Blk|Ign)' /proc/self/status | sed \"$B\"",
                NULL
        };
        /*
         * libc keeps signals 32 and 33 to itself: how they were inherited is how they stay. SIGPIPE
         * is ignored by every bus. Not dash: it unblocks all signals before it runs anything.
         */
        char *environment[] = { (char *)"A=value",
                                (char *)"B=s/000000[01][08]000\\([01]\\)000$/0000000X000\\1000/",
                                (char *)"PATH=/usr/bin:/bin", NULL };
        const struct rlimit limit = { 123, 456 };
        SpawnOptions options = { .argv = argv,
                                 .environment = environment,
                                 .descriptor_limit = &limit };
        g_autofree char *text = NULL;
        sigset_t all, before;
        int leaked;

        if (lacks_pidfd())
                return;
        leaked = open("/dev/null", O_RDONLY);
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &before);
        signal(SIGPIPE, SIG_IGN);
        text = output_of(loop, &options);
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(leaked);
        /* the fourth descriptor is the one that ls lists with */
        g_assert_cmpstr(
                text, ==,
                "value\n123\n/dev/null\n4\nSigBlk:\t00000000X0000000\nSigIgn:\t00000000X0001000\n");
}

/* Its number may belong to another process by then. */
static void test_waited_for(void) {
        g_autoptr(Loop) loop = loop_new(NULL);
        g_autoptr(Spawner) spawner = spawner_new(loop);
        g_autoptr(GError) error = NULL;
        char *argv[] = { (char *)"/bin/true", NULL };
        char *environment[] = { NULL };
        const SpawnOptions options = { .argv = argv, .environment = environment, .output_fd = -1 };
        Ended ended = { 0 };
        unsigned n_fds = count_fds();

        if (lacks_pidfd())
                return;
        somebody_waits = true;
        g_assert_null(spawn_start(spawner, &options, on_ended, &ended, &error));
        somebody_waits = false;
        g_assert_nonnull(error);
        g_assert_cmpuint(n_kills, ==, 0);
        g_assert_cmpuint(ended.n_calls, ==, 0);
        g_assert_cmpuint(count_fds(), ==, n_fds);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/spawn/ends", test_ends);
        g_test_add_func("/bus/spawn/kill", test_kill);
        g_test_add_func("/bus/spawn/clean-start", test_clean_start);
        g_test_add_func("/bus/spawn/waited-for", test_waited_for);
        return g_test_run();
}
