/* SPDX-License-Identifier: MIT */
/*
 * Match rules from anybody: each line of the input is one. What can be parsed must survive being
 * printed and read again, being filed, looked for and removed. The last line also gives the texts
 * of the message that is looked for.
 */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "bus/match-index.h"
#include "wire/syntax.h"
#include "wire/writer.h"

#define N_OWNERS 3
#define MAX_RULES 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

static MatchRule *parse(WireString text) {
        g_autoptr(GError) error = NULL;
        MatchRule *rule = match_rule_parse(text, &error);

        require((rule == NULL) == (error != NULL));
        return rule;
}

static void check_round_trip(const MatchRule *rule) {
        g_autofree char *text = match_rule_to_text(rule);
        g_autoptr(MatchRule) again = NULL;

        /* quoting may make it longer than what is read */
        if (strlen(text) > MATCH_RULE_MAX_LENGTH)
                return;
        again = parse(wire_string(text));
        require(again && match_rule_equal(rule, again) &&
                match_rule_hash(rule) == match_rule_hash(again));
}

static void found(MatchOwner *owner, void *user) {
        (void)owner;
        require(++*(unsigned *)user <= N_OWNERS);
}

static void look_for(MatchIndex *index, WireString text, bool eavesdrop) {
        OwnedName name = { .name = text,
                           .hash = hash_bytes(text.data, text.length),
                           .primary = true };
        const NameSet names = { .unique = WIRE_STRING_LITERAL(":1.1"),
                                .names = &name,
                                .n_names = 1 };
        g_auto(Writer) body = { 0 };
        MessageView view = { .type = MESSAGE_TYPE_SIGNAL,
                             .big_endian = G_BYTE_ORDER == G_BIG_ENDIAN };
        unsigned n = 0;

        writer_init(&body);
        for (unsigned i = 0; i < 3; i++)
                writer_add_string_n(&body, text);
        view.bytes = body.body->data;
        view.n_bytes = view.n_body = body.body->len;
        view.signature = wire_string(body.signature->str);
        view.path =
                syntax_is_object_path(text.data, text.length) ? text : WIRE_STRING_LITERAL("/a/b");
        view.interface =
                syntax_is_interface(text.data, text.length) ? text : WIRE_STRING_LITERAL("a.b");
        view.member = syntax_is_member(text.data, text.length) ? text : WIRE_STRING_LITERAL("M");

        const MatchQuery query = { .message = &view,
                                   .sender_unique = names.unique,
                                   .sender_names = &names,
                                   .receiver_names = eavesdrop ? &names : NULL,
                                   .eavesdrop = eavesdrop };
        match_index_find(index, &query, found, &n);
}

typedef struct Input {
        MatchIndex *index;
        MatchOwner owners[N_OWNERS];
        GPtrArray *rules; /* of MatchRule *, as they were read */
} Input;

static void read_line(Input *input, const char *line, size_t n) {
        const WireString text = { .data = line, .length = (uint32_t)n };
        MatchRule *rule = parse(text);

        if (!rule)
                return;
        check_round_trip(rule);
        match_index_add(input->index, parse(text), &input->owners[input->rules->len % N_OWNERS]);
        g_ptr_array_add(input->rules, rule);
}

/* Every second rule goes by itself, the others with their owners. */
static void remove_all(Input *input) {
        for (unsigned i = 0; i < input->rules->len; i += 2)
                require(match_index_remove(input->index, input->rules->pdata[i],
                                           &input->owners[i % N_OWNERS]));
        for (unsigned i = 0; i < N_OWNERS; i++)
                match_index_remove_owner(input->index, &input->owners[i]);
        require(match_index_is_empty(input->index));
}

static void free_rule(void *rule) {
        match_rule_free(rule);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autoptr(GPtrArray) rules = g_ptr_array_new_with_free_func(free_rule);
        g_autoptr(MatchIndex) index = match_index_new();
        Input input = { .index = index, .rules = rules };
        const char *line = (const char *)data, *end = line + size, *next;

        /* what comes here has been validated as a string of a message */
        if (!g_utf8_validate_len(line, size, NULL))
                return 0;
        for (unsigned i = 0; i < N_OWNERS; i++)
                match_owner_init(&input.owners[i]);
        while ((next = memchr(line, '\n', (size_t)(end - line))) && rules->len < MAX_RULES) {
                read_line(&input, line, (size_t)(next - line));
                line = next + 1;
        }
        read_line(&input, line, (size_t)(end - line));
        if (line < end) {
                g_autofree char *last = g_strndup(line, (size_t)(end - line));

                look_for(index, wire_string(last), false);
                look_for(index, wire_string(last), true);
        }
        remove_all(&input);
        return 0;
}
