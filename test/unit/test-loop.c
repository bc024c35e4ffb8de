/* SPDX-License-Identifier: MIT */
/* The event loop: who is called, in which order, and who is not called any more. */
#include "bus/loop.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Peer {
        LoopSource source;
        Loop *loop;
        struct Peer *victim; /* removed when this one is called */
        unsigned n_calls;
        int fds[2];
} Peer;

static void peer_ready(LoopSource *source, uint32_t events) {
        Peer *peer = CONTAINER_OF(source, Peer, source);
        char byte;

        g_assert_cmpuint(events & EPOLLIN, ==, EPOLLIN);
        g_assert_cmpint(read(source->fd, &byte, 1), ==, 1);
        peer->n_calls++;
        if (peer->victim)
                loop_remove(peer->loop, &peer->victim->source);
}

static void peer_init(Peer *peer, Loop *loop) {
        *peer = (Peer){ .loop = loop };
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, peer->fds), ==, 0);
        g_assert_cmpint(loop_add(loop, &peer->source, peer->fds[0], EPOLLIN, peer_ready), ==, 0);
        g_assert_cmpint(write(peer->fds[1], "x", 1), ==, 1);
}

static void peer_clear(Peer *peer) {
        loop_remove(peer->loop, &peer->source);
        close(peer->fds[0]);
        close(peer->fds[1]);
}

static void test_removed_is_not_called(void) {
        g_autoptr(Loop) loop = loop_new(NULL);
        Peer a, b;

        peer_init(&a, loop);
        peer_init(&b, loop);
        a.victim = &b;
        b.victim = &a;
        g_assert_cmpint(loop_turn(loop), ==, 0);
        /* both were ready in this turn, and whoever came first took the other one out */
        g_assert_cmpuint(a.n_calls + b.n_calls, ==, 1);
        peer_clear(&a);
        peer_clear(&b);
}

static void test_bad_descriptor(void) {
        g_autoptr(Loop) loop = loop_new(NULL);
        LoopSource source;

        g_assert_cmpint(loop_add(loop, &source, -1, EPOLLIN, peer_ready), ==, -EBADF);
        g_assert_cmpint(source.fd, ==, -1);
        loop_remove(loop, &source);
}

typedef struct Clock {
        LoopTimer timer;
        GString *log;
        char name;
        Loop *loop;
} Clock;

static void clock_expired(LoopTimer *timer) {
        Clock *clock = CONTAINER_OF(timer, Clock, timer);

        g_string_append_c(clock->log, clock->name);
        loop_quit(clock->loop);
}

static void test_timers_in_order(void) {
        g_autoptr(Loop) loop = loop_new(NULL);
        g_autoptr(GString) log = g_string_new(NULL);
        Clock clocks[4] = { 0 };
        static const uint64_t deadline[] = { 3, 1, 2, UINT64_MAX };

        for (unsigned i = 0; i < 4; i++) {
                clocks[i].log = log;
                clocks[i].loop = loop;
                clocks[i].name = (char)('a' + i);
                loop_arm(loop, &clocks[i].timer, deadline[i], clock_expired);
        }
        /* moving one is arming it again */
        loop_arm(loop, &clocks[0].timer, 1, clock_expired);
        g_assert_cmpint(loop_run(loop), ==, 0);
        g_assert_cmpstr(log->str, ==, "bac");
        loop_disarm(&clocks[3].timer);
}

typedef struct Task {
        LoopWork work;
        Loop *loop;
        unsigned n_runs, n_again;
} Task;

static void task_run(LoopWork *work) {
        Task *task = CONTAINER_OF(work, Task, work);

        task->n_runs++;
        if (task->n_again-- > 0)
                loop_defer(task->loop, work, task_run);
}

static void test_work_is_once_a_turn(void) {
        g_autoptr(Loop) loop = loop_new(NULL);
        Task task = { .loop = loop, .n_again = 2 };

        loop_defer(loop, &task.work, task_run);
        loop_defer(loop, &task.work, task_run);
        for (unsigned i = 1; i <= 3; i++) {
                g_assert_cmpint(loop_turn(loop), ==, 0);
                g_assert_cmpuint(task.n_runs, ==, i);
        }
        loop_defer(loop, &task.work, task_run);
        loop_cancel(&task.work);
        loop_defer(loop, &task.work, task_run);
        loop_cancel(&task.work);
        g_assert_cmpuint(task.n_runs, ==, 3);
}

static void count_flush(void *user) {
        ++*(unsigned *)user;
}

static void test_turn_ends_once(void) {
        g_autoptr(Loop) loop = loop_new(NULL);
        unsigned n = 0;
        Peer a, b;

        loop_set_turn_end(loop, count_flush, &n);
        peer_init(&a, loop);
        peer_init(&b, loop);
        g_assert_cmpint(loop_turn(loop), ==, 0);
        g_assert_cmpuint(a.n_calls + b.n_calls, ==, 2);
        g_assert_cmpuint(n, ==, 1);
        peer_clear(&a);
        peer_clear(&b);
}

static void signal_received(int number, void *user) {
        *(int *)user = number;
}

static void test_signals(void) {
        g_autoptr(Loop) loop = loop_new(NULL);
        sigset_t set, before;
        int got = 0;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_SETMASK, NULL, &before);
        g_assert_cmpint(loop_watch_signals(loop, &set, signal_received, &got), ==, 0);
        kill(getpid(), SIGUSR2);
        g_assert_cmpint(loop_turn(loop), ==, 0);
        g_assert_cmpint(got, ==, SIGUSR2);
        sigprocmask(SIG_SETMASK, &before, NULL);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/loop/removed-is-not-called", test_removed_is_not_called);
        g_test_add_func("/bus/loop/bad-descriptor", test_bad_descriptor);
        g_test_add_func("/bus/loop/timers-in-order", test_timers_in_order);
        g_test_add_func("/bus/loop/work-is-once-a-turn", test_work_is_once_a_turn);
        g_test_add_func("/bus/loop/turn-ends-once", test_turn_ends_once);
        g_test_add_func("/bus/loop/signals", test_signals);
        return g_test_run();
}
