/* SPDX-License-Identifier: MIT */
/*
 * Opens listening sockets from addresses, or takes over those that systemd has passed, and cleans
 * up after them.
 *
 * A path may be taken over by another bus while we run. The file that a socket made is therefore
 * remembered by its number, and only that file is unlinked.
 */
#include "bus/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fdset.h"
#include "base/log.h"
#include "bus/address.h"

/* Descriptors passed by systemd start here (sd_listen_fds(3)). */
#define FIRST_PASSED_FD 3

/* Tries to find a name in a directory that is not taken. */
#define MAX_NAMES 100

struct Listener {
        int fd;        /* owned */
        char *address; /* owned */
        char *path;    /* owned; absolute; NULL: there is no file of ours */
        dev_t device;  /* of that file */
        ino_t inode;
};

static Listener *make_listener(int fd, char *address, const char *guid) {
        Listener *listener = g_new0(Listener, 1);

        listener->fd = fd;
        listener->address = g_strconcat(address, ",guid=", guid, NULL);
        g_free(address);
        return listener;
}

/* Whoever is another user by now may not be able to; the next bus takes such a path over. */
static void remove_socket(const char *path) {
        if (unlink(path) < 0 && errno != ENOENT)
                log_message(LOG_LEVEL_WARNING, "The socket %s stays behind: %s", path,
                            g_strerror(errno));
}

void listener_free(Listener *listener) {
        struct stat now;

        if (!listener)
                return;
        close(listener->fd);
        if (listener->path && lstat(listener->path, &now) == 0 && now.st_dev == listener->device &&
            now.st_ino == listener->inode)
                remove_socket(listener->path);
        g_free(listener->path);
        g_free(listener->address);
        g_free(listener);
}

int listener_get_fd(const Listener *listener) {
        return listener->fd;
}

const char *listener_get_address(const Listener *listener) {
        return listener->address;
}

int listener_accept(int fd) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (client >= 0)
                return client;
        return errno == EINTR || errno == ECONNABORTED ? -EAGAIN : -errno;
}

static bool fail(GError **error, const char *what, int number) {
        g_set_error(error, ADDRESS_ERROR, ADDRESS_ERROR_LISTEN, "%s: %s", what, g_strerror(number));
        return false;
}

/* @name: what is put into sun_path, which for an abstract socket begins behind a NUL. */
static bool fill_sockaddr(const char *name, bool abstract, struct sockaddr_un *ret_name,
                          socklen_t *ret_length, GError **error) {
        size_t start = abstract ? 1 : 0, length = strlen(name);

        *ret_name = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (start + length >= sizeof ret_name->sun_path) {
                g_set_error(error, ADDRESS_ERROR, ADDRESS_ERROR_LISTEN,
                            "the name is longer than %zu bytes",
                            sizeof ret_name->sun_path - 1 - start);
                return false;
        }
        memcpy(ret_name->sun_path + start, name, length);
        *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + start + length);
        return true;
}

static int bind_socket(const char *name, bool abstract, GError **error) {
        auto_fd fd = -1;
        struct sockaddr_un sockaddr;
        socklen_t length;

        if (!fill_sockaddr(name, abstract, &sockaddr, &length, error))
                return -1;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
                fail(error, "cannot make a socket", errno);
                return -1;
        }
        if (bind(fd, (const struct sockaddr *)&sockaddr, length) < 0) {
                fail(error, "cannot bind", errno);
                return -1;
        }
        return g_steal_fd(&fd);
}

/* From here on listener_free() unlinks the file. */
static bool remember_file(Listener *listener, const char *path, GError **error) {
        struct stat made;

        if (lstat(path, &made) < 0)
                return fail(error, "cannot find the socket again", errno);
        listener->path = g_canonicalize_filename(path, NULL);
        listener->device = made.st_dev;
        listener->inode = made.st_ino;
        return true;
}

static Listener *listen_at_path(const char *path, const char *guid, GError **error) {
        int fd = bind_socket(path, false, error);
        g_autoptr(Listener) listener = NULL;

        if (fd < 0)
                return NULL;
        listener = make_listener(fd, address_print("path", path), guid);
        if (!remember_file(listener, path, error))
                return NULL;
        if (chmod(path, 0777) < 0) {
                fail(error, "cannot open the socket to everybody", errno);
                return NULL;
        }
        if (listen(fd, SOMAXCONN) < 0) {
                fail(error, "cannot listen", errno);
                return NULL;
        }
        return g_steal_pointer(&listener);
}

static Listener *open_path(const char *path, const char *guid, GError **error) {
        struct stat old;

        if (lstat(path, &old) == 0 && S_ISSOCK(old.st_mode))
                unlink(path);
        return listen_at_path(path, guid, error);
}

static Listener *open_abstract(const char *name, const char *guid, GError **error) {
        int fd = bind_socket(name, true, error);
        g_autoptr(Listener) listener = NULL;

        if (fd < 0)
                return NULL;
        listener = make_listener(fd, address_print("abstract", name), guid);
        if (listen(fd, SOMAXCONN) < 0) {
                fail(error, "cannot listen", errno);
                return NULL;
        }
        return g_steal_pointer(&listener);
}

/* A path that nobody has, like "/tmp/dbus-k3JxPq0aYz". */
static char *make_path(const char *directory) {
        static const char letters[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        char name[] = "dbus-XXXXXXXXXX";

        for (char *c = name + strlen("dbus-"); *c; c++)
                *c = letters[g_random_int_range(0, sizeof letters - 1)];
        return g_build_filename(directory, name, NULL);
}

static Listener *open_directory(const char *directory, const char *guid, GError **error) {
        struct stat taken;

        for (unsigned i = 0; i < MAX_NAMES; i++) {
                g_autofree char *path = make_path(directory);

                if (lstat(path, &taken) < 0)
                        return listen_at_path(path, guid, error);
        }
        fail(error, "cannot find a free name", EEXIST);
        return NULL;
}

/* Sockets from systemd */

/*
 * A number in the environment, -1 if there is none. Taken out, because it is not for our children.
 */
static long take_number(const char *variable) {
        g_autofree char *text = g_strdup(g_getenv(variable));
        char *end;
        long number;

        g_unsetenv(variable);
        if (!text || *text == '\0')
                return -1;
        errno = 0;
        number = strtol(text, &end, 10);
        return errno == 0 && *end == '\0' ? number : -1;
}

/* How many descriptors were passed to this very process. */
static long take_passed_fds(void) {
        long pid = take_number("LISTEN_PID"), n_fds = take_number("LISTEN_FDS");

        g_unsetenv("LISTEN_FDNAMES");
        return pid == (long)getpid() && n_fds > 0 && n_fds < 1024 ? n_fds : 0;
}

static bool is_listening(int fd) {
        int domain, type, listening;
        socklen_t size = sizeof(int);

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
               getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
               getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

/* NULL for a socket without a name, to which nobody can connect. */
static char *read_address(int fd) {
        struct sockaddr_un name = { 0 };
        socklen_t length = sizeof name;
        size_t n;

        if (getsockname(fd, (struct sockaddr *)&name, &length) < 0 ||
            length <= offsetof(struct sockaddr_un, sun_path))
                return NULL;
        n = MIN(length, sizeof name) - offsetof(struct sockaddr_un, sun_path);
        if (name.sun_path[0] != '\0') {
                g_autofree char *path = g_strndup(name.sun_path, n);
                return address_print("path", path);
        }
        if (memchr(name.sun_path + 1, '\0', n - 1))
                return NULL;
        g_autofree char *abstract = g_strndup(name.sun_path + 1, n - 1);
        return address_print("abstract", abstract);
}

static bool set_flags(int fd) {
        int status = fcntl(fd, F_GETFL);

        return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && status >= 0 &&
               fcntl(fd, F_SETFL, status | O_NONBLOCK) == 0;
}

static Listener *take_over(int fd, const char *guid, GError **error) {
        g_autofree char *address = NULL;

        if (!is_listening(fd) || !set_flags(fd) || !(address = read_address(fd))) {
                g_set_error(error, ADDRESS_ERROR, ADDRESS_ERROR_LISTEN,
                            "descriptor %d is no listening unix stream socket with a name", fd);
                return NULL;
        }
        return make_listener(fd, g_steal_pointer(&address), guid);
}

static bool open_systemd(const char *guid, GPtrArray *listeners, GError **error) {
        unsigned n_before = listeners->len;
        long n_fds = take_passed_fds();

        if (n_fds == 0) {
                g_set_error(error, ADDRESS_ERROR, ADDRESS_ERROR_LISTEN,
                            "no socket was passed to this process");
                return false;
        }
        for (int fd = FIRST_PASSED_FD; fd < FIRST_PASSED_FD + n_fds; fd++) {
                Listener *listener = take_over(fd, guid, error);

                if (!listener) {
                        g_ptr_array_set_size(listeners, (int)n_before);
                        return false;
                }
                g_ptr_array_add(listeners, listener);
        }
        return true;
}

static bool open_one(const Address *address, const char *guid, GPtrArray *listeners,
                     GError **error) {
        Listener *listener = NULL;

        switch (address->kind) {
        case ADDRESS_PATH:
                listener = open_path(address->value, guid, error);
                break;
        case ADDRESS_ABSTRACT:
                listener = open_abstract(address->value, guid, error);
                break;
        case ADDRESS_DIRECTORY:
                listener = open_directory(address->value, guid, error);
                break;
        case ADDRESS_SYSTEMD:
                return open_systemd(guid, listeners, error);
        case ADDRESS_UNSUPPORTED:
                g_set_error_literal(error, ADDRESS_ERROR, ADDRESS_ERROR_LISTEN, address->value);
                break;
        }
        if (listener)
                g_ptr_array_add(listeners, listener);
        return listener != NULL;
}

bool listener_open_all(const char *address, const char *guid, GPtrArray *listeners,
                       GError **error) {
        g_autoptr(GPtrArray) alternatives = address_parse_all(address, error);
        g_autoptr(GString) reasons = g_string_new(NULL);

        if (!alternatives)
                return false;
        for (unsigned i = 0; i < alternatives->len; i++) {
                const Address *alternative = alternatives->pdata[i];
                g_autoptr(GError) reason = NULL;

                if (open_one(alternative, guid, listeners, &reason))
                        return true;
                g_string_append_printf(reasons, "%scannot listen on \"%s\": %s", i > 0 ? "; " : "",
                                       alternative->text, reason->message);
        }
        g_set_error_literal(error, ADDRESS_ERROR, ADDRESS_ERROR_LISTEN, reasons->str);
        return false;
}
