/* SPDX-License-Identifier: MIT */
/*
 * Values and text of container rules. Whatever container_rule_check() accepts is printed so that
 * parsing it gives the same value, and whatever parses passes the check: one set of rules, two
 * spellings.
 */
#include "policy/container-rule.h"

#include "base/log.h"
#include "wire/syntax.h"

#include <string.h>

#define KNOWN_FLAGS \
        (CONTAINER_RULE_VERBS | CONTAINER_RULE_SEND_UNIX_FDS | CONTAINER_RULE_NAME_IS_NAMESPACE | \
         CONTAINER_RULE_PATH_IS_SUBTREE)
#define TALK_FLAGS (CONTAINER_RULE_CALL | CONTAINER_RULE_RECEIVE | CONTAINER_RULE_SEND_UNIX_FDS)

static const struct {
        const char *word;
        uint32_t flag;
} verbs[] = {
        { "see", CONTAINER_RULE_SEE },
        { "call", CONTAINER_RULE_CALL },
        { "receive", CONTAINER_RULE_RECEIVE },
        { "own", CONTAINER_RULE_OWN },
};

GQuark container_rule_error_quark(void) {
        return g_quark_from_static_string("container-rule-error");
}

void container_rule_clear(ContainerRule *rule) {
        g_clear_pointer(&rule->bus_name, g_free);
        g_clear_pointer(&rule->object_path, g_free);
        g_clear_pointer(&rule->interface, g_free);
        rule->flags = 0;
}

ContainerRule *container_rule_copy(const ContainerRule *rule) {
        ContainerRule *copy = g_new(ContainerRule, 1);

        copy->flags = rule->flags;
        copy->bus_name = g_strdup(rule->bus_name);
        copy->object_path = g_strdup(rule->object_path);
        copy->interface = g_strdup(rule->interface);
        return copy;
}

void container_rule_free(ContainerRule *rule) {
        if (!rule)
                return;
        container_rule_clear(rule);
        g_free(rule);
}

size_t container_rule_get_size(const ContainerRule *rule) {
        return strlen(rule->bus_name) + strlen(rule->object_path) + strlen(rule->interface);
}

RuleRoom rule_room_get(uint64_t max_rules, size_t n_rules, size_t n_bytes) {
        uint64_t max_bytes = MIN(max_rules, UINT64_MAX / CONTAINER_RULE_MEAN_SIZE) *
                             CONTAINER_RULE_MEAN_SIZE;

        max_bytes = MAX(max_bytes, CONTAINER_RULE_MIN_ROOM);
        return (RuleRoom){ .n_rules = max_rules > n_rules ? max_rules - n_rules : 0,
                           .n_bytes = max_bytes > n_bytes ? max_bytes - n_bytes : 0 };
}

bool rule_room_take(RuleRoom *room, const ContainerRule *rule) {
        size_t n_bytes = container_rule_get_size(rule);

        if (room->n_rules == 0 || n_bytes > room->n_bytes)
                return false;
        room->n_rules--;
        room->n_bytes -= n_bytes;
        return true;
}

static bool invalid(GError **error, const char *what, const char *text, const char *expected) {
        g_autofree char *shown = log_escape(text);

        g_set_error(error, CONTAINER_RULE_ERROR, CONTAINER_RULE_ERROR_INVALID,
                    "%s '%s': expected %s", what, shown, expected);
        return false;
}

static bool check_flags(uint32_t flags, GError **error) {
        g_autofree char *shown = g_strdup_printf("0x%x", flags);

        if (flags & ~(uint32_t)KNOWN_FLAGS)
                return invalid(error, "flags", shown, "none but the defined ones");
        if (!(flags & CONTAINER_RULE_VERBS))
                return invalid(error, "flags", shown, "at least one of SEE, CALL, RECEIVE and OWN");
        return true;
}

static bool check_name(const ContainerRule *rule, GError **error) {
        const char *name = rule->bus_name;
        size_t n = strlen(name);

        if (rule->flags & CONTAINER_RULE_NAME_IS_NAMESPACE) {
                if (name[0] == ':' || !syntax_is_bus_namespace(name, n))
                        return invalid(error, "bus name", name,
                                       "a well-known name, as it shall cover those below");
                return true;
        }
        if (n > 0 && !syntax_is_bus_name(name, n))
                return invalid(error, "bus name", name,
                               "a well-known name, a unique name, or nothing");
        return true;
}

static bool check_path(const char *path, GError **error) {
        size_t n = strlen(path);

        if (n > CONTAINER_RULE_MAX_PATH)
                return invalid(error, "object path", path, "at most 4096 bytes");
        if (!syntax_is_object_path(path, n))
                return invalid(error, "object path", path, "an object path");
        return true;
}

/* The part before ".*": like an interface name, but one element is enough. */
static bool is_interface_namespace(const char *text, size_t n) {
        return syntax_is_interface(text, n) || syntax_is_member(text, n);
}

static bool check_interface(const char *interface, GError **error) {
        size_t n = strlen(interface);
        const char *dot = strrchr(interface, '.');

        if (n == 0 || syntax_is_interface(interface, n))
                return true;
        if (n > 2 && strcmp(interface + n - 2, ".*") == 0 &&
            is_interface_namespace(interface, n - 2))
                return true;
        /* INTERFACE.MEMBER may be longer than any interface name. */
        if (dot && syntax_is_interface(interface, (size_t)(dot - interface)) &&
            syntax_is_member(dot + 1, n - (size_t)(dot + 1 - interface)))
                return true;
        return invalid(error, "interface", interface,
                       "INTERFACE, INTERFACE.MEMBER, INTERFACE.* or nothing");
}

bool container_rule_check(const ContainerRule *rule, GError **error) {
        return check_flags(rule->flags, error) && check_name(rule, error) &&
               check_path(rule->object_path, error) && check_interface(rule->interface, error);
}

/* see, or call+receive; talk is left to the caller. 0: it is none */
static uint32_t parse_verbs(const char *word) {
        g_auto(GStrv) parts = g_strsplit(word, "+", -1);
        uint32_t flags = 0;

        for (char **part = parts; *part; part++) {
                uint32_t flag = 0;

                for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
                        if (strcmp(*part, verbs[i].word) == 0)
                                flag = verbs[i].flag;
                if (flag == 0 || (flags & flag))
                        return 0;
                flags |= flag;
        }
        return flags;
}

static void parse_name(const char *word, ContainerRule *rule) {
        if (strcmp(word, "*") == 0) {
                rule->bus_name = g_strdup("");
                return;
        }
        if (g_str_has_suffix(word, ".*")) {
                rule->flags |= CONTAINER_RULE_NAME_IS_NAMESPACE;
                rule->bus_name = g_strndup(word, strlen(word) - 2);
                return;
        }
        rule->bus_name = g_strdup(word);
}

static void parse_path(const char *word, ContainerRule *rule) {
        size_t n = strlen(word);

        if (!g_str_has_suffix(word, "/*")) {
                rule->object_path = g_strdup(word);
                return;
        }
        rule->flags |= CONTAINER_RULE_PATH_IS_SUBTREE;
        rule->object_path = n == 2 ? g_strdup("/") : g_strndup(word, n - 2);
}

/* One word behind the name. */
static bool parse_option(const char *word, ContainerRule *rule, GError **error) {
        if (strcmp(word, "fds") == 0) {
                if (rule->flags & CONTAINER_RULE_SEND_UNIX_FDS)
                        return invalid(error, "word", word, "it once");
                rule->flags |= CONTAINER_RULE_SEND_UNIX_FDS;
                return true;
        }
        if (word[0] == '@') {
                if (rule->object_path)
                        return invalid(error, "word", word, "one path");
                parse_path(word + 1, rule);
                return true;
        }
        if (rule->interface)
                return invalid(error, "word", word, "one interface, @ before a path, or fds");
        rule->interface = g_strdup(word);
        return true;
}

/* Verb, name and options, as far as they can be told from each other; then the common check. */
static bool parse_words(char **words, bool has_name, ContainerRule *rule, GError **error) {
        bool talk = has_name && strcmp(words[0], "talk") == 0;
        char **options = words + (has_name ? 2 : 1);

        rule->flags = talk ? TALK_FLAGS : parse_verbs(words[0]);
        if (rule->flags == 0)
                return invalid(error, "word", words[0],
                               has_name ? "see, call, receive, own or talk"
                                        : "call, receive or call+receive");
        if (has_name && !words[1])
                return invalid(error, "rule", words[0], "a bus name behind it");
        if (talk && *options)
                return invalid(error, "word", *options, "nothing more behind talk");
        if (has_name)
                parse_name(words[1], rule);
        for (; *options; options++)
                if (!parse_option(*options, rule, error))
                        return false;
        if (!rule->bus_name)
                rule->bus_name = g_strdup("");
        if (!rule->interface)
                rule->interface = g_strdup("");
        if (!rule->object_path) {
                rule->object_path = g_strdup("/");
                rule->flags |= CONTAINER_RULE_PATH_IS_SUBTREE;
        }
        /* An empty word for a name or an interface cannot be written, so that empty always means
         * all. */
        if ((rule->flags & CONTAINER_RULE_NAME_IS_NAMESPACE) && rule->bus_name[0] == '\0')
                return invalid(error, "bus name", words[1], "a name before .*");
        return container_rule_check(rule, error);
}

/* Splits at white space; a # ends the line. */
static GStrv split_words(const char *line) {
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        size_t n = strcspn(line, "#");

        for (size_t i = 0; i < n;) {
                size_t start = i;

                while (i < n && !g_ascii_isspace(line[i]))
                        i++;
                if (i > start) {
                        g_autofree char *word = g_strndup(line + start, i - start);

                        g_strv_builder_add(builder, word);
                        continue;
                }
                i++;
        }
        return g_strv_builder_end(builder);
}

static bool parse_line(const char *line, bool has_name, ContainerRule *ret_rule, GError **error) {
        g_auto(ContainerRule) rule = { 0 };
        g_auto(GStrv) words = split_words(line);

        if (words[0] && !parse_words(words, has_name, &rule, error))
                return false;
        *ret_rule = rule;
        memset(&rule, 0, sizeof rule);
        return true;
}

bool container_rule_parse(const char *line, ContainerRule *ret_rule, GError **error) {
        return parse_line(line, true, ret_rule, error);
}

bool container_rule_parse_nameless(const char *text, ContainerRule *ret_rule, GError **error) {
        if (!parse_line(text, false, ret_rule, error))
                return false;
        if (ret_rule->flags == 0)
                return invalid(error, "rule", text, "call or receive, and what they are for");
        return true;
}

/* The part behind the name, in the order in which the manual has it. */
static void print_options(const ContainerRule *rule, GString *text) {
        bool subtree = rule->flags & CONTAINER_RULE_PATH_IS_SUBTREE;
        bool root = strcmp(rule->object_path, "/") == 0;

        if (rule->interface[0])
                g_string_append_printf(text, " %s", rule->interface);
        if (!root || !subtree)
                g_string_append_printf(text, " @%s%s", rule->object_path, subtree ? "/*" : "");
        if (rule->flags & CONTAINER_RULE_SEND_UNIX_FDS)
                g_string_append(text, " fds");
}

static void print_name(const ContainerRule *rule, GString *text) {
        if (rule->bus_name[0] == '\0') {
                g_string_append(text, " *");
                return;
        }
        g_string_append_printf(text, " %s%s", rule->bus_name,
                               (rule->flags & CONTAINER_RULE_NAME_IS_NAMESPACE) ? ".*" : "");
}

static bool is_talk(const ContainerRule *rule) {
        uint32_t flags = rule->flags & ~(uint32_t)CONTAINER_RULE_NAME_IS_NAMESPACE;

        return flags == (TALK_FLAGS | CONTAINER_RULE_PATH_IS_SUBTREE) &&
               rule->interface[0] == '\0' && strcmp(rule->object_path, "/") == 0;
}

char *container_rule_to_text(const ContainerRule *rule) {
        GString *text = g_string_new(is_talk(rule) ? "talk" : NULL);

        if (is_talk(rule)) {
                print_name(rule, text);
                return g_string_free(text, FALSE);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
                if (rule->flags & verbs[i].flag)
                        g_string_append_printf(text, "%s%s", text->len > 0 ? "+" : "",
                                               verbs[i].word);
        print_name(rule, text);
        print_options(rule, text);
        return g_string_free(text, FALSE);
}

static void free_rule(gpointer rule) {
        container_rule_free(rule);
}

GPtrArray *container_rule_parse_text(const char *text, const char *name, unsigned first_line,
                                     GError **error) {
        g_autoptr(GPtrArray) rules = g_ptr_array_new_with_free_func(free_rule);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (unsigned i = 0; lines[i]; i++) {
                g_auto(ContainerRule) rule = { 0 };

                if (!container_rule_parse(lines[i], &rule, error)) {
                        g_prefix_error(error, "%s:%u: ", name, first_line + i);
                        return NULL;
                }
                if (rule.flags != 0)
                        g_ptr_array_add(rules, container_rule_copy(&rule));
        }
        return g_steal_pointer(&rules);
}
