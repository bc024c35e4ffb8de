/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets of the bus itself, as its configuration asks for them. Who waits for them and
 * accepts is bus/acceptor.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct Listener Listener;

/**
 * listener_open_all() - listens where an address says
 * @address:   of one <listen> element or --address. Of alternatives separated by ';' the first that
 *             can be opened is taken, as in the reference implementation
 * @guid:      32 hexadecimal digits, part of the printed addresses
 * @listeners: array of Listener * to which what was opened is added: one, or as many as systemd has
 *             passed
 *
 * Sockets are non-blocking and close-on-exec. What has a path can be connected to by everybody,
 * whatever the umask is; who may stay is the policy's to say. A socket that is in the way is
 * unlinked, used or not: it is what an earlier bus left behind.
 *
 * Return: false with @error set, which names each alternative and what is wrong with it; nothing
 * was added.
 */
bool listener_open_all(const char *address, const char *guid, GPtrArray *listeners, GError **error);

/** listener_get_fd() - borrowed */
int listener_get_fd(const Listener *listener);

/** listener_get_address() - connectable, with guid; borrowed */
const char *listener_get_address(const Listener *listener);

/**
 * listener_accept() - takes one connection out of the queue of a listening socket, close-on-exec
 * and non-blocking
 *
 * Return: the descriptor, which the caller owns; -errno: -EAGAIN when nobody waits (also when who
 * waited has left), -EMFILE and the like when there is no room for another: the caller had better
 * not ask again at once.
 */
int listener_accept(int fd);

/**
 * listener_free() - closes the socket and unlinks its file, if it made one and nobody has replaced
 * it since; NULL is fine
 */
void listener_free(Listener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listener, listener_free)
