/* SPDX-License-Identifier: MIT */
/* Shares of one queue, whose limit is 800 here, so that a single sender may have 300. */
#include "wire/shares.h"

#define LIMIT 800

static ShareAccount account(uint64_t user, uint64_t sender) {
        return (ShareAccount){ .user = user, .sender = sender };
}

/* One sender's messages in a queue; how many bytes of others, and of the bus, are there too. */
static const struct {
        const char *name;
        uint64_t of_bus, of_other_user, of_same_user, own;
        bool has_room;
} cases[] = {
        { "nothing yet", 0, 0, 0, 0, true },
        { "at half of three quarters", 0, 0, 0, 300, true },
        { "beyond it", 0, 0, 0, 301, false },
        { "what the bus says leaves less", 400, 0, 0, 151, false },
        { "half of what the own user's others leave", 0, 0, 400, 100, true },
        { "beyond that", 0, 0, 400, 101, false },
        { "the first message of another connection", 0, 0, 600, 0, true },
        { "the user has too much", 0, 0, 601, 0, false },
        { "three quarters of what other users leave", 0, 400, 0, 150, true },
        { "beyond that of other users", 0, 400, 0, 151, false },
        { "the first message of another user", 0, 799, 0, 0, true },
        { "nothing is left for a user", 0, 800, 0, 1, false },
        { "others are over the limit", 0, 2000, 0, 1, false },
};

static Share *put(HashTable *table, ShareAccount who, uint64_t n) {
        Share *share = share_get(table, who);

        share_charge(share, n, n);
        return share;
}

static void take(HashTable *table, Share *share, uint64_t n) {
        share_refund(share, n, n);
        share_put(table, share);
}

static void test_room(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                uint64_t used = cases[i].of_bus + cases[i].of_other_user + cases[i].of_same_user +
                                cases[i].own;
                HashTable table = { 0 };
                Share *other = put(&table, account(2, 2), cases[i].of_other_user);
                Share *same = put(&table, account(1, 3), cases[i].of_same_user);
                Share *own = put(&table, account(1, 1), cases[i].own);

                g_test_message("%s", cases[i].name);
                for (ShareKind kind = SHARE_BYTES; kind < SHARE_KINDS; kind++)
                        g_assert_cmpint(share_has_room(&table, account(1, 1), kind, LIMIT, used),
                                        ==, cases[i].has_room);
                take(&table, other, cases[i].of_other_user);
                take(&table, same, cases[i].of_same_user);
                take(&table, own, cases[i].own);
                g_assert_cmpuint(table.n_items, ==, 0);
                g_assert_null(table.buckets);
        }
}

/* The same account is the same share, a sender of another user another one. */
static void test_identity(void) {
        HashTable table = { 0 };
        Share *first = share_get(&table, account(1, 1)), *again = share_get(&table, account(1, 1));
        Share *sibling = share_get(&table, account(1, 2)),
              *stranger = share_get(&table, account(2, 1));

        g_assert_true(first == again);
        g_assert_true(first != sibling && first != stranger);
        g_assert_true(first->of_user == sibling->of_user);
        g_assert_true(first->of_user != stranger->of_user);
        share_charge(first, 10, 1);
        share_charge(sibling, 5, 0);
        g_assert_cmpuint(first->of_user->used[SHARE_BYTES], ==, 15);
        g_assert_cmpuint(first->of_user->used[SHARE_FDS], ==, 1);
        share_refund(first, 10, 1);
        share_put(&table, first);
        share_put(&table, again);
        g_assert_cmpuint(sibling->of_user->used[SHARE_BYTES], ==, 5);
        take(&table, stranger, 0);
        share_refund(sibling, 5, 0);
        share_put(&table, sibling);
        g_assert_cmpuint(table.n_items, ==, 0);
}

/* However many senders of however many users: nobody is ever left without any room by others. */
static void test_always_room(void) {
        HashTable table = { 0 };
        Share *shares[40];
        uint64_t used = 0, sizes[40];

        for (unsigned i = 0; i < G_N_ELEMENTS(shares); i++) {
                ShareAccount who = account(i / 4, i);

                for (sizes[i] = 0; share_has_room(&table, who, SHARE_BYTES, 1u << 30, used);
                     sizes[i] += 1000) {
                        share_charge(sizes[i] ? shares[i] : (shares[i] = share_get(&table, who)),
                                     1000, 0);
                        used += 1000;
                }
                if (i % 4 == 0)
                        g_assert_cmpuint(sizes[i], >, 0);
                g_assert_cmpuint(used, <, 1u << 30);
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(shares); i++)
                if (sizes[i] > 0) {
                        share_refund(shares[i], sizes[i], 0);
                        share_put(&table, shares[i]);
                }
        g_assert_cmpuint(table.n_items, ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/shares/room", test_room);
        g_test_add_func("/wire/shares/identity", test_identity);
        g_test_add_func("/wire/shares/always-room", test_always_room);
        return g_test_run();
}
