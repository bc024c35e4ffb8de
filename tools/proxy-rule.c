/* SPDX-License-Identifier: MIT */
/*
 * The grammar of the proxy differs from that of rules in few places: METHOD may be a star, a path
 * or a method alone is a whole RULE, and an empty RULE stands for everything. What both have in
 * common is checked by container_rule_check().
 */
#include "tools/proxy-rule.h"

#include <string.h>

#define TALK_FLAGS (CONTAINER_RULE_CALL | CONTAINER_RULE_RECEIVE | CONTAINER_RULE_SEND_UNIX_FDS)

static const struct {
        const char *word;
        uint32_t flags;
} verbs[] = {
        [PROXY_VERB_SEE] = { "see", CONTAINER_RULE_SEE },
        [PROXY_VERB_TALK] = { "talk", TALK_FLAGS },
        [PROXY_VERB_OWN] = { "own", TALK_FLAGS | CONTAINER_RULE_OWN },
        [PROXY_VERB_CALL] = { "call", CONTAINER_RULE_CALL | CONTAINER_RULE_SEND_UNIX_FDS },
        [PROXY_VERB_BROADCAST] = { "broadcast",
                                   CONTAINER_RULE_RECEIVE | CONTAINER_RULE_SEND_UNIX_FDS },
};

bool proxy_verb_find(const char *word, ProxyVerb *ret_verb) {
        for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
                if (strcmp(word, verbs[i].word) == 0) {
                        *ret_verb = (ProxyVerb)i;
                        return true;
                }
        return false;
}

/* Cuts @suffix off, where it is. */
static bool cut_suffix(char *text, const char *suffix) {
        if (!g_str_has_suffix(text, suffix))
                return false;
        text[strlen(text) - strlen(suffix)] = '\0';
        return true;
}

static bool set_name(ContainerRule *rule, const char *name, size_t length, GError **error) {
        rule->bus_name = g_strndup(name, length);
        if (cut_suffix(rule->bus_name, ".*"))
                rule->flags |= CONTAINER_RULE_NAME_IS_NAMESPACE;
        if (rule->bus_name[0] != '\0')
                return true;
        g_set_error(error, CONTAINER_RULE_ERROR, CONTAINER_RULE_ERROR_INVALID,
                    "bus name '%s': expected one such as org.example.Name or org.example.*", name);
        return false;
}

/* A star as last element covers what is below; as the only one it covers everything. */
static void set_path(ContainerRule *rule, const char *path) {
        rule->object_path = g_strdup(path);
        if (cut_suffix(rule->object_path, "/*"))
                rule->flags |= CONTAINER_RULE_PATH_IS_SUBTREE;
        if (rule->object_path[0] != '\0')
                return;
        g_free(rule->object_path);
        rule->object_path = g_strdup("/");
}

/*
 * [METHOD][@PATH]; NULL: no restriction. INTERFACE.* is each method of that interface, and none of
 * those whose names are longer; whatever begins with a star is everything.
 */
static void set_restriction(ContainerRule *rule, const char *text) {
        const char *path = text ? strchr(text, '@') : NULL;

        rule->interface =
                path ? g_strndup(text, (size_t)(path - text)) : g_strdup(text ? text : "");
        if (rule->interface[0] == '*')
                rule->interface[0] = '\0';
        (void)cut_suffix(rule->interface, ".*");
        set_path(rule, path && path[1] != '\0' ? path + 1 : "/*");
}

bool proxy_rule_parse(ProxyVerb verb, const char *text, ContainerRule *ret_rule, GError **error) {
        bool restricted = verb == PROXY_VERB_CALL || verb == PROXY_VERB_BROADCAST;
        const char *equals = restricted ? strchr(text, '=') : NULL;
        g_auto(ContainerRule) rule = { .flags = verbs[verb].flags };

        if (restricted && !equals) {
                g_set_error(error, CONTAINER_RULE_ERROR, CONTAINER_RULE_ERROR_INVALID,
                            "'%s': expected NAME=RULE, RULE being [METHOD][@PATH]", text);
                return false;
        }
        if (!set_name(&rule, text, equals ? (size_t)(equals - text) : strlen(text), error))
                return false;
        set_restriction(&rule, equals ? equals + 1 : NULL);
        if (!container_rule_check(&rule, error))
                return false;
        *ret_rule = rule;
        memset(&rule, 0, sizeof rule);
        return true;
}

void proxy_rule_set_open(ContainerRule *ret_rule) {
        *ret_rule = (ContainerRule){
                .flags = TALK_FLAGS | CONTAINER_RULE_OWN | CONTAINER_RULE_PATH_IS_SUBTREE,
                .bus_name = g_strdup(""),
                .object_path = g_strdup("/"),
                .interface = g_strdup(""),
        };
}
