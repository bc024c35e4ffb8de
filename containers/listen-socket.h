/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets that came from somebody else, who may go on playing with them while the bus
 * uses them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* The file that a socket is bound to. Zeroed: none. */
typedef struct SocketFile {
        char *path; /* owned; absolute */
        dev_t device;
        ino_t inode;
} SocketFile;

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
 * socket_file_find() - completes @file, of which device and inode are known, with the path that @fd
 * is bound to
 *
 * Return: false when it is bound to none, or the path that it was bound to does not lead to this
 *         file from here.
 */
bool socket_file_find(int fd, SocketFile *file);

/** socket_file_unlink() - removes the file, if it still is the one that was found; clears @file */
void socket_file_unlink(SocketFile *file);

/** socket_file_clear() - forgets the file and leaves it alone */
void socket_file_clear(SocketFile *file);

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
