/* SPDX-License-Identifier: MIT */
/*
 * The socket of one container, in a directory of mode 0700 that mkdtemp() made: nobody else can put
 * something in its place, and nothing is left when both are removed.
 */
#include "tools/listen-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int listen_socket_bind(const char *path, GError **error) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd;

        if (strlen(path) >= sizeof address.sun_path) {
                g_set_error(error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
                            "%s is too long for the name of a socket, set XDG_RUNTIME_DIR to a "
                            "shorter directory",
                            path);
                return -1;
        }
        strcpy(address.sun_path, path);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            listen(fd, SOMAXCONN) < 0) {
                int saved_errno = errno;

                g_set_error(error, G_IO_ERROR, g_io_error_from_errno(saved_errno),
                            "cannot listen on %s: %s", path, g_strerror(saved_errno));
                if (fd >= 0)
                        close(fd);
                return -1;
        }
        return fd;
}

gboolean listen_socket_open(ListenSocket *ret_socket, GError **error) {
        g_auto(ListenSocket) made = LISTEN_SOCKET_INIT;
        const char *runtime = g_getenv("XDG_RUNTIME_DIR");
        const char *parent = runtime && g_path_is_absolute(runtime) && g_access(runtime, W_OK) == 0
                                     ? runtime
                                     : g_get_tmp_dir();
        g_autofree char *directory = g_build_filename(parent, "dbus-container-XXXXXX", NULL);

        if (!g_mkdtemp_full(directory, 0700)) {
                int saved_errno = errno;

                g_set_error(error, G_IO_ERROR, g_io_error_from_errno(saved_errno),
                            "cannot make a directory in %s: %s", parent, g_strerror(saved_errno));
                return FALSE;
        }
        made.directory = g_steal_pointer(&directory);
        made.path = g_build_filename(made.directory, "bus", NULL);
        made.fd = listen_socket_bind(made.path, error);
        if (made.fd < 0)
                return FALSE;

        *ret_socket = made;
        made = (ListenSocket)LISTEN_SOCKET_INIT;
        return TRUE;
}

void listen_socket_remove(const ListenSocket *listen_socket) {
        if (listen_socket->path)
                (void)unlink(listen_socket->path);
        if (listen_socket->directory)
                (void)rmdir(listen_socket->directory);
}

void listen_socket_clear(ListenSocket *listen_socket) {
        listen_socket_remove(listen_socket);
        if (listen_socket->fd >= 0)
                close(listen_socket->fd);
        g_clear_pointer(&listen_socket->path, g_free);
        g_clear_pointer(&listen_socket->directory, g_free);
        listen_socket->fd = -1;
}

char *listen_socket_address(const char *path) {
        g_autofree char *escaped = g_dbus_address_escape_value(path);

        return g_strdup_printf("unix:path=%s", escaped);
}
