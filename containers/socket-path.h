/* SPDX-License-Identifier: MIT */
/*
 * Sockets that the bus makes for container servers: where they are, how they are made, what their
 * address is.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * socket_path_get_directory() - where sockets belong: /run/dbus/containers for root, else below
 * $XDG_RUNTIME_DIR
 *
 * Return: newly allocated; NULL when there is no such place.
 */
char *socket_path_get_directory(void);

/**
 * socket_path_prepare() - makes the last two elements of @directory where they are missing
 * @uid:  who will make sockets there; with another one than our own only root can call this
 * @mode: of what is made
 *
 * Return: false with @error set, also when the directory is there and others could write to it.
 */
bool socket_path_prepare(const char *directory, uid_t uid, mode_t mode, GError **error);

/**
 * socket_path_listen() - a new listening socket in @directory
 * @mode:     of the socket, whatever the umask is
 * @ret_path: its path, newly allocated; to be unlinked by whoever closes the socket
 *
 * Nobody can connect before its mode is right. Return: the descriptor; -1 with @error set and
 * nothing left behind.
 */
int socket_path_listen(const char *directory, mode_t mode, char **ret_path, GError **error);

/** socket_path_to_address() - the connectable address of the socket at @path; newly allocated */
char *socket_path_to_address(const char *path, const char *guid);
