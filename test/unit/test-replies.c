/* SPDX-License-Identifier: MIT */
/* Slots of open calls: made, found, used once, timed out, paid back. */
#include "bus/replies.h"

#include <glib.h>

typedef struct Fixture {
        Replies replies;
        QuotaLimits limits;
        Quota quotas[3];
        ReplyPeer peers[3];
} Fixture;

static void set_up(Fixture *f, uint64_t timeout_usec) {
        *f = (Fixture){ 0 };
        f->limits.max[QUOTA_REPLIES] = 100000;
        replies_init(&f->replies, timeout_usec);
        for (unsigned i = 0; i < G_N_ELEMENTS(f->peers); i++) {
                quota_init(&f->quotas[i], NULL, &f->limits, 1);
                reply_peer_init(&f->peers[i], &f->quotas[i], i + 1);
        }
}

/* As connections go: first what they wait for, then what others wait for. */
static void tear_down(Fixture *f) {
        ReplySlot *slot;

        for (unsigned i = 0; i < G_N_ELEMENTS(f->peers); i++) {
                while ((slot = replies_first_waiting(&f->peers[i])))
                        replies_consume(&f->replies, slot);
                while ((slot = replies_first_owing(&f->peers[i])))
                        replies_consume(&f->replies, slot);
                quota_clear(&f->quotas[i]);
        }
        replies_clear(&f->replies);
}

static ReplyResult reserve(Fixture *f, unsigned caller, unsigned callee, uint32_t serial,
                           uint64_t now_usec) {
        return replies_reserve(&f->replies, &f->peers[caller], &f->peers[callee], serial, now_usec);
}

static ReplySlot *find(Fixture *f, unsigned caller, unsigned callee, uint32_t serial) {
        return replies_find(&f->replies, &f->peers[caller], &f->peers[callee], serial);
}

static void test_once(void) {
        Fixture f;

        set_up(&f, UINT64_MAX);
        g_assert_cmpint(reserve(&f, 0, 1, 7, 0), ==, REPLY_OK);
        g_assert_cmpint(reserve(&f, 0, 2, 7, 0), ==,
                        REPLY_OK); /* the same serial to somebody else */
        g_assert_cmpint(reserve(&f, 1, 0, 7, 0), ==, REPLY_OK); /* and the other way round */
        g_assert_cmpint(reserve(&f, 0, 1, 7, 0), ==, REPLY_DUPLICATE);
        g_assert_cmpuint(f.quotas[0].used[QUOTA_REPLIES], ==, 2);

        g_assert_null(find(&f, 0, 1, 8));
        g_assert_null(find(&f, 2, 1, 7));
        g_assert_nonnull(find(&f, 0, 1, 7));
        replies_consume(&f.replies, find(&f, 0, 1, 7));
        g_assert_null(find(&f, 0, 1, 7));
        g_assert_nonnull(find(&f, 0, 2, 7));
        g_assert_nonnull(find(&f, 1, 0, 7));
        g_assert_cmpint(reserve(&f, 0, 1, 7, 0), ==, REPLY_OK);
        tear_down(&f);
}

static void test_quota(void) {
        Fixture f;

        set_up(&f, UINT64_MAX);
        f.limits.max[QUOTA_REPLIES] = 2;
        g_assert_cmpint(reserve(&f, 0, 1, 1, 0), ==, REPLY_OK);
        g_assert_cmpint(reserve(&f, 0, 1, 2, 0), ==, REPLY_OK);
        g_assert_cmpint(reserve(&f, 0, 1, 3, 0), ==, REPLY_QUOTA);
        g_assert_null(find(&f, 0, 1, 3));
        g_assert_cmpint(reserve(&f, 0, 1, 2, 0), ==, REPLY_DUPLICATE);
        g_assert_cmpint(reserve(&f, 2, 1, 3, 0), ==, REPLY_OK); /* who is called pays nothing */
        g_assert_cmpuint(f.quotas[1].used[QUOTA_REPLIES], ==, 0);
        replies_consume(&f.replies, find(&f, 0, 1, 1));
        g_assert_cmpint(reserve(&f, 0, 1, 3, 0), ==, REPLY_OK);
        tear_down(&f);
}

static void test_timeout(void) {
        Fixture f;

        set_up(&f, 100);
        g_assert_cmpuint(replies_next_deadline(&f.replies), ==, UINT64_MAX);
        g_assert_cmpint(reserve(&f, 0, 1, 1, 10), ==, REPLY_OK);
        g_assert_cmpint(reserve(&f, 0, 1, 2, 20), ==, REPLY_OK);
        g_assert_cmpint(reserve(&f, 0, 1, 3, 30), ==, REPLY_OK);
        g_assert_cmpuint(replies_next_deadline(&f.replies), ==, 110);
        g_assert_null(replies_first_expired(&f.replies, 109));
        g_assert_true(replies_first_expired(&f.replies, 110) == find(&f, 0, 1, 1));

        replies_consume(&f.replies, find(&f, 0, 1, 1));
        g_assert_null(replies_first_expired(&f.replies, 110));
        replies_consume(&f.replies, find(&f, 0, 1, 2));
        g_assert_cmpuint(replies_next_deadline(&f.replies), ==, 130);
        tear_down(&f);
}

static void test_set_timeout(void) {
        Fixture f;

        set_up(&f, UINT64_MAX);
        g_assert_cmpint(reserve(&f, 0, 1, 1, 0), ==, REPLY_OK);
        g_assert_cmpuint(replies_next_deadline(&f.replies), ==, UINT64_MAX);
        replies_set_timeout(&f.replies, 100);
        g_assert_cmpuint(replies_next_deadline(&f.replies), ==, UINT64_MAX);
        g_assert_cmpint(reserve(&f, 0, 1, 2, 1000), ==, REPLY_OK);
        g_assert_cmpuint(replies_next_deadline(&f.replies), ==, 1100);
        replies_set_timeout(&f.replies, 10);
        g_assert_cmpuint(replies_next_deadline(&f.replies), ==, 1010);
        replies_set_timeout(&f.replies, UINT64_MAX - 1); /* beyond the end of time */
        g_assert_cmpuint(replies_next_deadline(&f.replies), ==, UINT64_MAX);
        g_assert_null(replies_first_expired(&f.replies, UINT64_MAX));
        tear_down(&f);
}

/* A peer goes: its own calls, and those that it will not answer any more. */
static void test_peer_goes(void) {
        Fixture f;

        set_up(&f, 100);
        g_assert_cmpint(reserve(&f, 0, 1, 1, 0), ==, REPLY_OK);
        g_assert_cmpint(reserve(&f, 1, 0, 2, 0), ==, REPLY_OK);
        g_assert_cmpint(reserve(&f, 2, 0, 3, 0), ==, REPLY_OK);
        g_assert_cmpint(reserve(&f, 0, 0, 4, 0), ==, REPLY_OK); /* to itself */
        g_assert_cmpuint(replies_first_waiting(&f.peers[0])->serial, ==, 1);
        g_assert_cmpuint(replies_first_owing(&f.peers[0])->serial, ==, 2);
        replies_consume(&f.replies, replies_first_waiting(&f.peers[0]));
        replies_consume(&f.replies, replies_first_waiting(&f.peers[0]));
        g_assert_null(replies_first_waiting(&f.peers[0]));
        g_assert_true(replies_first_owing(&f.peers[0])->caller == &f.peers[1]);
        replies_consume(&f.replies, replies_first_owing(&f.peers[0]));
        g_assert_cmpuint(replies_first_owing(&f.peers[0])->serial, ==, 3);
        tear_down(&f);
}

/* Used slots are used again, a crowd's are given back. */
static void test_free_list(void) {
        const ReplySlot *first;
        Fixture f;

        set_up(&f, 100);
        g_assert_cmpint(reserve(&f, 0, 1, 1, 0), ==, REPLY_OK);
        first = find(&f, 0, 1, 1);
        replies_consume(&f.replies, find(&f, 0, 1, 1));
        g_assert_cmpuint(f.replies.n_free, ==, 1);
        g_assert_cmpint(reserve(&f, 2, 1, 9, 50), ==, REPLY_OK);
        g_assert_true(find(&f, 2, 1, 9) == first);
        g_assert_cmpuint(f.replies.n_free, ==, 0);
        g_assert_cmpuint(replies_next_deadline(&f.replies), ==, 150);

        for (uint32_t serial = 1; serial <= 5000; serial++)
                g_assert_cmpint(reserve(&f, 0, 1, serial, 60), ==, REPLY_OK);
        for (uint32_t serial = 1; serial <= 5000; serial++)
                replies_consume(&f.replies, find(&f, 0, 1, serial));
        g_assert_cmpuint(f.replies.n_free, <=, 1024);
        tear_down(&f);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/replies/once", test_once);
        g_test_add_func("/bus/replies/quota", test_quota);
        g_test_add_func("/bus/replies/timeout", test_timeout);
        g_test_add_func("/bus/replies/set-timeout", test_set_timeout);
        g_test_add_func("/bus/replies/peer-goes", test_peer_goes);
        g_test_add_func("/bus/replies/free-list", test_free_list);
        return g_test_run();
}
