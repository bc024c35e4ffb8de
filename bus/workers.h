/* SPDX-License-Identifier: MIT */
/*
 * Threads for what may block: reading the configuration, and asking who a user is. The routing
 * thread hands out a job and goes on; it hears of the end in one of its turns.
 *
 *      embed WorkerJob -> workers_start() -> work() in a thread -> done() in the loop
 *
 * A job is not stopped. One that hangs keeps its thread, of which there is a bounded number, and
 * nothing else. It may hold locks of the libraries it hangs in, so that a process with such a job
 * must leave without calling them: workers_leave().
 */
#pragma once

#include "base/hash.h"
#include "bus/loop.h"

typedef struct WorkerJob WorkerJob;
struct WorkerJob {
        ListNode node;                /* linked once it is done */
        void (*work)(WorkerJob *job); /* in a thread; must touch nothing but the job */
        void (*done)(WorkerJob *job); /* in the loop; frees the job, if it is to be freed */
};

typedef struct Workers Workers;

/** workers_new() - no thread is made until there is work. Return: NULL with @error set */
Workers *workers_new(Loop *loop, GError **error);

/**
 * workers_free() - whoever is still at work may end, but nobody hears of it any more; done jobs are
 * leaked then
 */
void workers_free(Workers *workers);

/**
 * workers_leave() - what exit(3) does; what _exit(2) does when a job still runs, which could
 * make the former wait for ever
 */
_Noreturn void workers_leave(int status);

/**
 * workers_start() - begins @job, which must stay until it is done
 *
 * Return: false when too many are at work already; nothing has happened then.
 */
bool workers_start(Workers *workers, WorkerJob *job);
