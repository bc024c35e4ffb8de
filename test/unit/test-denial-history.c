/* SPDX-License-Identifier: MIT */
#include "policy/denial-history.h"

#include <string.h>

static void add(DenialHistory *history, const char *type, const char *rule) {
        const Denial denial = { .layer = POLICY_LAYER_CONTAINER,
                                .message_type = type,
                                .rule = rule };

        denial_history_add(history, &denial);
}

static void assert_past(const DenialHistory *history, unsigned i, const char *rule, guint64 count) {
        g_assert_cmpuint(i, <, history->n_past);
        g_assert_cmpstr(history->past[i].rule, ==, rule);
        g_assert_cmpuint(history->past[i].count, ==, count);
}

static void test_counts(void) {
        DenialHistory history = { 0 };

        add(&history, "method_call", "call a.b");
        add(&history, "own", "own a.b");
        add(&history, "method_call", "call a.b");
        add(&history, "signal", "call a.b");
        add(&history, "method_call", "call a.b");
        g_assert_cmpuint(history.n_denials, ==, 5);
        g_assert_cmpuint(history.n_past, ==, 3);
        assert_past(&history, 0, "call a.b", 3);
        assert_past(&history, 1, "call a.b", 1);
        assert_past(&history, 2, "own a.b", 1);
        add(&history, "connect", NULL);
        assert_past(&history, 0, "", 1);
        denial_history_clear(&history);
}

/* The same words at two places are two rules. */
static void test_places(void) {
        static const struct {
                const char *file;
                unsigned line;
        } places[] = {
                { "/a.conf", 1 }, { "/a.conf", 2 }, { "/b.conf", 1 }, { NULL, 0 }, { "/a.conf", 1 }
        };
        DenialHistory history = { 0 };

        for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
                const Denial denial = { .layer = POLICY_LAYER_XML,
                                        .message_type = "own",
                                        .rule = "deny own=\"a.b\"",
                                        .file = places[i].file,
                                        .has_line = places[i].file != NULL,
                                        .line = places[i].line };

                denial_history_add(&history, &denial);
        }
        g_assert_cmpuint(history.n_past, ==, 4);
        assert_past(&history, 0, "deny own=\"a.b\"", 2);
        g_assert_cmpstr(history.past[0].file, ==, "/a.conf");
        g_assert_cmpuint(history.past[0].line, ==, 1);
        g_assert_cmpstr(history.past[1].file, ==, "");
        denial_history_clear(&history);
}

static void test_bounds(void) {
        g_autofree char *longest = g_strnfill(DENIAL_HISTORY_MAX_RULE, 'x');
        g_autofree char *longer = g_strnfill(DENIAL_HISTORY_MAX_RULE + 1, 'x');
        DenialHistory history = { 0 };

        for (unsigned i = 0; i < 3 * DENIAL_HISTORY_SIZE; i++) {
                g_autofree char *rule = g_strdup_printf("own a.n%u", i);

                add(&history, "own", rule);
        }
        g_assert_cmpuint(history.n_past, ==, DENIAL_HISTORY_SIZE);
        g_assert_cmpuint(history.n_denials, ==, 3 * DENIAL_HISTORY_SIZE);
        assert_past(&history, 0, "own a.n95", 1);
        assert_past(&history, DENIAL_HISTORY_SIZE - 1, "own a.n64", 1);
        add(&history, "own", longer);
        assert_past(&history, 0, "own a.n95", 1);
        add(&history, "own", longest);
        assert_past(&history, 0, longest, 1);
        denial_history_clear(&history);
        g_assert_cmpuint(history.n_past, ==, 0);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/policy/denial-history/counts", test_counts);
        g_test_add_func("/policy/denial-history/places", test_places);
        g_test_add_func("/policy/denial-history/bounds", test_bounds);
        return g_test_run();
}
