/* SPDX-License-Identifier: MIT */
/*
 * One thread for each job, because a job may hang in a library that cannot be told to stop, and
 * such jobs must not keep those behind them waiting. What is done lies in a list under a lock, and
 * an eventfd wakes the loop.
 */
#include "bus/workers.h"

#include "base/fdset.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * Who gives out jobs bounds his own, and all of them together stay below: 8 look-ups of who
 * connects, 3 readings of the configuration, 3 look-ups of owners. None takes another's place.
 */
#define MAX_AT_WORK 16

/* What threads share with the loop. It outlives the Workers when threads do. */
typedef struct Desk {
        pthread_mutex_t lock; /* not GLib's, which the thread sanitizer cannot see */
        unsigned n_refs;      /* the Workers and every thread; under the lock, as what follows */
        ListNode finished;    /* WorkerJob.node */
        int event_fd;         /* owned */
        struct Desk *next;    /* in the list of those that nobody reads any more */
} Desk;

/*
 * Desks of buses that have ended before their threads. What such a thread finishes stays here:
 * whoever it was for is gone, and nobody else may free it.
 */
static Desk *left_behind;

struct Workers {
        Loop *loop; /* borrowed */
        LoopSource source;
        unsigned n_at_work;
        Desk *desk; /* ref */
};

typedef struct Shift {
        Desk *desk; /* ref */
        WorkerJob *job;
} Shift;

static void desk_unref(Desk *desk) {
        unsigned left;

        pthread_mutex_lock(&desk->lock);
        left = --desk->n_refs;
        pthread_mutex_unlock(&desk->lock);
        if (left > 0)
                return;
        close(desk->event_fd);
        pthread_mutex_destroy(&desk->lock);
        g_free(desk);
}

static void *run_shift(void *user) {
        Shift *shift = user;
        Desk *desk = shift->desk;

        shift->job->work(shift->job);
        pthread_mutex_lock(&desk->lock);
        list_append(&desk->finished, &shift->job->node);
        (void)eventfd_write(desk->event_fd, 1);
        pthread_mutex_unlock(&desk->lock);
        desk_unref(desk);
        g_free(shift);
        return NULL;
}

static void take_finished(Desk *desk, ListNode *ret_finished) {
        eventfd_t count;

        list_init(ret_finished);
        pthread_mutex_lock(&desk->lock);
        (void)eventfd_read(desk->event_fd, &count);
        list_move_all(ret_finished, &desk->finished);
        pthread_mutex_unlock(&desk->lock);
}

static void something_is_done(LoopSource *source, G_GNUC_UNUSED uint32_t events) {
        Workers *workers = CONTAINER_OF(source, Workers, source);
        ListNode finished;

        take_finished(workers->desk, &finished);
        while (!list_is_empty(&finished)) {
                WorkerJob *job = CONTAINER_OF(finished.next, WorkerJob, node);

                list_remove(&job->node);
                workers->n_at_work--;
                job->done(job);
        }
}

Workers *workers_new(Loop *loop, GError **error) {
        auto_fd fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        Workers *workers = g_new0(Workers, 1);
        int r = fd < 0 ? -errno : loop_add(loop, &workers->source, fd, EPOLLIN, something_is_done);

        if (r < 0) {
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                            "cannot make an event descriptor: %s", g_strerror(-r));
                g_free(workers);
                return NULL;
        }
        workers->loop = loop;
        workers->desk = g_new0(Desk, 1);
        workers->desk->n_refs = 1;
        workers->desk->event_fd = g_steal_fd(&fd);
        pthread_mutex_init(&workers->desk->lock, NULL);
        list_init(&workers->desk->finished);
        return workers;
}

void workers_free(Workers *workers) {
        if (!workers)
                return;
        loop_remove(workers->loop, &workers->source);
        if (workers->n_at_work == 0) {
                desk_unref(workers->desk);
        } else {
                workers->desk->next = left_behind;
                left_behind = workers->desk;
        }
        g_free(workers);
}

static bool has_threads(Desk *desk) {
        unsigned n_refs;

        pthread_mutex_lock(&desk->lock);
        n_refs = desk->n_refs;
        pthread_mutex_unlock(&desk->lock);
        /* one is that of the Workers, which were freed */
        return n_refs > 1;
}

void workers_leave(int status) {
        for (Desk *desk = left_behind; desk; desk = desk->next)
                if (has_threads(desk))
                        _exit(status);
        exit(status);
}

/* Signals are for the routing thread. */
static GThread *start_thread(Shift *shift) {
        sigset_t all, before;
        GThread *thread;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        thread = g_thread_try_new("worker", run_shift, shift, NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return thread;
}

bool workers_start(Workers *workers, WorkerJob *job) {
        Shift *shift;
        GThread *thread;

        if (workers->n_at_work >= MAX_AT_WORK)
                return false;
        shift = g_new(Shift, 1);
        *shift = (Shift){ .desk = workers->desk, .job = job };
        pthread_mutex_lock(&workers->desk->lock);
        workers->desk->n_refs++;
        pthread_mutex_unlock(&workers->desk->lock);
        thread = start_thread(shift);
        if (!thread) {
                desk_unref(workers->desk);
                g_free(shift);
                return false;
        }
        g_thread_unref(thread);
        workers->n_at_work++;
        return true;
}
