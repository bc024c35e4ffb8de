/* SPDX-License-Identifier: MIT */
/*
 * Text of a match rule to MatchRule and back.
 *
 * A rule is read into a ParsedRule on the stack, which has room for the largest one, and then
 * packed into one allocation of exact size. Packed rules that say the same are the same bytes,
 * whatever the order and quoting in which they were written, so that comparing and hashing them
 * need not look at their parts.
 */
#include "bus/match-rule.h"

#include <string.h>

#include "wire/syntax.h"

#define MAX_ARGS (MATCH_RULE_MAX_ARG + 1)

G_STATIC_ASSERT(sizeof(MatchRule) == offsetof(MatchRule, args));

typedef struct ParsedRule {
        const char *at, *end; /* of the text that is still to be read */
        char *free;           /* next byte of decoded[] */
        WireString values[MATCH_KEYS];
        WireString args[MAX_ARGS];
        uint8_t arg_kinds[MAX_ARGS];
        uint8_t type;
        bool eavesdrop, has_eavesdrop, path_is_namespace;
        /* values without their quoting, which only makes them shorter */
        char decoded[MATCH_RULE_MAX_LENGTH];
} ParsedRule;

static const struct {
        const char *name;
        MatchKey key;
        bool is_namespace;
        bool (*is_valid)(const char *text, size_t n);
        const char *wanted;
} text_keys[] = {
        { "sender", MATCH_SENDER, false, syntax_is_bus_name, "a bus name" },
        { "interface", MATCH_INTERFACE, false, syntax_is_interface, "an interface name" },
        { "member", MATCH_MEMBER, false, syntax_is_member, "a member name" },
        { "path", MATCH_PATH, false, syntax_is_object_path, "an object path" },
        { "path_namespace", MATCH_PATH, true, syntax_is_object_path, "an object path" },
        { "destination", MATCH_DESTINATION, false, syntax_is_bus_name, "a bus name" },
};

static const char *const type_names[] = {
        [MESSAGE_TYPE_METHOD_CALL] = "method_call",
        [MESSAGE_TYPE_METHOD_RETURN] = "method_return",
        [MESSAGE_TYPE_ERROR] = "error",
        [MESSAGE_TYPE_SIGNAL] = "signal",
};

G_DEFINE_QUARK(match_rule_error, match_rule_error)

static bool refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static bool refuse(GError **error, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        if (error)
                *error = g_error_new_valist(MATCH_RULE_ERROR, MATCH_RULE_ERROR_INVALID, format,
                                            arguments);
        va_end(arguments);
        return false;
}

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(ParsedRule *parsed) {
        while (parsed->at < parsed->end && is_space(*parsed->at))
                parsed->at++;
}

/* Sets an empty key at the end of the rule. */
static bool read_key(ParsedRule *parsed, WireString *ret_key, GError **error) {
        skip_space(parsed);
        const char *start = parsed->at;
        while (parsed->at < parsed->end && *parsed->at != '=' && !is_space(*parsed->at))
                parsed->at++;
        *ret_key = (WireString){ .data = start, .length = (uint32_t)(parsed->at - start) };
        if (ret_key->length == 0)
                return true;
        skip_space(parsed);
        if (parsed->at == parsed->end || *parsed->at != '=')
                return refuse(error, "Match rule: key \"%.*s\" is not followed by '='",
                              (int)ret_key->length, start);
        parsed->at++;
        return true;
}

/* Up to the comma that ends it, or the end of the rule. */
static bool read_value(ParsedRule *parsed, WireString *ret_value, GError **error) {
        bool quoted = false;

        *ret_value = (WireString){ .data = parsed->free };
        for (; parsed->at < parsed->end && (quoted || *parsed->at != ','); parsed->at++) {
                char c = *parsed->at;

                if (c == '\'') {
                        quoted = !quoted;
                        continue;
                }
                if (c == '\\' && !quoted && parsed->at + 1 < parsed->end) {
                        /*
                         * It shields the next character from being read, and stays unless that is
                         * an apostrophe.
                         */
                        if (parsed->at[1] != '\'')
                                *parsed->free++ = c;
                        c = *++parsed->at;
                }
                *parsed->free++ = c;
        }
        if (quoted)
                return refuse(error, "Match rule: the last apostrophe is not closed by another");
        if (parsed->at < parsed->end)
                parsed->at++;
        ret_value->length = (uint32_t)(parsed->free - ret_value->data);
        return true;
}

static bool set_type(ParsedRule *parsed, WireString value, GError **error) {
        if (parsed->type != 0)
                return refuse(error, "Match rule: type is given twice");
        for (uint8_t i = 1; i < G_N_ELEMENTS(type_names); i++)
                if (wire_string_is(value, type_names[i]))
                        parsed->type = i;
        if (parsed->type == 0)
                return refuse(error,
                              "Match rule: type='%.*s' is none of method_call, method_return, "
                              "error, signal",
                              (int)value.length, value.data);
        return true;
}

static bool set_eavesdrop(ParsedRule *parsed, WireString value, GError **error) {
        parsed->has_eavesdrop = true;
        parsed->eavesdrop = wire_string_is(value, "true");
        if (!parsed->eavesdrop && !wire_string_is(value, "false"))
                return refuse(error, "Match rule: eavesdrop='%.*s' is neither true nor false",
                              (int)value.length, value.data);
        return true;
}

static bool set_text(ParsedRule *parsed, unsigned i, WireString value, GError **error) {
        MatchKey key = text_keys[i].key;

        if (parsed->values[key].data)
                return refuse(error, "Match rule: %s is given twice",
                              key == MATCH_PATH ? "path or path_namespace" : text_keys[i].name);
        if (!text_keys[i].is_valid(value.data, value.length))
                return refuse(error, "Match rule: %s='%.*s' is not %s", text_keys[i].name,
                              (int)value.length, value.data, text_keys[i].wanted);
        parsed->values[key] = value;
        if (key == MATCH_PATH)
                parsed->path_is_namespace = text_keys[i].is_namespace;
        return true;
}

/* What follows "arg": a number, and nothing, "path", or "namespace" for argument 0. */
static bool parse_arg_key(WireString key, unsigned *ret_index, MatchArgKind *ret_kind) {
        g_autofree char *text = g_strndup(key.data + strlen("arg"), key.length - strlen("arg"));
        char *suffix;
        guint64 index = g_ascii_strtoull(text, &suffix, 0);

        if (suffix == text || index > MATCH_RULE_MAX_ARG)
                return false;
        *ret_index = (unsigned)index;
        *ret_kind = MATCH_ARG_EQUAL;
        if (*suffix == '\0')
                return true;
        *ret_kind = MATCH_ARG_PATH;
        if (strcmp(suffix, "path") == 0)
                return true;
        *ret_kind = MATCH_ARG_NAMESPACE;
        return index == 0 && strcmp(suffix, "namespace") == 0;
}

static bool set_arg(ParsedRule *parsed, WireString key, WireString value, GError **error) {
        MatchArgKind kind;
        unsigned index;

        if (!parse_arg_key(key, &index, &kind))
                return refuse(error,
                              "Match rule: key \"%.*s\" is none of arg0 to arg%d, arg0path to "
                              "arg%dpath, arg0namespace",
                              (int)key.length, key.data, MATCH_RULE_MAX_ARG, MATCH_RULE_MAX_ARG);
        if (parsed->args[index].data)
                return refuse(error, "Match rule: argument %u is given twice", index);
        if (kind == MATCH_ARG_NAMESPACE && !syntax_is_bus_namespace(value.data, value.length))
                return refuse(error,
                              "Match rule: arg0namespace='%.*s' is not the beginning of a bus name",
                              (int)value.length, value.data);
        parsed->args[index] = value;
        parsed->arg_kinds[index] = (uint8_t)kind;
        return true;
}

static bool set_key(ParsedRule *parsed, WireString key, WireString value, GError **error) {
        if (wire_string_is(key, "type"))
                return set_type(parsed, value, error);
        if (wire_string_is(key, "eavesdrop"))
                return set_eavesdrop(parsed, value, error);
        for (unsigned i = 0; i < G_N_ELEMENTS(text_keys); i++)
                if (wire_string_is(key, text_keys[i].name))
                        return set_text(parsed, i, value, error);
        if (key.length >= 3 && memcmp(key.data, "arg", 3) == 0)
                return set_arg(parsed, key, value, error);
        return refuse(error, "Match rule: there is no key \"%.*s\"", (int)key.length, key.data);
}

static bool parse(ParsedRule *parsed, GError **error) {
        WireString key, value = { 0 };

        while (parsed->at < parsed->end) {
                if (!read_key(parsed, &key, error))
                        return false;
                if (key.length == 0)
                        return true;
                if (!read_value(parsed, &value, error) || !set_key(parsed, key, value, error))
                        return false;
        }
        return true;
}

static char *append(char *at, WireString text) {
        if (text.length > 0)
                memcpy(at, text.data, text.length);
        return at + text.length;
}

static MatchRule *pack(const ParsedRule *parsed) {
        size_t n_bytes = 0, n_args = 0;

        for (unsigned i = 0; i < MATCH_KEYS; i++)
                n_bytes += parsed->values[i].length;
        for (unsigned i = 0; i < MAX_ARGS; i++)
                if (parsed->args[i].data) {
                        n_bytes += parsed->args[i].length;
                        n_args++;
                }

        MatchRule *rule = g_malloc(sizeof(MatchRule) + n_args * sizeof(MatchArg) + n_bytes);
        *rule = (MatchRule){ .type = parsed->type,
                             .eavesdrop = parsed->eavesdrop,
                             .path_is_namespace = parsed->path_is_namespace };
        char *text = (char *)&rule->args[n_args];
        for (unsigned i = 0; i < MATCH_KEYS; i++) {
                rule->lengths[i] = (uint16_t)parsed->values[i].length;
                text = append(text, parsed->values[i]);
        }
        for (unsigned i = 0; i < MAX_ARGS; i++)
                if (parsed->args[i].data) {
                        rule->args[rule->n_args++] =
                                (MatchArg){ .index = (uint8_t)i,
                                            .kind = parsed->arg_kinds[i],
                                            .length = (uint16_t)parsed->args[i].length };
                        text = append(text, parsed->args[i]);
                }
        return rule;
}

static void begin(ParsedRule *parsed, WireString text) {
        /* decoded[] is only read where it was written */
        memset(parsed, 0, offsetof(ParsedRule, decoded));
        parsed->at = text.data;
        parsed->end = text.data + text.length;
        parsed->free = parsed->decoded;
}

MatchRule *match_rule_parse(WireString text, GError **error) {
        ParsedRule parsed;

        if (text.length > MATCH_RULE_MAX_LENGTH) {
                g_set_error(error, MATCH_RULE_ERROR, MATCH_RULE_ERROR_TOO_LONG,
                            "Match rule has %u bytes, more than %d", text.length,
                            MATCH_RULE_MAX_LENGTH);
                return NULL;
        }
        begin(&parsed, text);
        return parse(&parsed, error) ? pack(&parsed) : NULL;
}

bool match_rule_names_eavesdrop(WireString text) {
        ParsedRule parsed;

        if (text.length > MATCH_RULE_MAX_LENGTH)
                return false;
        begin(&parsed, text);
        (void)parse(&parsed, NULL);
        return parsed.has_eavesdrop;
}

void match_rule_free(MatchRule *rule) {
        g_free(rule);
}

static const char *text_start(const MatchRule *rule) {
        return (const char *)&rule->args[rule->n_args];
}

WireString match_rule_get(const MatchRule *rule, MatchKey key) {
        const char *text = text_start(rule);

        if (rule->lengths[key] == 0)
                return (WireString){ 0 };
        for (unsigned i = 0; i < key; i++)
                text += rule->lengths[i];
        return (WireString){ .data = text, .length = rule->lengths[key] };
}

/* With @i == n_args: what is behind the last argument. */
static const char *arg_start(const MatchRule *rule, unsigned i) {
        const char *text = text_start(rule);

        for (unsigned k = 0; k < MATCH_KEYS; k++)
                text += rule->lengths[k];
        for (unsigned k = 0; k < i; k++)
                text += rule->args[k].length;
        return text;
}

WireString match_rule_get_arg(const MatchRule *rule, unsigned i) {
        return (WireString){ .data = arg_start(rule, i), .length = rule->args[i].length };
}

static size_t said_size(const MatchRule *rule) {
        return (size_t)(arg_start(rule, rule->n_args) - (const char *)rule->lengths);
}

uint64_t match_rule_hash(const MatchRule *rule) {
        return hash_bytes(rule->lengths, said_size(rule));
}

bool match_rule_equal(const MatchRule *a, const MatchRule *b) {
        size_t n = said_size(a);

        return n == said_size(b) && memcmp(a->lengths, b->lengths, n) == 0;
}

static void print(GString *text, const char *key, WireString value) {
        g_string_append_printf(text, "%s%s='", text->len > 0 ? "," : "", key);
        for (uint32_t i = 0; i < value.length; i++) {
                if (value.data[i] == '\'')
                        g_string_append(text, "'\\''");
                else
                        g_string_append_c(text, value.data[i]);
        }
        g_string_append_c(text, '\'');
}

static void print_key(GString *text, const char *name, const MatchRule *rule, MatchKey key) {
        WireString value = match_rule_get(rule, key);

        if (value.data)
                print(text, name, value);
}

static void print_args(GString *text, const MatchRule *rule) {
        static const char *const suffixes[] = {
                [MATCH_ARG_EQUAL] = "",
                [MATCH_ARG_PATH] = "path",
                [MATCH_ARG_NAMESPACE] = "namespace",
        };

        for (unsigned i = 0; i < rule->n_args; i++) {
                g_autofree char *key = g_strdup_printf("arg%u%s", rule->args[i].index,
                                                       suffixes[rule->args[i].kind]);

                print(text, key, match_rule_get_arg(rule, i));
        }
}

char *match_rule_to_text(const MatchRule *rule) {
        GString *text = g_string_new(NULL);

        if (rule->type != 0)
                print(text, "type", wire_string(type_names[rule->type]));
        print_key(text, "interface", rule, MATCH_INTERFACE);
        print_key(text, "member", rule, MATCH_MEMBER);
        print_key(text, rule->path_is_namespace ? "path_namespace" : "path", rule, MATCH_PATH);
        print_key(text, "sender", rule, MATCH_SENDER);
        print_key(text, "destination", rule, MATCH_DESTINATION);
        if (rule->eavesdrop)
                print(text, "eavesdrop", WIRE_STRING_LITERAL("true"));
        print_args(text, rule);
        return g_string_free(text, FALSE);
}

bool match_arg_path_matches(WireString rule, WireString argument) {
        WireString shorter = rule.length < argument.length ? rule : argument;

        if (rule.length == argument.length)
                return wire_string_equal(rule, argument);
        return shorter.length > 0 && shorter.data[shorter.length - 1] == '/' &&
               memcmp(rule.data, argument.data, shorter.length) == 0;
}

bool match_namespace_contains(WireString top, WireString text, char separator) {
        if (top.length > text.length || memcmp(top.data, text.data, top.length) != 0)
                return false;
        return top.length == text.length || text.data[top.length] == separator ||
               (top.length == 1 && top.data[0] == '/');
}
