/* SPDX-License-Identifier: MIT */
/*
 * A listening AF_UNIX socket in a directory that only we can enter.
 */
#pragma once

#include <gio/gio.h>

typedef struct ListenSocket {
        char *directory; /* owned */
        char *path;      /* owned; of the socket, in directory */
        int fd;          /* owned; -1 when given away or closed */
} ListenSocket;

#define LISTEN_SOCKET_INIT                                                                         \
        { .fd = -1 }

/**
 * listen_socket_open() - makes directory and socket, in $XDG_RUNTIME_DIR or for temporary files
 * @ret_socket: an initialised, empty one; filled on success, untouched otherwise
 */
gboolean listen_socket_open(ListenSocket *ret_socket, GError **error);

/**
 * listen_socket_bind() - makes a listening socket at @path, where nothing may be
 *
 * Return: its descriptor, caller owns it; -1 with @error.
 */
int listen_socket_bind(const char *path, GError **error);

/**
 * listen_socket_remove() - removes socket and directory; only system calls, so that a signal
 * handler may call it
 */
void listen_socket_remove(const ListenSocket *listen_socket);

/** listen_socket_clear() - removes, closes and frees; fine for one that was never opened */
void listen_socket_clear(ListenSocket *listen_socket);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ListenSocket, listen_socket_clear)

/** listen_socket_address() - the D-Bus address of a socket at @path; newly allocated */
char *listen_socket_address(const char *path);
