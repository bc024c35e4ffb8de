/* SPDX-License-Identifier: MIT */
/* Descriptors that a manager gives so that it can be waited for them. */
#pragma once

#include <stdbool.h>

/**
 * notify_fd_check() - whether @fd is of a kind that may be waited for: a socket, a pipe or FIFO, an
 * eventfd or a pidfd
 *
 * Asks nothing of the file system that @fd is from, so that it cannot block.
 */
bool notify_fd_check(int fd);
