/* SPDX-License-Identifier: MIT */
#include "base/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

static int open_null(void) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        return fd;
}

/* Closed once, with the last reference. */
static void test_refs(void) {
        int fds[] = { open_null(), open_null(), open_null() };
        FdSet *set = fdset_new(fds, G_N_ELEMENTS(fds));

        g_assert_cmpuint(set->n_fds, ==, 3);
        for (unsigned i = 0; i < 3; i++)
                g_assert_cmpint(set->fds[i], ==, fds[i]);
        g_assert_true(fdset_ref(set) == set);
        fdset_unref(set);
        for (unsigned i = 0; i < 3; i++)
                g_assert_true(is_open(fds[i]));
        fdset_unref(set);
        for (unsigned i = 0; i < 3; i++)
                g_assert_false(is_open(fds[i]));
        fdset_unref(NULL);
}

static void test_dup(void) {
        int fd = open_null(), copy;
        g_autoptr(FdSet) set = fdset_new(&fd, 1);

        copy = fdset_dup(set, 0);
        g_assert_cmpint(copy, >=, 3);
        g_assert_cmpint(copy, !=, fd);
        g_assert_cmpint(fcntl(copy, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
        g_clear_pointer(&set, fdset_unref);
        g_assert_true(is_open(copy));
        close(copy);
}

static void test_dup_fails(void) {
        int fd = open_null();
        g_autoptr(FdSet) set = fdset_new(&fd, 1);

        errno = 0;
        g_assert_cmpint(fdset_dup(set, 1), ==, -1);
        g_assert_cmpint(errno, ==, EBADF);
        errno = 0;
        g_assert_cmpint(fdset_dup(NULL, 0), ==, -1);
        g_assert_cmpint(errno, ==, EBADF);
}

static void test_auto_fd(void) {
        int number;

        {
                auto_fd fd = open_null();
                auto_fd none = -1;

                number = fd;
                g_assert_true(is_open(number));
                g_assert_cmpint(none, ==, -1);
        }
        g_assert_false(is_open(number));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/base/fdset/refs", test_refs);
        g_test_add_func("/base/fdset/dup", test_dup);
        g_test_add_func("/base/fdset/dup-fails", test_dup_fails);
        g_test_add_func("/base/fdset/auto-fd", test_auto_fd);
        return g_test_run();
}
