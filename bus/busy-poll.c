/* SPDX-License-Identifier: MIT */
/* Spins for the loop, within limits that keep it from being a nuisance. */
#include "bus/busy-poll.h"

#include <glib.h>
#include <sched.h>
#include <time.h>

#define MAX_SKIPPING 1024

/* A round is some system calls. When it takes longer than this, somebody else had the processor. */
#define ROUND_MAX_NSEC 20000

void busy_poll_set(BusyPoll *poll, uint32_t usec) {
        *poll = (BusyPoll){ .usec = usec };
}

static uint64_t now_nsec(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Return: as busy_poll_wait(); 0 as soon as the processor is wanted by others. */
static int spin(uint64_t max_nsec, int epoll_fd, struct epoll_event *events, int max) {
        uint64_t start = now_nsec(), last = start;

        for (;;) {
                int n;

                sched_yield();
                n = epoll_wait(epoll_fd, events, max, 0);
                if (n != 0)
                        return MAX(n, 0);
                uint64_t now = now_nsec();
                if (now - start >= max_nsec || now - last > ROUND_MAX_NSEC)
                        return 0;
                last = now;
        }
}

int busy_poll_wait(BusyPoll *poll, int epoll_fd, struct epoll_event *events, int max) {
        int n;

        if (poll->usec == 0)
                return 0;
        if (poll->to_skip > 0) {
                poll->to_skip--;
                return 0;
        }
        n = spin((uint64_t)poll->usec * 1000, epoll_fd, events, max);
        poll->skipping = n > 0 ? poll->skipping / 2 : CLAMP(poll->skipping * 2, 1, MAX_SKIPPING);
        poll->to_skip = poll->skipping;
        return n;
}
