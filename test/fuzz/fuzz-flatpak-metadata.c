/* SPDX-License-Identifier: MIT */
/*
 * Flatpak metadata, which comes with an app: whatever is read gives valid rules with a source,
 * and what is not has an error in UTF-8 that names the file.
 */
#include "tools/flatpak-metadata.h"
#include "tools/small-file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rules(const RuleList *list) {
        const GPtrArray *rules = rule_list_get(list);

        for (guint i = 0; i < rules->len; i++) {
                const SourcedRule *sourced = rules->pdata[i];

                g_assert_true(container_rule_check(&sourced->rule, NULL));
                g_assert_nonnull(sourced->source);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = g_strndup((const char *)data, size);
        g_autoptr(GError) error = NULL;
        g_auto(AppAccess) access = { 0 };

        if (!small_file_check(text, strlen(text), "fuzz", NULL))
                return 0;
        app_access_init(&access);
        if (!flatpak_metadata_parse(&access, text, "fuzz", &error)) {
                g_assert_true(g_str_has_prefix(error->message, "fuzz:"));
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
                return 0;
        }
        g_assert_null(error);
        g_assert_true(g_dbus_is_name(access.app_id));
        for (size_t i = 0; i < N_BUSES; i++)
                check_rules(access.rules[i]);
        return 0;
}
