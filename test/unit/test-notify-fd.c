/* SPDX-License-Identifier: MIT */
/* Which descriptors the bus waits for. */
#include "containers/notify-fd.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void check(const char *what, int fd, bool expected) {
        bool taken = notify_fd_check(fd);

        g_test_message("%s", what);
        g_assert_cmpint(fd, >=, 0);
        g_assert_true(taken == expected);
        close(fd);
}

static void test_taken(void) {
        static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
        int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
        int pair[2];

        g_assert_cmpint(pipe2(pair, O_CLOEXEC), ==, 0);
        check("reading end", pair[0], true);
        check("writing end", pair[1], true);
        for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
                g_assert_cmpint(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, pair), ==, 0);
                check("one end of a socket", pair[0], true);
                check("the other", pair[1], true);
        }
        check("eventfd", eventfd(0, EFD_CLOEXEC), true);
        if (process >= 0)
                check("pidfd", process, true);
}

static void test_fifo(void) {
        g_autofree char *directory = g_dir_make_tmp("conductor-XXXXXX", NULL);
        /* a name that looks like one of the kernel's is none */
        g_autofree char *fifo = g_build_filename(directory, "fifo", NULL);
        g_autofree char *file = g_build_filename(directory, "anon_inode:[eventfd]", NULL);

        g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
        check("FIFO", open(fifo, O_RDWR | O_CLOEXEC), true);
        check("path of a FIFO", open(fifo, O_PATH | O_CLOEXEC), false);
        check("file", open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600), false);
        check("folder", open(directory, O_RDONLY | O_CLOEXEC), false);
        unlink(fifo);
        unlink(file);
        g_assert_cmpint(rmdir(directory), ==, 0);
}

static void test_refused(void) {
        check("epoll", epoll_create1(EPOLL_CLOEXEC), false);
        check("timer", timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), false);
        check("inotify", inotify_init1(IN_CLOEXEC), false);
        check("memory", memfd_create("anon_inode:[eventfd]", MFD_CLOEXEC), false);
        check("/dev/null", open("/dev/null", O_RDWR | O_CLOEXEC), false);
        check("/dev/ptmx", open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY), false);
        g_assert_false(notify_fd_check(-1));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/containers/notify-fd/taken", test_taken);
        g_test_add_func("/containers/notify-fd/fifo", test_fifo);
        g_test_add_func("/containers/notify-fd/refused", test_refused);
        return g_test_run();
}
