/* SPDX-License-Identifier: MIT */
#include "base/identity.h"

#include "base/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

static void make_pair(int fds[2]) {
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
}

/* The other end of a pair is this process itself. */
static void test_socket(void) {
        g_autoptr(Identity) identity = NULL;
        int fds[2];

        make_pair(fds);
        identity = identity_new_from_socket(fds[0]);
        g_assert_nonnull(identity);
        g_assert_cmpuint(identity->uid, ==, geteuid());
        g_assert_cmpuint(identity->gid, ==, getegid());
        g_assert_cmpint(identity->pid, ==, getpid());
        identity_detach(identity);
        close(fds[0]);
        close(fds[1]);
}

static void test_no_socket(void) {
        int fds[2];

        g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
        errno = 0;
        g_assert_null(identity_new_from_socket(fds[0]));
        g_assert_cmpint(errno, !=, 0);
        g_assert_null(identity_new_from_socket(-1));
        close(fds[0]);
        close(fds[1]);
}

static bool has_group(const gid_t *groups, size_t n, gid_t group) {
        for (size_t i = 0; i < n; i++)
                if (groups[i] == group)
                        return true;
        return false;
}

static void test_groups(void) {
        g_autoptr(Identity) identity = NULL;
        static gid_t own[NGROUPS_MAX + 1];
        const gid_t *groups;
        int fds[2], n_own;
        size_t n, n_again;

        make_pair(fds);
        identity = identity_new_from_socket(fds[0]);
        groups = identity_get_groups(identity, &n);
        if (!groups) {
                g_assert_cmpuint(n, ==, 0);
                g_test_skip("the kernel does not tell groups");
        } else {
                n_own = getgroups(NGROUPS_MAX, own);
                if (n_own < 0)
                        g_error("getgroups: %s", g_strerror(errno));
                own[n_own] = getegid();
                for (int i = 0; i <= n_own; i++)
                        g_assert_true(has_group(groups, n, own[i]));
                for (size_t i = 0; i < n; i++)
                        g_assert_true(has_group(own, (size_t)n_own + 1, groups[i]));
                for (size_t i = 1; i < n; i++)
                        g_assert_cmpuint(groups[i - 1], <, groups[i]);
        }
        /* Remembered when the socket is gone. */
        identity_detach(identity);
        close(fds[0]);
        close(fds[1]);
        g_assert_true(identity_get_groups(identity, &n_again) == groups);
        g_assert_cmpuint(n_again, ==, n);
}

static void test_pidfd(void) {
        g_autoptr(Identity) identity = NULL;
        int fds[2], pidfd;

        make_pair(fds);
        identity = identity_new_from_socket(fds[0]);
        pidfd = identity_get_pidfd(identity);
        g_assert_cmpint(identity_get_pidfd(identity), ==, pidfd);
        if (pidfd >= 0) {
                g_assert_cmpint(fcntl(pidfd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
                g_clear_pointer(&identity, identity_unref);
                g_assert_cmpint(fcntl(pidfd, F_GETFD), ==, -1);
        } else {
                g_test_skip("the kernel has no SO_PEERPIDFD");
        }
        close(fds[0]);
        close(fds[1]);
}

/* Whatever the label is, it is not empty, and the same when asked again. */
static void test_label(void) {
        g_autoptr(Identity) identity = NULL;
        const char *label;
        int fds[2];

        make_pair(fds);
        identity = identity_new_from_socket(fds[0]);
        label = identity_get_label(identity);
        g_assert_true(label == NULL || label[0] != '\0');
        g_assert_true(identity_get_label(identity) == label);
        identity_detach(identity);
        close(fds[0]);
        close(fds[1]);
        g_assert_true(identity_get_label(identity) == label);
}

/* What was not asked in time is not known, and not asked of who has the number of the socket now. */
static void test_detached(void) {
        g_autoptr(Identity) late = NULL, loaded = NULL;
        int fds[2];
        size_t n;

        make_pair(fds);
        late = identity_new_from_socket(fds[0]);
        loaded = identity_new_from_socket(fds[0]);
        identity_load_all(loaded);
        identity_detach(late);
        identity_detach(loaded);
        g_assert_null(identity_get_groups(late, &n));
        g_assert_cmpuint(n, ==, 0);
        g_assert_cmpint(identity_get_pidfd(late), ==, -1);
        g_assert_null(identity_get_label(late));
        g_assert_true(loaded->asked_groups);
        g_assert_true(loaded->asked_label);
        g_assert_true(loaded->asked_pidfd);
        close(fds[0]);
        close(fds[1]);
}

static void test_given(void) {
        Identity *identity = identity_new(1, 2, 3);
        size_t n;

        g_assert_cmpuint(identity->uid, ==, 1);
        g_assert_cmpuint(identity->gid, ==, 2);
        g_assert_cmpint(identity->pid, ==, 3);
        g_assert_null(identity_get_label(identity));
        g_assert_null(identity_get_groups(identity, &n));
        g_assert_cmpint(identity_get_pidfd(identity), ==, -1);
        g_assert_true(identity_ref(identity) == identity);
        identity_unref(identity);
        identity_unref(identity);
        identity_unref(NULL);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/base/identity/socket", test_socket);
        g_test_add_func("/base/identity/no-socket", test_no_socket);
        g_test_add_func("/base/identity/groups", test_groups);
        g_test_add_func("/base/identity/pidfd", test_pidfd);
        g_test_add_func("/base/identity/label", test_label);
        g_test_add_func("/base/identity/detached", test_detached);
        g_test_add_func("/base/identity/given", test_given);
        return g_test_run();
}
