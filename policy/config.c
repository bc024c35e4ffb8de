/* SPDX-License-Identifier: MIT */
/*
 * The configuration as a value: defaults, limits, and the join of what an included file says with the file that
 * includes it. Reading XML is xml-loader's.
 *
 * Each file is read into a Config of its own, which starts with the settings in force at that place and is joined only
 * when the whole file was good: a broken file in an <includedir> leaves nothing behind.
 */
#include "policy/config.h"

#include "base/log.h"
#include "policy/rules.h"
#include "policy/service-dirs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

G_DEFINE_QUARK(policy-config-error-quark, config_error)

#define NEVER UINT64_MAX

/* Defaults of the reference implementation, and those of containers1, section 7. */
static const ConfigLimits default_limits = {
        .max_incoming_bytes = 127 << 20,
        .max_incoming_unix_fds = 64,
        .max_outgoing_bytes = 127 << 20,
        .max_outgoing_unix_fds = 64,
        .max_message_size = 32 << 20,
        .max_message_unix_fds = 16,
        .service_start_timeout = 25000,
        .auth_timeout = 30000,
        .pending_fd_timeout = 150000,
        .reply_timeout = NEVER,
        .max_completed_connections = 2048,
        .max_incomplete_connections = 64,
        .max_connections_per_user = 256,
        .max_pending_service_starts = 512,
        .max_names_per_connection = 512,
        .max_match_rules_per_connection = 512,
        .max_replies_per_connection = 128,
        .max_containers = 512,
        .max_containers_per_user = 16,
        .max_connections_per_container = 8,
        .max_container_metadata_bytes = 4096,
        .max_rules_per_container = 4096,
};

/* Those of containers1, section 7, for the session bus. */
void config_set_session_limits(ConfigLimits *limits) {
        limits->max_containers = 10000;
        limits->max_containers_per_user = 10000;
        limits->max_connections_per_container = 16;
        limits->max_container_metadata_bytes = 1000000000;
        limits->max_rules_per_container = 100000;
}

#define LIMIT(name, max) { #name, offsetof(ConfigLimits, name), max }

static const struct {
        const char *name;
        size_t offset;
        long max;
} known_limits[] = {
        LIMIT(max_incoming_bytes, LONG_MAX),
        LIMIT(max_incoming_unix_fds, LONG_MAX),
        LIMIT(max_outgoing_bytes, LONG_MAX),
        LIMIT(max_outgoing_unix_fds, LONG_MAX),
        LIMIT(max_message_size, LONG_MAX),
        LIMIT(max_message_unix_fds, LONG_MAX),
        LIMIT(service_start_timeout, INT_MAX),
        LIMIT(auth_timeout, INT_MAX),
        LIMIT(pending_fd_timeout, INT_MAX),
        LIMIT(reply_timeout, INT_MAX),
        LIMIT(max_completed_connections, INT_MAX),
        LIMIT(max_incomplete_connections, INT_MAX),
        LIMIT(max_connections_per_user, INT_MAX),
        LIMIT(max_pending_service_starts, INT_MAX),
        LIMIT(max_names_per_connection, INT_MAX),
        LIMIT(max_match_rules_per_connection, INT_MAX),
        LIMIT(max_replies_per_connection, INT_MAX),
        LIMIT(max_containers, INT_MAX),
        LIMIT(max_containers_per_user, INT_MAX),
        LIMIT(max_connections_per_container, INT_MAX),
        LIMIT(max_container_metadata_bytes, INT_MAX),
        LIMIT(max_rules_per_container, INT_MAX),
};

static void selinux_association_free(void *data) {
        SelinuxAssociation *association = data;

        g_free(association->own);
        g_free(association->context);
        g_free(association);
}

static void rule_group_free(void *data) {
        RuleGroup *group = data;

        g_free(group->name);
        g_free(group->text);
        g_free(group->file);
        g_free(group);
}

static void policy_rule_free_any(void *rule) {
        policy_rule_free(rule);
}

Config *config_new(void) {
        Config *config = g_new0(Config, 1);

        config->n_refs = 1;
        config->limits = default_limits;
        config->listen = g_ptr_array_new_with_free_func(g_free);
        config->service_dirs = g_ptr_array_new_with_free_func(service_dir_free);
        config->config_dirs = g_ptr_array_new_with_free_func(g_free);
        config->files = g_ptr_array_new_with_free_func(g_free);
        config->auth = g_ptr_array_new_with_free_func(g_free);
        config->selinux = g_ptr_array_new_with_free_func(selinux_association_free);
        config->rules = g_ptr_array_new_with_free_func(policy_rule_free_any);
        config->rule_groups = g_ptr_array_new_with_free_func(rule_group_free);
        config->warnings = g_ptr_array_new_with_free_func(g_free);
        return config;
}

Config *config_ref(Config *config) {
        config->n_refs++;
        return config;
}

void config_unref(Config *config) {
        if (!config || --config->n_refs > 0)
                return;
        g_free(config->type);
        g_free(config->user);
        g_free(config->pidfile);
        g_free(config->servicehelper);
        g_ptr_array_unref(config->listen);
        g_ptr_array_unref(config->service_dirs);
        g_ptr_array_unref(config->config_dirs);
        g_ptr_array_unref(config->files);
        g_ptr_array_unref(config->auth);
        g_ptr_array_unref(config->selinux);
        g_ptr_array_unref(config->rules);
        g_ptr_array_unref(config->rule_groups);
        g_ptr_array_unref(config->warnings);
        g_free(config);
}

Config *config_new_included(const Config *config) {
        Config *included = config_new();

        included->limits = config->limits;
        included->apparmor = config->apparmor;
        included->containers_unrestricted = config->containers_unrestricted;
        included->containers_header_always = config->containers_header_always;
        included->busy_poll_usec = config->busy_poll_usec;
        return included;
}

static void take_text(char **text, char **from) {
        if (!*from)
                return;
        g_free(*text);
        *text = g_steal_pointer(from);
}

static void take_all(GPtrArray *array, GPtrArray *from) {
        for (guint i = 0; i < from->len; i++)
                g_ptr_array_add(array, g_steal_pointer(&from->pdata[i]));
        g_ptr_array_set_free_func(from, NULL);
        g_ptr_array_set_size(from, 0);
}

void config_join_notes(Config *config, Config *included) {
        take_all(config->files, included->files);
        take_all(config->warnings, included->warnings);
}

void config_join(Config *config, Config *included) {
        config_join_notes(config, included);
        take_text(&config->type, &included->type);
        take_text(&config->user, &included->user);
        take_text(&config->pidfile, &included->pidfile);
        take_text(&config->servicehelper, &included->servicehelper);
        take_all(config->listen, included->listen);
        take_all(config->config_dirs, included->config_dirs);
        take_all(config->auth, included->auth);
        take_all(config->selinux, included->selinux);
        take_all(config->rules, included->rules);
        take_all(config->rule_groups, included->rule_groups);
        for (guint i = 0; i < included->service_dirs->len; i++) {
                const ServiceDir *dir = included->service_dirs->pdata[i];

                service_dirs_add(config->service_dirs, dir->path, dir->flags);
        }
        config->fork |= included->fork;
        config->syslog |= included->syslog;
        config->keep_umask |= included->keep_umask;
        config->allow_anonymous |= included->allow_anonymous;
        config->service_owner_check |= included->service_owner_check;
        config->limits = included->limits;
        config->apparmor = included->apparmor;
        config->containers_unrestricted = included->containers_unrestricted;
        config->containers_header_always = included->containers_header_always;
        config->busy_poll_usec = included->busy_poll_usec;
}

void config_add_group(Config *config, const char *name, const char *text, const char *file,
                      unsigned line) {
        RuleGroup *group = g_new0(RuleGroup, 1);

        group->name = g_strdup(name);
        group->text = g_strdup(text);
        group->file = g_strdup(file);
        group->line = line;
        g_ptr_array_add(config->rule_groups, group);
}

bool config_set_limit(ConfigLimits *limits, const char *name, const char *text, GError **error) {
        char *end;
        long value;
        size_t i;

        for (i = 0; i < G_N_ELEMENTS(known_limits); i++)
                if (strcmp(name, known_limits[i].name) == 0)
                        break;
        if (i == G_N_ELEMENTS(known_limits)) {
                g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "there is no limit %s, expected a name from dbus-daemon(1)", name);
                return false;
        }
        /* Like the reference implementation: any base that C knows, and what follows the number is ignored. */
        errno = 0;
        value = strtol(text, &end, 0);
        if (errno != 0 || end == text || value < 0 || value > known_limits[i].max) {
                g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "\"%s\" is no %s, expected a number from 0 to %ld", text, name,
                            known_limits[i].max);
                return false;
        }
        *(uint64_t *)(void *)((char *)limits + known_limits[i].offset) = (uint64_t)value;
        return true;
}

void config_log_warnings(const Config *config) {
        for (guint i = 0; i < config->warnings->len; i++)
                log_message(LOG_LEVEL_WARNING, "%s", (const char *)config->warnings->pdata[i]);
}

SaslMechanisms config_get_mechanisms(const Config *config) {
        SaslMechanisms mechanisms = 0;

        if (config->auth->len == 0)
                mechanisms = SASL_EXTERNAL | SASL_ANONYMOUS;
        for (guint i = 0; i < config->auth->len; i++) {
                if (strcmp(config->auth->pdata[i], "EXTERNAL") == 0)
                        mechanisms |= SASL_EXTERNAL;
                else if (strcmp(config->auth->pdata[i], "ANONYMOUS") == 0)
                        mechanisms |= SASL_ANONYMOUS;
        }
        /* Who may not connect anonymously need not authenticate so first. */
        return config->allow_anonymous ? mechanisms : mechanisms & ~(unsigned)SASL_ANONYMOUS;
}

void config_get_quota_limits(const Config *config, QuotaLimits *ret_limits) {
        const ConfigLimits *limits = &config->limits;

        *ret_limits = (QuotaLimits){ .max = {
                [QUOTA_INCOMING_BYTES] = limits->max_incoming_bytes,
                [QUOTA_INCOMING_FDS] = limits->max_incoming_unix_fds,
                [QUOTA_OUTGOING_BYTES] = limits->max_outgoing_bytes,
                [QUOTA_OUTGOING_FDS] = limits->max_outgoing_unix_fds,
                [QUOTA_NAMES] = limits->max_names_per_connection,
                [QUOTA_MATCHES] = limits->max_match_rules_per_connection,
                [QUOTA_REPLIES] = limits->max_replies_per_connection,
                [QUOTA_ACTIVATIONS] = limits->max_pending_service_starts,
                [QUOTA_CONNECTIONS] = limits->max_connections_per_user,
        } };
}

const RuleGroup *config_find_group(const Config *config, const char *name) {
        /* The last one of a name wins, as everything does in the configuration. */
        for (guint i = config->rule_groups->len; i-- > 0;) {
                const RuleGroup *group = config->rule_groups->pdata[i];

                if (strcmp(group->name, name) == 0)
                        return group;
        }
        return NULL;
}
