/* SPDX-License-Identifier: MIT */
/*
 * The event loop: epoll, timers, signals, and work put off to the end of a turn.
 *
 * A turn is: wait, handle what is ready, run deferred work, flush. One thread.
 */
#pragma once

#include "base/hash.h"

#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

typedef struct Loop Loop;

/* Embedded in who waits for a descriptor. */
typedef struct LoopSource LoopSource;
typedef void (*LoopReady)(LoopSource *source, uint32_t events);
struct LoopSource {
        LoopReady ready;
        int fd; /* borrowed; -1: not added */
};

/* Embedded in who waits for a time. */
typedef struct LoopTimer LoopTimer;
typedef void (*LoopExpired)(LoopTimer *timer);
struct LoopTimer {
        ListNode node; /* sorted by deadline; linked only while armed */
        LoopExpired expired;
        uint64_t deadline_usec;
};

/* Embedded in who has something to do before the next wait. */
typedef struct LoopWork LoopWork;
typedef void (*LoopRun)(LoopWork *work);
struct LoopWork {
        ListNode node; /* linked while it is due */
        LoopRun run;
};

/** loop_new() - NULL with @error set when the kernel gives no descriptor */
Loop *loop_new(GError **error);
void loop_free(Loop *loop);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Loop, loop_free)

/**
 * loop_add() - calls @ready whenever @fd has one of @events (EPOLLIN, EPOLLET, ...)
 *
 * Return: 0, -errno.
 */
int loop_add(Loop *loop, LoopSource *source, int fd, uint32_t events, LoopReady ready);

/** loop_modify() - other events from now on */
int loop_modify(Loop *loop, LoopSource *source, uint32_t events);

/**
 * loop_remove() - @source is never called again, not even for what this turn has found already
 *
 * A source that was not added is fine.
 */
void loop_remove(Loop *loop, LoopSource *source);

/** loop_arm() - @expired will be called once at @deadline_usec (CLOCK_MONOTONIC); arming again
 * moves it */
void loop_arm(Loop *loop, LoopTimer *timer, uint64_t deadline_usec, LoopExpired expired);
void loop_disarm(LoopTimer *timer);

/** loop_defer() - runs @work in this turn after all sources; once, however often it is asked */
void loop_defer(Loop *loop, LoopWork *work, LoopRun run);
void loop_cancel(LoopWork *work);

/** loop_now_usec() - CLOCK_MONOTONIC; the clock is read at most once a turn */
uint64_t loop_now_usec(Loop *loop);

/** loop_set_turn_end() - @flush is called at the end of every turn, after deferred work */
void loop_set_turn_end(Loop *loop, void (*flush)(void *user), void *user);

/**
 * loop_watch_signals() - blocks @signals and calls @received for each that comes
 *
 * Return: 0, -errno.
 */
int loop_watch_signals(Loop *loop, const sigset_t *signals,
                       void (*received)(int signal, void *user), void *user);

/** loop_set_busy_poll() - how many microseconds to look again before sleeping, see bus/busy-poll.h */
void loop_set_busy_poll(Loop *loop, uint32_t usec);

/** loop_turn() - one turn; waits when nothing is due. Return: 0, -errno of a broken epoll */
int loop_turn(Loop *loop);

/** loop_run() - turns until loop_quit() */
int loop_run(Loop *loop);
void loop_quit(Loop *loop);
