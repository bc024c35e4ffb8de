/* SPDX-License-Identifier: MIT */
/*
 * epoll, a sorted list of timers, and deferred work.
 *
 * Timers of one kind all have the same length, so a new one nearly always belongs at the end of the
 * list and is found a place from there. A source that goes away in the middle of a turn is struck
 * from the events that the turn still has to handle, so that nobody is called after loop_remove().
 */
#include "bus/loop.h"

#include "bus/busy-poll.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_PER_TURN 128

struct Loop {
        int epoll_fd; /* owned */
        bool quit;
        unsigned n_events, next_event; /* of this turn */
        struct epoll_event events[EVENTS_PER_TURN];
        BusyPoll busy_poll;
        ListNode timers;   /* LoopTimer, earliest first */
        ListNode work;     /* LoopWork that is due */
        uint64_t now_usec; /* 0: the clock was not read in this turn */
        void (*flush)(void *user);
        void *flush_user;
        int signal_fd; /* owned; -1: none */
        LoopSource signal_source;
        void (*signal_received)(int signal, void *user);
        void *signal_user;
};

Loop *loop_new(GError **error) {
        int fd = epoll_create1(EPOLL_CLOEXEC);

        if (fd < 0) {
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                            "cannot make an epoll descriptor: %s", g_strerror(errno));
                return NULL;
        }
        Loop *loop = g_new0(Loop, 1);
        loop->epoll_fd = fd;
        loop->signal_fd = -1;
        list_init(&loop->timers);
        list_init(&loop->work);
        return loop;
}

void loop_free(Loop *loop) {
        if (!loop)
                return;
        if (loop->signal_fd >= 0)
                close(loop->signal_fd);
        close(loop->epoll_fd);
        g_free(loop);
}

static int control(Loop *loop, int operation, LoopSource *source, uint32_t events) {
        struct epoll_event event = { .events = events, .data.ptr = source };

        return epoll_ctl(loop->epoll_fd, operation, source->fd, &event) < 0 ? -errno : 0;
}

int loop_add(Loop *loop, LoopSource *source, int fd, uint32_t events, LoopReady ready) {
        source->fd = fd;
        source->ready = ready;
        int r = control(loop, EPOLL_CTL_ADD, source, events);
        if (r < 0)
                source->fd = -1;
        return r;
}

int loop_modify(Loop *loop, LoopSource *source, uint32_t events) {
        return control(loop, EPOLL_CTL_MOD, source, events);
}

void loop_remove(Loop *loop, LoopSource *source) {
        if (source->fd < 0)
                return;
        (void)control(loop, EPOLL_CTL_DEL, source, 0);
        source->fd = -1;
        for (unsigned i = loop->next_event; i < loop->n_events; i++)
                if (loop->events[i].data.ptr == source)
                        loop->events[i].data.ptr = NULL;
}

void loop_arm(Loop *loop, LoopTimer *timer, uint64_t deadline_usec, LoopExpired expired) {
        ListNode *at;

        list_remove(&timer->node);
        timer->deadline_usec = deadline_usec;
        timer->expired = expired;
        for (at = loop->timers.prev; at != &loop->timers; at = at->prev)
                if (CONTAINER_OF(at, LoopTimer, node)->deadline_usec <= deadline_usec)
                        break;
        list_prepend(at, &timer->node);
}

void loop_disarm(LoopTimer *timer) {
        list_remove(&timer->node);
}

void loop_defer(Loop *loop, LoopWork *work, LoopRun run) {
        work->run = run;
        if (!list_is_linked(&work->node))
                list_append(&loop->work, &work->node);
}

void loop_cancel(LoopWork *work) {
        list_remove(&work->node);
}

uint64_t loop_now_usec(Loop *loop) {
        if (loop->now_usec == 0) {
                struct timespec now;

                clock_gettime(CLOCK_MONOTONIC, &now);
                loop->now_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        }
        return loop->now_usec;
}

void loop_set_turn_end(Loop *loop, void (*flush)(void *user), void *user) {
        loop->flush = flush;
        loop->flush_user = user;
}

static void signals_ready(LoopSource *source, uint32_t events) {
        Loop *loop = CONTAINER_OF(source, Loop, signal_source);
        struct signalfd_siginfo info;

        (void)events;
        while (read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
                loop->signal_received((int)info.ssi_signo, loop->signal_user);
}

int loop_watch_signals(Loop *loop, const sigset_t *signals,
                       void (*received)(int signal, void *user), void *user) {
        if (sigprocmask(SIG_BLOCK, signals, NULL) < 0)
                return -errno;
        loop->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
        if (loop->signal_fd < 0)
                return -errno;
        loop->signal_received = received;
        loop->signal_user = user;
        return loop_add(loop, &loop->signal_source, loop->signal_fd, EPOLLIN, signals_ready);
}

/* Milliseconds that the turn may wait, rounded up so that it does not wake just before the time. */
static int wait_msec(Loop *loop) {
        if (!list_is_empty(&loop->work))
                return 0;
        if (list_is_empty(&loop->timers))
                return -1;
        uint64_t deadline = CONTAINER_OF(loop->timers.next, LoopTimer, node)->deadline_usec;
        loop->now_usec = 0;
        uint64_t now = loop_now_usec(loop);
        if (deadline <= now)
                return 0;
        return (int)MIN((deadline - now + 999) / 1000, 3600 * 1000u);
}

static void run_timers(Loop *loop) {
        while (!list_is_empty(&loop->timers)) {
                LoopTimer *timer = CONTAINER_OF(loop->timers.next, LoopTimer, node);

                if (timer->deadline_usec > loop_now_usec(loop))
                        return;
                list_remove(&timer->node);
                timer->expired(timer);
        }
}

static void run_work(Loop *loop) {
        ListNode due;

        /* work that defers work leaves it for the next turn */
        list_init(&due);
        list_move_all(&due, &loop->work);
        while (!list_is_empty(&due)) {
                LoopWork *work = CONTAINER_OF(due.next, LoopWork, node);

                list_remove(&work->node);
                work->run(work);
        }
}

void loop_set_busy_poll(Loop *loop, uint32_t usec) {
        busy_poll_set(&loop->busy_poll, usec);
}

static int wait_for_events(Loop *loop) {
        int msec = wait_msec(loop), n = 0;

        if (msec != 0)
                n = busy_poll_wait(&loop->busy_poll, loop->epoll_fd, loop->events, EVENTS_PER_TURN);
        return n > 0 ? n : epoll_wait(loop->epoll_fd, loop->events, EVENTS_PER_TURN, msec);
}

int loop_turn(Loop *loop) {
        int n = wait_for_events(loop);

        if (n < 0 && errno != EINTR)
                return -errno;
        loop->now_usec = 0;
        loop->n_events = n < 0 ? 0 : (unsigned)n;
        for (loop->next_event = 0; loop->next_event < loop->n_events;) {
                struct epoll_event *event = &loop->events[loop->next_event++];
                LoopSource *source = event->data.ptr;

                if (source)
                        source->ready(source, event->events);
        }
        run_timers(loop);
        run_work(loop);
        if (loop->flush)
                loop->flush(loop->flush_user);
        return 0;
}

int loop_run(Loop *loop) {
        int r = 0;

        while (!loop->quit && r == 0)
                r = loop_turn(loop);
        return r;
}

void loop_quit(Loop *loop) {
        loop->quit = true;
}
