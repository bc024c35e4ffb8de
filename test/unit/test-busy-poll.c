/* SPDX-License-Identifier: MIT */
/* When the bus looks again before it sleeps, and when it no longer does. */
#include "bus/busy-poll.h"

#include <glib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_SKIPPING 1024

typedef struct Fixture {
        BusyPoll poll;
        int epoll_fd, event_fd;
} Fixture;

static void set_up(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = 7 };

        fixture->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        fixture->event_fd = eventfd(0, EFD_CLOEXEC);
        g_assert_cmpint(epoll_ctl(fixture->epoll_fd, EPOLL_CTL_ADD, fixture->event_fd, &event), ==,
                        0);
        busy_poll_set(&fixture->poll, 1);
}

static void tear_down(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        close(fixture->event_fd);
        close(fixture->epoll_fd);
}

static int try(Fixture *fixture) {
        struct epoll_event events[2];
        int n = busy_poll_wait(&fixture->poll, fixture->epoll_fd, events, 2);

        if (n > 0)
                g_assert_cmpuint(events[0].data.u32, ==, 7);
        return n;
}

static void make_ready(Fixture *fixture) {
        g_assert_cmpint(eventfd_write(fixture->event_fd, 1), ==, 0);
}

/* How many waits there are up to the next one that finds what is ready. */
static unsigned count_waits(Fixture *fixture) {
        unsigned n = 1;

        while (try(fixture) == 0)
                n++;
        return n;
}

static void test_off(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        busy_poll_set(&fixture->poll, 0);
        make_ready(fixture);
        g_assert_cmpint(try(fixture), ==, 0);
}

static void test_found(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        make_ready(fixture);
        for (unsigned i = 0; i < 5; i++)
                g_assert_cmpint(try(fixture), ==, 1);
}

static void test_in_vain(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        unsigned rounds = 0;

        while (rounds < 2 * MAX_SKIPPING) {
                g_assert_cmpint(try(fixture), ==, 0);
                rounds++;
        }
        /* it is rare by now, but not over */
        make_ready(fixture);
        g_assert_cmpuint(count_waits(fixture), <=, MAX_SKIPPING + 1);
        g_assert_cmpuint(fixture->poll.skipping, >, 1);
        /* and comes back when it pays */
        for (unsigned i = 0; i < 12; i++)
                count_waits(fixture);
        g_assert_cmpuint(count_waits(fixture), ==, 1);
        g_assert_cmpuint(fixture->poll.skipping, ==, 0);
}

static void test_rarer(Fixture *fixture, const void *data G_GNUC_UNUSED) {
        static const unsigned skipped[] = { 1, 2, 4, 8 };

        for (unsigned i = 0; i < G_N_ELEMENTS(skipped); i++) {
                g_assert_cmpint(try(fixture), ==, 0);
                g_assert_cmpuint(fixture->poll.to_skip, ==, skipped[i]);
                for (unsigned k = 0; k < skipped[i]; k++)
                        g_assert_cmpint(try(fixture), ==, 0);
                g_assert_cmpuint(fixture->poll.to_skip, ==, 0);
        }
}

#define ADD(name, test) g_test_add("/bus/busy-poll/" name, Fixture, NULL, set_up, test, tear_down)

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        ADD("off", test_off);
        ADD("found", test_found);
        ADD("in-vain", test_in_vain);
        ADD("rarer", test_rarer);
        return g_test_run();
}
