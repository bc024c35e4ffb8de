/* SPDX-License-Identifier: MIT */
/* One value that all readers fill, so that commands need not know where rules come from. */
#include "tools/app-access.h"

#include <string.h>

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

/* What the sandboxes themselves refuse: whoever has a unique name today, and half of all names. */
static bool check_name(const char *text, GError **error) {
        g_autofree char *name = g_strndup(text, strcspn(text, "="));

        if (g_str_has_suffix(name, ".*"))
                name[strlen(name) - strlen(".*")] = '\0';
        if (g_dbus_is_name(name) && !g_dbus_is_unique_name(name))
                return true;
        g_set_error(error, CONTAINER_RULE_ERROR, CONTAINER_RULE_ERROR_INVALID,
                    "bus name '%s': expected a well-known one such as org.example.Name or "
                    "org.example.*",
                    text);
        return false;
}

bool app_access_add(AppAccess *access, BusKind bus, ProxyVerb verb, const char *text,
                    const char *source, GError **error) {
        g_auto(ContainerRule) rule = { 0 };

        if (!check_name(text, error) || !proxy_rule_parse(verb, text, &rule, error)) {
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
