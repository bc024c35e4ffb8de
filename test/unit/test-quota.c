/* SPDX-License-Identifier: MIT */
#include "base/quota.h"

static void test_limit(void) {
        const QuotaLimits limits = { .max = { [QUOTA_NAMES] = 3, [QUOTA_MATCHES] = 1 } };
        Quota quota;

        quota_init(&quota, NULL, &limits, 1);
        g_assert_true(quota_charge(&quota, QUOTA_NAMES, 2));
        g_assert_true(quota_has_room(&quota, QUOTA_NAMES, 1));
        g_assert_false(quota_has_room(&quota, QUOTA_NAMES, 2));
        g_assert_false(quota_charge(&quota, QUOTA_NAMES, 2));
        g_assert_cmpuint(quota.used[QUOTA_NAMES], ==, 2);
        g_assert_true(quota_charge(&quota, QUOTA_NAMES, 1));
        g_assert_false(quota_charge(&quota, QUOTA_NAMES, 1));
        g_assert_true(quota_charge(&quota, QUOTA_NAMES, 0));
        /* Kinds do not share. */
        g_assert_true(quota_charge(&quota, QUOTA_MATCHES, 1));
        g_assert_false(quota_charge(&quota, QUOTA_REPLIES, 1));
        quota_refund(&quota, QUOTA_MATCHES, 1);
        quota_refund(&quota, QUOTA_NAMES, 3);
        quota_clear(&quota);
}

/* All of the chain or nobody. */
static void test_parents(void) {
        const QuotaLimits small = { .max = { [QUOTA_REPLIES] = 2 } };
        const QuotaLimits large = { .max = { [QUOTA_REPLIES] = 3 } };
        Quota user, first, second;

        quota_init(&user, NULL, &large, 1);
        quota_init(&first, &user, &small, 1);
        quota_init(&second, &user, &small, 1);
        g_assert_true(quota_charge(&first, QUOTA_REPLIES, 2));
        g_assert_false(quota_charge(&second, QUOTA_REPLIES, 2));
        g_assert_cmpuint(second.used[QUOTA_REPLIES], ==, 0);
        g_assert_cmpuint(user.used[QUOTA_REPLIES], ==, 2);
        g_assert_true(quota_charge(&second, QUOTA_REPLIES, 1));
        g_assert_false(quota_charge(&first, QUOTA_REPLIES, 1));
        quota_refund(&first, QUOTA_REPLIES, 2);
        g_assert_cmpuint(user.used[QUOTA_REPLIES], ==, 1);
        quota_refund(&second, QUOTA_REPLIES, 1);
        quota_clear(&first);
        quota_clear(&second);
        quota_clear(&user);
}

static void test_factor(void) {
        QuotaLimits limits = { .max = { [QUOTA_NAMES] = 3, [QUOTA_MATCHES] = UINT64_MAX / 2 } };
        Quota quota;

        quota_init(&quota, NULL, &limits, 4);
        g_assert_true(quota_charge(&quota, QUOTA_NAMES, 12));
        g_assert_false(quota_charge(&quota, QUOTA_NAMES, 1));
        quota_refund(&quota, QUOTA_NAMES, 12);
        /* No overflow, neither of the limit nor of the sum. */
        g_assert_true(quota_charge(&quota, QUOTA_MATCHES, UINT64_MAX));
        g_assert_false(quota_charge(&quota, QUOTA_MATCHES, 1));
        quota_refund(&quota, QUOTA_MATCHES, UINT64_MAX);
        quota_clear(&quota);
}

static void assert_described(const Quota *quota, QuotaKind kind, uint64_t n, const char *expected) {
        g_autofree char *text = quota_describe_limit(quota, kind, n);

        g_assert_cmpstr(text, ==, expected);
}

/* Whose limit was in the way, with the value that holds there. */
static void test_describe(void) {
        QuotaLimits limits = { .max = {
                                       [QUOTA_NAMES] = 3, [QUOTA_OUTGOING_FDS] = UINT64_MAX / 2 } };
        Quota container, first, second;

        quota_init(&container, NULL, &limits, 4);
        quota_init(&first, &container, &limits, 1);
        quota_init(&second, &container, &limits, 1);
        assert_described(&first, QUOTA_NAMES, 1, "max_names_per_connection=3");
        quota_charge_over(&first, QUOTA_NAMES, 3);
        assert_described(&first, QUOTA_NAMES, 1, "max_names_per_connection=3");
        quota_charge_over(&first, QUOTA_NAMES, 8);
        assert_described(&first, QUOTA_NAMES, 1, "max_names_per_connection=3");
        quota_charge_over(&second, QUOTA_NAMES, 1);
        assert_described(&second, QUOTA_NAMES, 1, "container:max_names_per_connection=12");
        assert_described(&container, QUOTA_OUTGOING_FDS, 1,
                         "container:max_outgoing_unix_fds=18446744073709551615");
        quota_refund(&first, QUOTA_NAMES, 11);
        quota_refund(&second, QUOTA_NAMES, 1);
        quota_clear(&first);
        quota_clear(&second);
        quota_clear(&container);
}

/* A reload changes limits for all; what is there stays, even above. */
static void test_lowered_limit(void) {
        QuotaLimits limits = { .max = { [QUOTA_NAMES] = 5 } };
        Quota quota;

        quota_init(&quota, NULL, &limits, 1);
        g_assert_true(quota_charge(&quota, QUOTA_NAMES, 5));
        limits.max[QUOTA_NAMES] = 3;
        g_assert_false(quota_has_room(&quota, QUOTA_NAMES, 0));
        quota_refund(&quota, QUOTA_NAMES, 3);
        g_assert_true(quota_charge(&quota, QUOTA_NAMES, 1));
        g_assert_false(quota_charge(&quota, QUOTA_NAMES, 1));
        quota_refund(&quota, QUOTA_NAMES, 3);
        quota_clear(&quota);
}

static void test_charge_over(void) {
        const QuotaLimits limits = { .max = { [QUOTA_NAMES] = 1 } };
        Quota parent, quota;

        quota_init(&parent, NULL, &limits, 1);
        quota_init(&quota, &parent, &limits, 1);
        quota_charge_over(&quota, QUOTA_NAMES, 3);
        g_assert_cmpuint(parent.used[QUOTA_NAMES], ==, 3);
        g_assert_false(quota_charge(&quota, QUOTA_NAMES, 1));
        quota_refund(&quota, QUOTA_NAMES, 3);
        g_assert_true(quota_charge(&quota, QUOTA_NAMES, 1));
        quota_refund(&quota, QUOTA_NAMES, 1);
        g_assert_cmpuint(quota.peak[QUOTA_NAMES], ==, 3);
        g_assert_cmpuint(parent.peak[QUOTA_NAMES], ==, 3);
        quota_clear(&quota);
        quota_clear(&parent);
}

static void test_too_much_back(void) {
        const QuotaLimits limits = { .max = { [QUOTA_NAMES] = 5 } };
        Quota quota;

        if (g_test_subprocess()) {
                quota_init(&quota, NULL, &limits, 1);
                quota_charge_over(&quota, QUOTA_NAMES, 1);
                quota_refund(&quota, QUOTA_NAMES, 2);
                return;
        }
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_failed();
}

static void test_not_given_back(void) {
        const QuotaLimits limits = { .max = { [QUOTA_NAMES] = 5 } };
        Quota quota;

        if (g_test_subprocess()) {
                quota_init(&quota, NULL, &limits, 1);
                quota_charge_over(&quota, QUOTA_NAMES, 1);
                quota_clear(&quota);
                return;
        }
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_failed();
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/base/quota/limit", test_limit);
        g_test_add_func("/base/quota/parents", test_parents);
        g_test_add_func("/base/quota/factor", test_factor);
        g_test_add_func("/base/quota/describe", test_describe);
        g_test_add_func("/base/quota/lowered-limit", test_lowered_limit);
        g_test_add_func("/base/quota/charge-over", test_charge_over);
        g_test_add_func("/base/quota/too-much-back", test_too_much_back);
        g_test_add_func("/base/quota/not-given-back", test_not_given_back);
        return g_test_run();
}
