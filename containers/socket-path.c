/* SPDX-License-Identifier: MIT */
/*
 * Path-based sockets in a directory that only the bus can write to, so that no name in it is
 * anybody else's. Names are random, because buses of one user share the directory and a killed bus
 * leaves its sockets behind.
 */
#include "containers/socket-path.h"

#include "base/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define ROOT_DIRECTORY "/run/dbus/containers"
#define MAX_TRIES                                                                                  \
        8 /* for a name that is not there yet; one is enough unless random numbers are not */

char *socket_path_get_directory(void) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        if (geteuid() == 0)
                return g_strdup(ROOT_DIRECTORY);
        if (!runtime || runtime[0] != '/')
                return NULL;
        return g_build_filename(runtime, "dbus-1", "containers", NULL);
}

/* Return: -1, so that a caller can return it too. */
static int fail(GError **error, int number, const char *what, const char *path) {
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(number), "%s %s: %s", what,
                    path, g_strerror(number));
        return -1;
}

/* Makes and opens one directory, without following a link in its place. @uid owns what is made. */
static int open_directory(int parent, const char *name, mode_t mode, uid_t uid) {
        bool made = mkdirat(parent, name, mode) == 0;
        auto_fd fd = -1;

        if (!made && errno != EEXIST)
                return -1;
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || !made)
                return g_steal_fd(&fd);
        /* Not what the umask left of it. */
        if (fchmod(fd, mode) < 0 || (uid != geteuid() && fchown(fd, uid, (gid_t)-1) < 0))
                return -1;
        return g_steal_fd(&fd);
}

/*
 * Nobody but root and @uid may be able to put something else in the place of a socket; or whom root
 * trusts, who owns a directory in one that only root can write to, as the system bus's user does.
 */
static bool is_safe(int parent, int directory, uid_t uid) {
        struct stat above, status;

        if (fstat(parent, &above) < 0 || fstat(directory, &status) < 0)
                return false;
        if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 || (above.st_mode & S_IWOTH) != 0)
                return false;
        if (above.st_uid == 0 && (above.st_mode & S_IWGRP) == 0)
                return true;
        return above.st_uid == uid && (status.st_uid == 0 || status.st_uid == uid);
}

bool socket_path_prepare(const char *directory, uid_t uid, mode_t mode, GError **error) {
        g_autofree char *middle_path = g_path_get_dirname(directory);
        g_autofree char *top_path = g_path_get_dirname(middle_path);
        g_autofree char *middle_name = g_path_get_basename(middle_path);
        g_autofree char *name = g_path_get_basename(directory);
        auto_fd top = open(top_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        auto_fd middle = top < 0 ? -1 : open_directory(top, middle_name, mode, geteuid());
        auto_fd last = middle < 0 ? -1 : open_directory(middle, name, mode, uid);

        if (last < 0) {
                fail(error, errno, "cannot make the directory for sockets of containers,",
                     directory);
                return false;
        }
        if (!is_safe(middle, last, uid)) {
                fail(error, EPERM, "others can write to", directory);
                return false;
        }
        return true;
}

static char *make_path(const char *directory) {
        uint64_t number;

        if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number)
                number = (uint64_t)g_random_int() << 32 | g_random_int();
        return g_strdup_printf("%s/%016" G_GINT64_MODIFIER "x", directory, number);
}

/* Binds @fd to a new path. Return: 0 or an errno. */
static int bind_new(int fd, const char *directory, char **ret_path) {
        for (int i = 0; i < MAX_TRIES; i++) {
                g_autofree char *path = make_path(directory);
                struct sockaddr_un address = { .sun_family = AF_UNIX };

                if (strlen(path) >= sizeof address.sun_path)
                        return ENAMETOOLONG;
                strcpy(address.sun_path, path);
                if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) {
                        *ret_path = g_steal_pointer(&path);
                        return 0;
                }
                if (errno != EADDRINUSE)
                        return errno;
        }
        return EADDRINUSE;
}

int socket_path_listen(const char *directory, mode_t mode, char **ret_path, GError **error) {
        g_autofree char *path = NULL;
        auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int number;

        if (fd < 0)
                return fail(error, errno, "cannot make a socket in", directory);
        /* The file gets the socket's mode without the bits of the umask; the rest of them comes
         * after. */
        number = fchmod(fd, mode) < 0 ? errno : bind_new(fd, directory, &path);
        if (number != 0)
                return fail(error, number, "cannot make a socket in", directory);
        if (chmod(path, mode) < 0 || listen(fd, SOMAXCONN) < 0) {
                number = errno;
                unlink(path);
                return fail(error, number, "cannot listen on", path);
        }
        *ret_path = g_steal_pointer(&path);
        return g_steal_fd(&fd);
}

char *socket_path_to_address(const char *path, const char *guid) {
        static const char plain[] = "-_/.\\*";
        GString *address = g_string_new("unix:path=");

        for (const char *c = path; *c; c++) {
                if (g_ascii_isalnum(*c) || strchr(plain, *c))
                        g_string_append_c(address, *c);
                else
                        g_string_append_printf(address, "%%%02x", (uint8_t)*c);
        }
        g_string_append_printf(address, ",guid=%s", guid);
        return g_string_free(address, FALSE);
}
