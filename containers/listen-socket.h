/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets that came from somebody else, who may go on playing with them while the bus
 * uses them.
 */
#pragma once

typedef enum ListenSocketStage {
        LISTEN_SOCKET_ANY,       /* may still have to be bound and to listen */
        LISTEN_SOCKET_LISTENING, /* has to listen already */
} ListenSocketStage;

/**
 * listen_socket_check() - whether @fd is what ListenSocket has to be: AF_UNIX, SOCK_STREAM, not
 * connected
 *
 * Return: NULL when it is; else what is wrong, a constant for an error text.
 */
const char *listen_socket_check(int fd, ListenSocketStage stage);

/**
 * listen_socket_accept() - takes one connection out of the queue of @fd, close-on-exec and
 * non-blocking
 *
 * For the thread that called it first. Does not block for more than a few milliseconds, whatever
 * others who hold the same socket do to it: whether accept() blocks is a property that they share.
 *
 * Return: the descriptor, which the caller owns; else -errno. -EAGAIN: nobody is there. -ETIMEDOUT:
 *         somebody made the socket blocking and was quicker, which happens to nobody by chance.
 *         -ESHUTDOWN: somebody shut it down, nobody will ever come.
 */
int listen_socket_accept(int fd);
