/* SPDX-License-Identifier: MIT */
/*
 * The text form of container rules: whatever parses is a valid rule, is printed, and parses to the
 * same again; what does not has an error in UTF-8.
 */
#include "policy/container-rule.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rule(const ContainerRule *rule) {
        g_auto(ContainerRule) again = { 0 };
        g_autofree char *text = container_rule_to_text(rule);
        g_autoptr(GError) error = NULL;

        g_assert_true(container_rule_check(rule, &error));
        g_assert_true(container_rule_parse(text, &again, &error));
        g_assert_cmphex(again.flags, ==, rule->flags);
        g_assert_cmpstr(again.bus_name, ==, rule->bus_name);
        g_assert_cmpstr(again.object_path, ==, rule->object_path);
        g_assert_cmpstr(again.interface, ==, rule->interface);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = g_strndup((const char *)data, size);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) rules = container_rule_parse_text(text, "fuzz", 1, &error);
        g_auto(ContainerRule) nameless = { 0 };

        g_assert_true((rules == NULL) == (error != NULL));
        if (error)
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
        for (guint i = 0; rules && i < rules->len; i++)
                check_rule(g_ptr_array_index(rules, i));
        if (container_rule_parse_nameless(text, &nameless, NULL))
                check_rule(&nameless);
        return 0;
}
