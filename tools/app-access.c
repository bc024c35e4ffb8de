/* SPDX-License-Identifier: MIT */
/* One value that all readers fill, so that commands need not know where rules come from. */
#include "tools/app-access.h"

void app_access_init(AppAccess *access) {
        *access = (AppAccess){ 0 };
        for (size_t i = 0; i < N_BUSES; i++)
                access->rules[i] = rule_list_new();
}

void app_access_clear(AppAccess *access) {
        g_clear_pointer(&access->type, g_free);
        g_clear_pointer(&access->app_id, g_free);
        for (size_t i = 0; i < N_BUSES; i++)
                g_clear_pointer(&access->rules[i], rule_list_free);
}

void app_access_set_identity(AppAccess *access, const char *type, const char *app_id) {
        g_free(access->type);
        g_free(access->app_id);
        access->type = g_strdup(type);
        access->app_id = g_strdup(app_id);
}

bool app_access_add(AppAccess *access, BusKind bus, ProxyVerb verb, const char *text,
                    const char *source, GError **error) {
        g_auto(ContainerRule) rule = { 0 };

        if (!proxy_rule_parse(verb, text, &rule, error)) {
                g_prefix_error(error, "%s: ", source);
                return false;
        }
        rule_list_add(access->rules[bus], &rule, source);
        return true;
}

void app_access_open(AppAccess *access, BusKind bus, const char *source) {
        g_auto(ContainerRule) rule = { 0 };

        proxy_rule_set_open(&rule);
        rule_list_add(access->rules[bus], &rule, source);
}
