/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets that came from somebody else, and may be played with while the bus uses them.
 */
#pragma once

/**
 * listen_socket_check() - whether @fd is what ListenSocket has to be: AF_UNIX, SOCK_STREAM, not connected
 * @must_listen: it has to be listening already
 *
 * Return: NULL when it is; else what is wrong, a constant for an error text.
 */
const char *listen_socket_check(int fd, int must_listen);

/**
 * listen_socket_accept() - takes one connection out of the queue of @fd, close-on-exec and non-blocking
 *
 * Does not block for more than a few milliseconds, whatever others who hold the same socket do to it.
 *
 * Return: the descriptor, which the caller owns; else -errno, -EAGAIN when there is nobody.
 */
int listen_socket_accept(int fd);
