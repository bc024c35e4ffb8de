/* SPDX-License-Identifier: MIT */
/* Listening sockets: that one can connect to them, what they are called, what is left of them. */
#include "bus/listener.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/address.h"

#define GUID "0123456789abcdef0123456789abcdef"

static char *directory; /* a new one for each test */

static unsigned count_fds(void) {
        DIR *fds = opendir("/proc/self/fd");
        unsigned n = 0;

        while (readdir(fds))
                n++;
        closedir(fds);
        return n;
}

static unsigned count_files(void) {
        g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
        unsigned n = 0;

        while (g_dir_read_name(dir))
                n++;
        return n;
}

typedef struct Fixture {
        unsigned n_fds;
        GPtrArray *listeners;
} Fixture;

static void free_listener(void *listener) {
        listener_free(listener);
}

static void set_up(Fixture *f, const void *data) {
        g_autoptr(GError) error = NULL;

        (void)data;
        directory = g_dir_make_tmp("listener-XXXXXX", &error);
        g_assert_no_error(error);
        f->n_fds = count_fds();
        f->listeners = g_ptr_array_new_with_free_func(free_listener);
}

static void tear_down(Fixture *f, const void *data) {
        (void)data;
        g_ptr_array_unref(f->listeners);
        g_assert_cmpuint(count_fds(), ==, f->n_fds);
        g_assert_cmpuint(count_files(), ==, 0);
        g_assert_no_errno(g_rmdir(directory));
        g_clear_pointer(&directory, g_free);
}

static char *in_directory(const char *format, const char *name) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        g_autoptr(GString) text = g_string_new(format);

        g_string_replace(text, "%", path, 0);
        return g_string_free(g_steal_pointer(&text), FALSE);
}

static const Listener *open_one(Fixture *f, const char *address) {
        g_autoptr(GError) error = NULL;
        unsigned before = f->listeners->len;

        g_assert_true(listener_open_all(address, GUID, f->listeners, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(f->listeners->len, ==, before + 1);
        return f->listeners->pdata[before];
}

static char *open_error(Fixture *f, const char *address) {
        g_autoptr(GError) error = NULL;
        unsigned before = f->listeners->len;

        g_assert_false(listener_open_all(address, GUID, f->listeners, &error));
        g_assert_nonnull(error);
        g_assert_cmpuint(f->listeners->len, ==, before);
        return g_strdup(error->message);
}

/* As a client would: with what the printed address says. */
static int connect_to(const char *text) {
        g_autoptr(GPtrArray) addresses = address_parse_all(text, NULL);
        const Address *address = addresses->pdata[0];
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        size_t start = address->kind == ADDRESS_ABSTRACT;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_assert_true(g_str_has_suffix(text, ",guid=" GUID));
        memcpy(name.sun_path + start, address->value, strlen(address->value));
        g_assert_no_errno(connect(fd, (struct sockaddr *)&name,
                                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + start +
                                              strlen(address->value))));
        return fd;
}

static void check_connects(const Listener *listener) {
        int client, accepted, fd = listener_get_fd(listener);

        g_assert_cmpint(listener_accept(fd), ==, -EAGAIN);
        client = connect_to(listener_get_address(listener));
        accepted = listener_accept(fd);
        g_assert_cmpint(accepted, >=, 0);
        g_assert_cmpint(listener_accept(fd), ==, -EAGAIN);
        g_assert_cmpint(fcntl(accepted, F_GETFL) & O_NONBLOCK, !=, 0);
        g_assert_cmpint(fcntl(accepted, F_GETFD) & FD_CLOEXEC, !=, 0);
        g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
        g_assert_cmpint(write(client, "x", 1), ==, 1);
        close(client);
        close(accepted);
}

static void test_path(Fixture *f, const void *data) {
        g_autofree char *address = in_directory("unix:path=%", "a%20b");
        g_autofree char *path = in_directory("%", "a b");
        mode_t umask_before = umask(077);
        struct stat made;
        const Listener *listener = open_one(f, address);

        (void)data;
        umask(umask_before);
        check_connects(listener);
        g_assert_no_errno(stat(path, &made));
        g_assert_true(S_ISSOCK(made.st_mode));
        g_assert_cmpuint(made.st_mode & 07777, ==, 0777);
        g_ptr_array_set_size(f->listeners, 0);
        g_assert_cmpint(stat(path, &made), ==, -1);
}

static void test_runtime(Fixture *f, const void *data) {
        g_autofree char *path = in_directory("%", "bus");
        struct stat made;

        (void)data;
        g_setenv("XDG_RUNTIME_DIR", directory, TRUE);
        check_connects(open_one(f, "unix:runtime=yes"));
        g_assert_no_errno(stat(path, &made));
}

static void test_abstract(Fixture *f, const void *data) {
        g_autofree char *address = in_directory("unix:abstract=%", "a");

        (void)data;
        check_connects(open_one(f, address));
        g_assert_cmpuint(count_files(), ==, 0);
}

static void test_directory(Fixture *f, const void *data) {
        g_autofree char *dir = g_strconcat("unix:dir=", directory, NULL);
        g_autofree char *tmpdir = g_strconcat("unix:tmpdir=", directory, NULL);

        (void)data;
        check_connects(open_one(f, dir));
        check_connects(open_one(f, dir));
        check_connects(open_one(f, tmpdir));
        g_assert_cmpuint(count_files(), ==, 3);
}

/*
 * A socket in the way is replaced, its former owner keeps its hands off the new one; a file stays.
 */
static void test_stale(Fixture *f, const void *data) {
        g_autofree char *address = in_directory("unix:path=%", "a");
        g_autofree char *path = in_directory("%", "a");
        g_autofree char *message = NULL;
        const Listener *listener;

        (void)data;
        open_one(f, address);
        listener = open_one(f, address);
        check_connects(listener);
        g_ptr_array_remove_index(f->listeners, 0);
        check_connects(listener);
        g_ptr_array_set_size(f->listeners, 0);
        g_assert_cmpuint(count_files(), ==, 0);

        g_assert_true(g_file_set_contents(path, "precious", -1, NULL));
        message = open_error(f, address);
        g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
        g_assert_no_errno(g_unlink(path));
}

static void test_alternatives(Fixture *f, const void *data) {
        g_autofree char *address = in_directory(
                "unix:path=/nonexistent/a;tcp:host=localhost;unix:path=%;unix:path=/b", "a");

        (void)data;
        check_connects(open_one(f, address));
        g_assert_cmpuint(f->listeners->len, ==, 1);
}

/* A refusal says which address, and why. */
static void test_errors(Fixture *f, const void *data) {
        static const struct {
                const char *address, *words[2];
        } cases[] = {
                { "unix:path=/nonexistent/a", { "unix:path=/nonexistent/a", "No such file" } },
                { "unix:tmpdir=/nonexistent", { "unix:tmpdir=/nonexistent", "No such file" } },
                { "tcp:host=localhost,port=0", { "tcp:", "unix:path=" } },
                { "nonce-tcp:", { "nonce-tcp:", "unix:path=" } },
                { "launchd:env=X", { "launchd:", "unix:path=" } },
                { "autolaunch:", { "autolaunch:", "systemd:" } },
                { "unix:runtime=no", { "unix:runtime=no", "yes" } },
                { "unix:path=/a,abstract=b", { "unix:", "only one of" } },
                { "unix:", { "unix:", "is needed" } },
                { "systemd:", { "systemd:", "no socket was passed" } },
                { "garbage", { "garbage", "not an address" } },
                { "unix:path=/nonexistent/a;tcp:", { "/nonexistent/a", "tcp:" } },
        };
        g_autofree char *long_name = g_strnfill(200, 'a');
        g_autofree char *too_long = in_directory("unix:path=%", long_name);
        g_autofree char *message = open_error(f, too_long);

        (void)data;
        g_assert_nonnull(strstr(message, "longer than 107 bytes"));
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
                for (unsigned k = 0; k < 2; k++) {
                        g_autofree char *text = open_error(f, cases[i].address);

                        if (!strstr(text, cases[i].words[k]))
                                g_error("%s: \"%s\" does not say %s", cases[i].address, text,
                                        cases[i].words[k]);
                }
}

/* Runs in a child, where descriptors 3 and 4 are free to be taken. */
static int run_passed(const int fds[2], bool second_listens, const char *pid) {
        g_autoptr(GPtrArray) listeners = g_ptr_array_new_with_free_func(free_listener);
        g_autofree char *own = g_strdup_printf("%d", (int)getpid());
        bool opened;

        for (int i = 0; i < 2; i++)
                dup2(fds[i], 3 + i);
        g_setenv("LISTEN_PID", pid ? pid : own, TRUE);
        g_setenv("LISTEN_FDS", "2", TRUE);
        g_setenv("LISTEN_FDNAMES", "a:b", TRUE);
        opened = listener_open_all("systemd:", GUID, listeners, NULL);
        if (g_getenv("LISTEN_PID") || g_getenv("LISTEN_FDS") || g_getenv("LISTEN_FDNAMES"))
                return 1;
        if (!second_listens || pid)
                return opened || listeners->len > 0 ? 2 : 0;
        if (!opened || listeners->len != 2)
                return 3;
        check_connects(listeners->pdata[0]);
        check_connects(listeners->pdata[1]);
        return listener_open_all("systemd:", GUID, listeners, NULL) ? 4 : 0;
}

/* Return: a descriptor that is not in the way of the numbers 3 and 4. */
static int bind_one(const char *path, bool abstract, bool listens) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), high;

        memcpy(name.sun_path + abstract, path, strlen(path));
        g_assert_no_errno(bind(
                fd, (struct sockaddr *)&name,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + strlen(path))));
        if (listens)
                g_assert_no_errno(listen(fd, 10));
        high = fcntl(fd, F_DUPFD_CLOEXEC, 20);
        close(fd);
        return high;
}

static void check_passed(bool second_listens, const char *pid) {
        g_autofree char *path = in_directory("%", "a");
        int fds[2] = { bind_one(path, false, true), bind_one(path, true, second_listens) }, status;
        pid_t child = fork();

        if (child == 0)
                _exit(run_passed(fds, second_listens, pid));
        g_assert_cmpint(waitpid(child, &status, 0), ==, child);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
        close(fds[0]);
        close(fds[1]);
        /* the file is its maker's */
        g_assert_no_errno(g_unlink(path));
}

static void test_systemd(Fixture *f, const void *data) {
        (void)f;
        (void)data;
        check_passed(true, NULL);
        check_passed(false, NULL);
        check_passed(true, "1");
        check_passed(true, "");
        check_passed(true, "12x");
}

int main(int argc, char **argv) {
        static const struct {
                const char *path;
                void (*test)(Fixture *f, const void *data);
        } tests[] = {
                { "/bus/listener/path", test_path },
                { "/bus/listener/runtime", test_runtime },
                { "/bus/listener/abstract", test_abstract },
                { "/bus/listener/directory", test_directory },
                { "/bus/listener/stale", test_stale },
                { "/bus/listener/alternatives", test_alternatives },
                { "/bus/listener/errors", test_errors },
                { "/bus/listener/systemd", test_systemd },
        };

        g_test_init(&argc, &argv, NULL);
        for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++)
                g_test_add(tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
        return g_test_run();
}
