/* SPDX-License-Identifier: MIT */
/* Sockets that the bus makes, and those that it is given. */
#include "containers/socket-path.h"

#include "containers/listen-socket.h"
#include "test/unit/fake-host.h"

#include <fcntl.h>
#include <poll.h>

typedef struct Place {
        char *top, *middle, *directory; /* owned */
} Place;

static void place_init(Place *place) {
        place->top = g_dir_make_tmp("conductor-XXXXXX", NULL);
        g_assert_nonnull(place->top);
        place->middle = g_build_filename(place->top, "dbus-1", NULL);
        place->directory = g_build_filename(place->middle, "containers", NULL);
}

static void place_clear(Place *place) {
        rmdir(place->directory);
        rmdir(place->middle);
        g_assert_cmpint(rmdir(place->top), ==, 0);
        g_free(place->top);
        g_free(place->middle);
        g_free(place->directory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

static mode_t get_mode(const char *path) {
        struct stat status;

        g_assert_cmpint(lstat(path, &status), ==, 0);
        return status.st_mode & 07777;
}

static void test_directory(void) {
        if (geteuid() == 0) {
                g_autofree char *directory = socket_path_get_directory();

                g_assert_cmpstr(directory, ==, "/run/dbus/containers");
                return;
        }
        g_setenv("XDG_RUNTIME_DIR", "/run/user/7", TRUE);
        g_autofree char *directory = socket_path_get_directory();
        g_assert_cmpstr(directory, ==, "/run/user/7/dbus-1/containers");
        g_setenv("XDG_RUNTIME_DIR", "relative", TRUE);
        g_assert_null(socket_path_get_directory());
        g_unsetenv("XDG_RUNTIME_DIR");
        g_assert_null(socket_path_get_directory());
}

static void test_prepare(void) {
        g_auto(Place) place = { 0 };
        g_autoptr(GError) error = NULL;

        place_init(&place);
        for (unsigned i = 0; i < 2; i++) {
                g_assert_true(socket_path_prepare(place.directory, geteuid(), 0700, &error));
                g_assert_no_error(error);
                g_assert_cmpuint(get_mode(place.directory), ==, 0700);
        }
}

static void test_prepare_unsafe(void) {
        g_auto(Place) place = { 0 };
        g_autoptr(GError) error = NULL;

        place_init(&place);
        g_assert_true(socket_path_prepare(place.directory, geteuid(), 0700, NULL));
        g_assert_cmpint(chmod(place.directory, 0770), ==, 0);
        g_assert_false(socket_path_prepare(place.directory, geteuid(), 0700, &error));
        g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM);
}

/* A link in the place of the directory is not followed. */
static void test_prepare_link(void) {
        g_auto(Place) place = { 0 };
        g_autoptr(GError) error = NULL;

        place_init(&place);
        g_assert_cmpint(mkdir(place.middle, 0700), ==, 0);
        g_assert_cmpint(symlink(place.top, place.directory), ==, 0);
        g_assert_false(socket_path_prepare(place.directory, geteuid(), 0700, &error));
        g_assert_nonnull(error);
        g_assert_cmpint(unlink(place.directory), ==, 0);
}

static int connect_to(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        g_strlcpy(address.sun_path, path, sizeof address.sun_path);
        g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
        return fd;
}

static void test_listen(void) {
        static const mode_t modes[] = { 0600, 0666 };
        g_auto(Place) place = { 0 };
        mode_t old = umask(077);

        place_init(&place);
        g_assert_true(socket_path_prepare(place.directory, geteuid(), 0700, NULL));
        for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
                g_autofree char *path = NULL;
                auto_fd fd = socket_path_listen(place.directory, modes[i], &path, NULL);

                g_assert_cmpint(fd, >=, 0);
                g_assert_cmpuint(get_mode(path), ==, modes[i]);
                g_assert_null(listen_socket_check(fd, LISTEN_SOCKET_LISTENING));
                g_assert_cmpint(listen_socket_accept(fd), ==, -EAGAIN);
                G_GNUC_UNUSED auto_fd client = connect_to(path);
                auto_fd server = listen_socket_accept(fd);
                g_assert_cmpint(server, >=, 0);
                g_assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
                g_assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
                g_assert_cmpint(unlink(path), ==, 0);
        }
        umask(old);
}

static void test_listen_fails(void) {
        g_auto(Place) place = { 0 };
        g_autofree char *letters = g_strnfill(90, 'x');
        g_autoptr(GError) error = NULL;
        g_autofree char *path = NULL;
        unsigned n_fds = fake_count_fds();

        place_init(&place);
        g_assert_cmpint(socket_path_listen(place.directory, 0600, &path, &error), ==, -1);
        g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
        g_clear_error(&error);
        g_autofree char *too_long = g_build_filename(place.top, letters, NULL);
        g_assert_cmpint(socket_path_listen(too_long, 0600, &path, &error), ==, -1);
        g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NAMETOOLONG);
        g_assert_null(path);
        g_assert_cmpuint(fake_count_fds(), ==, n_fds);
}

static void test_address(void) {
        static const struct {
                const char *path, *address;
        } cases[] = {
                { "/run/dbus/containers/0a", "unix:path=/run/dbus/containers/0a,guid=ab" },
                { "/tmp/a b,c=d;e%", "unix:path=/tmp/a%20b%2cc%3dd%3be%25,guid=ab" },
                { "/\xc3\xa4", "unix:path=/%c3%a4,guid=ab" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *address = socket_path_to_address(cases[i].path, "ab");

                g_assert_cmpstr(address, ==, cases[i].address);
        }
}

/* The manager keeps the socket blocking: the bus makes it what it has to be. */
static void test_accept_blocking(void) {
        auto_fd fd = fake_socket(true);

        g_assert_cmpint(fcntl(fd, F_SETFL, 0), ==, 0);
        g_assert_cmpint(listen_socket_accept(fd), ==, -EAGAIN);
}

static gpointer clear_nonblock(gpointer data) {
        const int *fd = data;

        while (fcntl(*fd, F_GETFD) >= 0 && g_atomic_int_get(&((const int *)data)[1]) == 0)
                fcntl(*fd, F_SETFL, 0);
        return NULL;
}

/*
 * Somebody clears O_NONBLOCK all the time and nobody connects. Whoever wins a round, the call comes
 * back. Were it to wait, the test would hang.
 */
static void test_accept_race(void) {
        int shared[2] = { fake_socket(true), 0 };
        g_autoptr(GThread) thread = g_thread_ref(g_thread_new("clear", clear_nonblock, shared));
        unsigned n_interrupted = 0;

        for (unsigned i = 0; i < 2000 && n_interrupted < 3; i++) {
                int r = listen_socket_accept(shared[0]);

                g_assert_true(r == -EAGAIN || r == -ETIMEDOUT);
                n_interrupted += r == -ETIMEDOUT;
        }
        g_atomic_int_set(&shared[1], 1);
        g_thread_join(thread);
        g_test_message("interrupted %u times", n_interrupted);
        close(shared[0]);
}

/* A socket that is shut down is readable for ever: who polls it has to hear that it is no use. */
static void test_accept_shut_down(void) {
        auto_fd fd = fake_socket(true);

        g_assert_cmpint(shutdown(fd, SHUT_RDWR), ==, 0);
        g_assert_cmpint(listen_socket_accept(fd), ==, -ESHUTDOWN);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/containers/socket-path/directory", test_directory);
        g_test_add_func("/containers/socket-path/prepare", test_prepare);
        g_test_add_func("/containers/socket-path/prepare-unsafe", test_prepare_unsafe);
        g_test_add_func("/containers/socket-path/prepare-link", test_prepare_link);
        g_test_add_func("/containers/socket-path/listen", test_listen);
        g_test_add_func("/containers/socket-path/listen-fails", test_listen_fails);
        g_test_add_func("/containers/socket-path/address", test_address);
        g_test_add_func("/containers/listen-socket/blocking", test_accept_blocking);
        g_test_add_func("/containers/listen-socket/race", test_accept_race);
        g_test_add_func("/containers/listen-socket/shut-down", test_accept_shut_down);
        return g_test_run();
}
