/* SPDX-License-Identifier: MIT */
/*
 * Looking again for a moment before going to sleep (<busy_poll usec="…"/>).
 *
 * Waking a process on another processor takes longer than anything else that a bus does. A bus that
 * may waste some time answers the next call of a conversation several times sooner.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* All 0: never looks again. */
typedef struct BusyPoll {
        uint32_t usec;     /* how long, at most; 0: not at all */
        uint32_t to_skip;  /* waits until the next try */
        uint32_t skipping; /* waits that the last unsuccessful try costs; a power of two */
} BusyPoll;

/**
 * busy_poll_set() - how long a try may last
 * @usec: 0 to 1000; 0 ends it
 */
void busy_poll_set(BusyPoll *poll, uint32_t usec);

/**
 * busy_poll_wait() - asks @epoll_fd again and again until something is ready or the time is over
 * @events: array of @max, filled
 *
 * Every round first offers the processor to whoever else is waiting for it. When somebody takes it,
 * or when nothing comes in time, tries become rare, at last one in 1024; one that succeeds makes
 * them frequent again.
 *
 * Return: how many events there are; 0 when the caller should sleep, also when no try was made.
 */
int busy_poll_wait(BusyPoll *poll, int epoll_fd, struct epoll_event *events, int max);
