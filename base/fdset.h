/* SPDX-License-Identifier: MIT */
/*
 * Owned file descriptors: the set that travels with a message, and the automatic close of a local
 * one.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <unistd.h>

/* The kernel passes at most this many descriptors at once (SCM_MAX_FD). */
#define FDSET_MAX 253

/* Closes a local descriptor at the end of its scope; -1 is nobody's. */
static inline void auto_fd_close(int *fd) {
        if (*fd >= 0)
                close(*fd);
}
#define auto_fd __attribute__((cleanup(auto_fd_close))) int

/* Reference counted, immutable: the descriptors of one message, shared by all its receivers. */
typedef struct FdSet {
        unsigned n_refs;
        unsigned n_fds;
        int fds[]; /* owned */
} FdSet;

/**
 * fdset_new() - takes over @n_fds descriptors
 * @fds:   ownership of each descriptor passes to the set, not that of the array
 * @n_fds: 1 to any number; the caller has bounded it
 */
FdSet *fdset_new(const int *fds, unsigned n_fds);

FdSet *fdset_ref(FdSet *set);

/** fdset_unref() - drops a reference, with the last one closes all descriptors; NULL is fine */
void fdset_unref(FdSet *set);

/**
 * fdset_dup() - a duplicate of descriptor @index that the caller owns, close-on-exec
 *
 * Return: the new descriptor, -1 with errno set (EBADF for an index that is out of range).
 */
int fdset_dup(const FdSet *set, unsigned index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FdSet, fdset_unref)
