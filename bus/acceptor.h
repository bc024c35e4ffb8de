/* SPDX-License-Identifier: MIT */
/*
 * Accepts connections on listening descriptors: those of the configuration and those of container
 * servers.
 */
#pragma once

#include "bus/bus.h"

typedef struct Acceptor Acceptor;

/*
 * Takes one connection out of the queue of @fd. Return: descriptor, -errno (-EAGAIN: nobody waits).
 */
typedef int (*AcceptFunction)(int fd);

/**
 * acceptor_new() - accepts on @fd from now on
 * @fd:       listening, non-blocking; borrowed
 * @instance: whose container server it is; NULL: none. Borrowed
 *
 * Return: owned by the caller; NULL with @ret_error set to -errno.
 */
Acceptor *acceptor_new(Bus *bus, int fd, AcceptFunction accept_one, Instance *instance,
                       int *ret_error);
void acceptor_free(Acceptor *acceptor);

/** acceptors_resume() - BusHooks.place_free: connections may be accepted again; O(1) unless they
 * were stopped */
void acceptors_resume(Bus *bus);
