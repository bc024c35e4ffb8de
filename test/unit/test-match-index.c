/* SPDX-License-Identifier: MIT */
/*
 * Which rules a message finds: a table of what dbus-daemon 1.14 does, and random rules and messages
 * compared with a plain reading of the specification that knows nothing of keys and shapes.
 */
#include "bus/match-index.h"

#include <glib.h>
#include <string.h>

#include "wire/writer.h"

#define MAX_ARGS 4

/*
 * A message as the tests write it. NULL: absent. Arguments: "s:text", "o:/path", "g:sig", "u:" or
 * "as:".
 */
typedef struct Sample {
        const char *path, *interface, *member, *destination, *sender;
        const char *names; /* of the sender, separated by spaces; a leading '~': only queued */
        const char *receiver, *receiver_names;
        const char *args[MAX_ARGS];
        uint8_t type; /* 0: signal */
        bool eavesdrop;
} Sample;

/* A Sample in the form in which the index wants it. */
typedef struct Subject {
        Writer body;
        MessageView view;
        NameSet sender, receiver;
        OwnedName sender_names[8], receiver_names[8];
        MatchQuery query;
} Subject;

static void fill_names(NameSet *set, OwnedName *owned, const char *unique, const char *text) {
        *set = (NameSet){ .unique = wire_string(unique), .names = owned };
        while (text && *text) {
                bool primary = *text != '~';
                const char *name = text + !primary;
                size_t n = strcspn(name, " ");

                owned[set->n_names++] =
                        (OwnedName){ .name = { .data = name, .length = (uint32_t)n },
                                     .hash = hash_bytes(name, n),
                                     .primary = primary };
                text = name[n] ? name + n + 1 : NULL;
        }
}

static void add_arg(Writer *body, const char *arg) {
        const char *value = strchr(arg, ':') + 1;

        if (g_str_has_prefix(arg, "s:"))
                writer_add_string(body, value);
        else if (g_str_has_prefix(arg, "o:"))
                writer_add_path(body, value);
        else if (g_str_has_prefix(arg, "g:"))
                writer_add_signature(body, value);
        else if (g_str_has_prefix(arg, "u:"))
                writer_add_u32(body, 7);
        else
                writer_close_array(body, writer_open_array(body, "s"));
}

static void subject_init(Subject *subject, const Sample *sample) {
        *subject = (Subject){ 0 };
        writer_init(&subject->body);
        for (unsigned i = 0; i < MAX_ARGS && sample->args[i]; i++)
                add_arg(&subject->body, sample->args[i]);
        subject->view = (MessageView){
                .bytes = subject->body.body->len > 0 ? subject->body.body->data
                                                     : (const uint8_t *)"",
                .n_bytes = subject->body.body->len,
                .n_body = subject->body.body->len,
                .big_endian = G_BYTE_ORDER == G_BIG_ENDIAN,
                .type = sample->type ? sample->type : MESSAGE_TYPE_SIGNAL,
                .path = wire_string(sample->path),
                .interface = wire_string(sample->interface),
                .member = wire_string(sample->member),
                .destination = wire_string(sample->destination),
                .signature = wire_string(subject->body.signature->str),
        };
        fill_names(&subject->sender, subject->sender_names, sample->sender, sample->names);
        fill_names(&subject->receiver, subject->receiver_names, sample->receiver,
                   sample->receiver_names);
        subject->query = (MatchQuery){
                .message = &subject->view,
                .sender_unique = wire_string(sample->sender),
                .sender_names =
                        g_strcmp0(sample->sender, DBUS_BUS_NAME) == 0 ? NULL : &subject->sender,
                .receiver_names = sample->receiver ? &subject->receiver : NULL,
                .eavesdrop = sample->eavesdrop,
        };
}

static MatchRule *parse(const char *text) {
        g_autoptr(GError) error = NULL;
        MatchRule *rule = match_rule_parse(wire_string(text), &error);

        g_assert_no_error(error);
        return rule;
}

static void count(MatchOwner *owner, void *user) {
        (void)owner;
        ++*(unsigned *)user;
}

static unsigned find(MatchIndex *index, const Sample *sample) {
        Subject subject;
        unsigned n = 0;

        subject_init(&subject, sample);
        match_index_find(index, &subject.query, count, &n);
        writer_clear(&subject.body);
        return n;
}

#define SIGNAL_AT(at) .path = (at), .interface = "a.b", .member = "Sig", .sender = ":1.5"
#define SIGNAL SIGNAL_AT("/x")

static const struct {
        const char *rule;
        Sample sample;
        bool matches;
} cases[] = {
        { "", { SIGNAL }, true },
        { "type='signal'", { SIGNAL }, true },
        { "type='error'", { SIGNAL }, false },
        { "type='error'", { .sender = ":1.5", .type = MESSAGE_TYPE_ERROR }, true },
        { "interface='a.b'", { SIGNAL }, true },
        { "interface='a.bb'", { SIGNAL }, false },
        { "interface='a.b'", { .sender = ":1.5", .type = MESSAGE_TYPE_METHOD_RETURN }, false },
        { "member='Sig'", { SIGNAL }, true },
        { "member='Si'", { SIGNAL }, false },
        { "path='/x'", { SIGNAL }, true },
        { "path='/'", { SIGNAL }, false },
        { "type='signal',interface='a.b',member='Sig',path='/x',sender=':1.5'", { SIGNAL }, true },
        { "type='signal',interface='a.b',member='Sig',path='/x',sender=':1.6'", { SIGNAL }, false },
        /* sender */
        { "sender=':1.5'", { SIGNAL }, true },
        { "sender=':1.55'", { SIGNAL }, false },
        { "sender='o.a'", { SIGNAL, .names = "o.b o.a" }, true },
        { "sender='o.a'", { SIGNAL, .names = "o.b ~o.a" }, false },
        { "sender='o.a'", { SIGNAL }, false },
        { "sender='o.a',path='/x'", { SIGNAL, .names = "o.a" }, true },
        { "sender='o.a',path='/y'", { SIGNAL, .names = "o.a" }, false },
        { "sender='org.freedesktop.DBus'", { SIGNAL, .names = "o.a" }, false },
        { "sender='org.freedesktop.DBus'", { .path = "/x", .sender = DBUS_BUS_NAME }, true },
        { "sender=':1.5'", { .path = "/x", .sender = DBUS_BUS_NAME }, false },
        { "sender='o.a'", { .path = "/x", .sender = DBUS_BUS_NAME }, false },
        /* path_namespace */
        { "path_namespace='/'", { SIGNAL }, true },
        { "path_namespace='/x'", { SIGNAL }, true },
        { "path_namespace='/x'", { SIGNAL_AT("/x/y/z") }, true },
        { "path_namespace='/x'", { SIGNAL_AT("/xy") }, false },
        { "path_namespace='/x'", { SIGNAL_AT("/") }, false },
        { "path_namespace='/'", { SIGNAL_AT("/") }, true },
        { "path_namespace='/x'", { .sender = ":1.5", .type = MESSAGE_TYPE_ERROR }, false },
        { "path_namespace='/a/b/c/d/e/f/g/h/i/j'", { SIGNAL_AT("/a/b/c/d/e/f/g/h/i/j/k") }, true },
        { "path_namespace='/a/b/c/d/e/f/g/h/i/j'", { SIGNAL_AT("/a/b/c/d/e/f/g/h/i/jk") }, false },
        { "path_namespace='/a/b/c/d/e/f/g/h/i/j'", { SIGNAL_AT("/a/b/c/d/e/f/g/h/i") }, false },
        { "path_namespace='/a/b/c/d/e/f/g/h'", { SIGNAL_AT("/a/b/c/d/e/f/g/h/i/j") }, true },
        /* arguments: only strings, also behind containers */
        { "arg0='x'", { SIGNAL, .args = { "s:x" } }, true },
        { "arg0='x'", { SIGNAL, .args = { "s:xx" } }, false },
        { "arg0='x'", { SIGNAL }, false },
        { "arg0=''", { SIGNAL, .args = { "s:" } }, true },
        { "arg0=''", { SIGNAL }, false },
        { "arg0='/x'", { SIGNAL, .args = { "o:/x" } }, false },
        { "arg0='u'", { SIGNAL, .args = { "g:u" } }, false },
        { "arg0path='u'", { SIGNAL, .args = { "g:u" } }, false },
        { "arg1='x'", { SIGNAL, .args = { "as:", "s:x" } }, true },
        { "arg2='x'", { SIGNAL, .args = { "u:", "as:", "s:x" } }, true },
        { "arg1='x'", { SIGNAL, .args = { "s:x" } }, false },
        { "arg0='a',arg2='c'", { SIGNAL, .args = { "s:a", "s:b", "s:c" } }, true },
        { "arg0='a',arg2='c'", { SIGNAL, .args = { "s:a", "s:b", "s:d" } }, false },
        { "arg0='a',arg2='c'", { SIGNAL, .args = { "s:a", "s:b" } }, false },
        { "arg63='x'", { SIGNAL, .args = { "s:x" } }, false },
        { "arg0path='/x/'", { SIGNAL, .args = { "o:/x/y" } }, true },
        { "arg0path='/x/'", { SIGNAL, .args = { "s:/x/y" } }, true },
        { "arg0path='/x/'", { SIGNAL, .args = { "o:/x" } }, false },
        { "arg0path='/x/y'", { SIGNAL, .args = { "o:/" } }, true },
        { "arg0path='/x/y'", { SIGNAL, .args = { "s:/x/" } }, true },
        { "arg0path='/x/y'", { SIGNAL, .args = { "s:/x" } }, false },
        { "arg1path='/x',arg0='a'", { SIGNAL, .args = { "s:a", "o:/x" } }, true },
        { "arg1path='/x',arg0='a'", { SIGNAL, .args = { "s:a", "o:/y" } }, false },
        { "arg0namespace='a'", { SIGNAL, .args = { "s:a.b" } }, true },
        { "arg0namespace='a'", { SIGNAL, .args = { "s:a" } }, true },
        { "arg0namespace='a'", { SIGNAL, .args = { "s:a." } }, true },
        { "arg0namespace='a'", { SIGNAL, .args = { "s:a.b c" } }, true },
        { "arg0namespace='a'", { SIGNAL, .args = { "s:ab" } }, false },
        { "arg0namespace='a'", { SIGNAL, .args = { "o:/a" } }, false },
        { "arg0namespace='a'", { SIGNAL }, false },
        { "arg0namespace='a',arg1='x'", { SIGNAL, .args = { "s:a.b", "s:x" } }, true },
        { "arg0namespace='a',arg1='x'", { SIGNAL, .args = { "s:a.b", "s:y" } }, false },
        { "arg0namespace='a.b.c.d.e.f.g.h.i.j'",
          { SIGNAL, .args = { "s:a.b.c.d.e.f.g.h.i.j.k" } },
          true },
        { "arg0namespace='a.b.c.d.e.f.g.h.i.j'",
          { SIGNAL, .args = { "s:a.b.c.d.e.f.g.h.i.k" } },
          false },
        { "arg0namespace='a',path_namespace='/x'", { SIGNAL, .args = { "s:a.b" } }, true },
        { "arg0namespace='a',path_namespace='/y'", { SIGNAL, .args = { "s:a.b" } }, false },
        /* destination: of the receiver, or what the message says when there is none */
        { "destination=':1.7'", { SIGNAL }, false },
        { "destination=':1.7'", { SIGNAL, .destination = "o.a", .receiver = ":1.7" }, true },
        { "destination=':1.8'", { SIGNAL, .destination = "o.a", .receiver = ":1.7" }, false },
        { "destination='o.a'",
          { SIGNAL, .destination = ":1.7", .receiver = ":1.7", .receiver_names = "o.a" },
          true },
        { "destination='o.a'",
          { SIGNAL, .destination = ":1.7", .receiver = ":1.7", .receiver_names = "~o.a" },
          false },
        { "destination='o.a'", { SIGNAL, .destination = "o.a" }, true },
        { "destination='o.b'", { SIGNAL, .destination = "o.a" }, false },
        { "destination='org.freedesktop.DBus'", { SIGNAL, .destination = DBUS_BUS_NAME }, true },
        { "destination='o.a',path_namespace='/x'", { SIGNAL, .destination = "o.a" }, true },
        /* eavesdrop */
        { "eavesdrop='true'", { SIGNAL }, true },
        { "eavesdrop='true'",
          { SIGNAL, .destination = ":1.7", .receiver = ":1.7", .eavesdrop = true },
          true },
        { "eavesdrop='false'",
          { SIGNAL, .destination = ":1.7", .receiver = ":1.7", .eavesdrop = true },
          false },
        { "destination=':1.7'",
          { SIGNAL, .destination = ":1.7", .receiver = ":1.7", .eavesdrop = true },
          false },
};

static void test_cases(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(MatchIndex) index = match_index_new();
                MatchOwner owner;

                match_owner_init(&owner);
                match_index_add(index, parse(cases[i].rule), &owner);
                if (find(index, &cases[i].sample) != cases[i].matches)
                        g_error("case %u, %s: expected %d", i, cases[i].rule, cases[i].matches);
                match_index_remove_owner(index, &owner);
                g_assert_cmpuint(find(index, &cases[i].sample), ==, 0);
        }
}

/* The same with all rules in one index: one must not hide another. */
static void test_cases_together(void) {
        g_autoptr(MatchIndex) index = match_index_new();
        MatchOwner owners[G_N_ELEMENTS(cases)];

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                match_owner_init(&owners[i]);
                match_index_add(index, parse(cases[i].rule), &owners[i]);
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                uint64_t before = owners[i].last_match;

                find(index, &cases[i].sample);
                g_assert_cmpint(owners[i].last_match != before, ==, cases[i].matches);
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
                match_index_remove_owner(index, &owners[i]);
        g_assert_true(match_index_is_empty(index));
}

/* A text that is longer than any rule matches none, and is not worth reading. */
static void test_long_values(void) {
        g_autofree char *tail = g_strnfill(100000, 'x');
        g_autofree char *path = g_strconcat("/a/", tail, NULL);
        g_autofree char *argument = g_strconcat("s:a.", tail, NULL);
        const Sample sample = { .path = path,
                                .interface = "a.b",
                                .member = "Sig",
                                .sender = ":1.5",
                                .args = { argument } };
        g_autoptr(MatchIndex) index = match_index_new();
        MatchOwner owners[3];

        for (unsigned i = 0; i < 3; i++)
                match_owner_init(&owners[i]);
        match_index_add(index, parse("path='/a',arg0='a'"), &owners[0]);
        match_index_add(index, parse("path_namespace='/a'"), &owners[1]);
        match_index_add(index, parse("arg0namespace='a'"), &owners[2]);
        g_assert_cmpuint(find(index, &sample), ==, 2);
        for (unsigned i = 0; i < 3; i++)
                match_index_remove_owner(index, &owners[i]);
}

static void append_text(const MatchRule *rule, void *user) {
        g_autofree char *text = match_rule_to_text(rule);

        g_string_append_printf(user, "%s;", text);
}

/* Copies count; order is that of adding. */
static void test_owner(void) {
        const Sample sample = { SIGNAL };
        g_autoptr(MatchIndex) index = match_index_new();
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(MatchRule) wanted = parse("member=Sig");
        g_autoptr(MatchRule) other = parse("member=Other");
        MatchOwner a, b;

        match_owner_init(&a);
        match_owner_init(&b);
        g_assert_true(match_index_is_empty(index));
        match_index_add(index, parse("path='/x'"), &a);
        match_index_add(index, parse("member='Sig'"), &a);
        match_index_add(index, parse("eavesdrop=true"), &b);
        match_index_add(index, parse("member=Sig"), &a);
        g_assert_cmpuint(a.n_rules, ==, 3);
        g_assert_cmpuint(match_index_get_n_rules(index), ==, 4);
        g_assert_true(match_index_has_eavesdroppers(index));
        g_assert_cmpuint(find(index, &sample), ==, 2); /* each owner once */

        match_owner_foreach(&a, append_text, text);
        g_assert_cmpstr(text->str, ==, "path='/x';member='Sig';member='Sig';");

        g_assert_false(match_index_remove(index, other, &a));
        g_assert_false(match_index_remove(index, wanted, &b));
        g_assert_true(match_index_remove(index, wanted, &a));
        g_assert_true(match_index_remove(index, wanted, &a));
        g_assert_false(match_index_remove(index, wanted, &a));
        g_assert_cmpuint(a.n_rules, ==, 1);
        match_index_remove_owner(index, &b);
        g_assert_false(match_index_has_eavesdroppers(index));
        g_assert_cmpuint(find(index, &sample), ==, 1);
        match_index_remove_owner(index, &a);
        g_assert_cmpuint(a.n_rules, ==, 0);
        g_assert_true(match_index_is_empty(index));
        g_assert_cmpuint(find(index, &sample), ==, 0);
}

/*
 * Many shapes with high arguments: those beyond the bound are filed more coarsely, and still found.
 */
typedef struct Nested {
        MatchIndex *index;
        const MatchQuery *query;
        unsigned depth, n_found;
} Nested;

static void find_again(MatchOwner *owner, void *user) {
        Nested *nested = user;

        (void)owner;
        nested->n_found++;
        if (nested->depth == 0)
                return;
        nested->depth--;
        match_index_find(nested->index, nested->query, find_again, nested);
}

/* Who is told of a message may cause another one: each is found once by each of the two. */
static void test_nested(void) {
        static const char *const rules[] = { "type='signal'", "path='/a'", "interface='a.b'", "" };
        g_autoptr(MatchIndex) index = match_index_new();
        const Sample sample = { .path = "/a", .interface = "a.b", .member = "C", .sender = ":1.1" };
        MatchOwner owners[3];
        Subject subject;

        for (unsigned i = 0; i < G_N_ELEMENTS(owners); i++) {
                match_owner_init(&owners[i]);
                for (unsigned j = 0; j < G_N_ELEMENTS(rules); j++)
                        match_index_add(index, parse(rules[j]), &owners[i]);
        }
        subject_init(&subject, &sample);
        for (unsigned depth = 0; depth < 4; depth++) {
                Nested nested = { .index = index, .query = &subject.query, .depth = depth };

                match_index_find(index, &subject.query, find_again, &nested);
                g_assert_cmpuint(nested.n_found, ==, (depth + 1) * G_N_ELEMENTS(owners));
        }
        writer_clear(&subject.body);
        for (unsigned i = 0; i < G_N_ELEMENTS(owners); i++)
                match_index_remove_owner(index, &owners[i]);
}

static void test_many_shapes(void) {
        g_autoptr(MatchIndex) index = match_index_new();
        MatchOwner owners[MATCH_RULE_MAX_ARG + 1];
        const Sample sample = { SIGNAL, .args = { "s:x", "s:x", "s:x", "s:x" } };

        for (unsigned i = 0; i < G_N_ELEMENTS(owners); i++) {
                g_autofree char *text = g_strdup_printf("arg%u='x'", MATCH_RULE_MAX_ARG - i);

                match_owner_init(&owners[i]);
                match_index_add(index, parse(text), &owners[i]);
        }
        g_assert_cmpuint(find(index, &sample), ==, MAX_ARGS);
        for (unsigned i = 0; i < G_N_ELEMENTS(owners); i++) {
                g_assert_cmpuint(find(index, &sample), ==, MIN(MAX_ARGS, G_N_ELEMENTS(owners) - i));
                match_index_remove_owner(index, &owners[i]);
        }
}

/* Random rules */

#define N_OWNERS 12
#define N_KEYS 11

/* What a key can be in random rules; few values, so that much matches. */
static const char *const key_values[N_KEYS][4] = {
        { "type='signal'", "type='method_call'", "type='signal'", NULL },
        { "sender=':1.1'", "sender='o.a'", "sender='o.b'", "sender='org.freedesktop.DBus'" },
        { "interface='a.b'", "interface='a.c'", NULL, NULL },
        { "member='M'", "member='N'", NULL, NULL },
        { "path='/a'", "path_namespace='/a'", "path_namespace='/'", "path='/a/b'" },
        { "destination=':1.2'", "destination='o.c'", NULL, NULL },
        { "arg0='x.y'", "arg0path='/a/'", "arg0namespace='x'", "arg0='x'" },
        { "arg1='x'", "arg1path='/a'", "arg1='y'", NULL },
        { "arg2='x'", "arg2='y'", NULL, NULL },
        { "eavesdrop=true", "eavesdrop=false", NULL, NULL },
        { "arg3='x'", "arg3path='/a/b'", NULL, NULL },
};

static const char *pick(GRand *rand, const char *const *values, unsigned n) {
        return values[g_rand_int_range(rand, 0, (int)n)];
}

static char *random_rule(GRand *rand) {
        GString *text = g_string_new(NULL);

        for (unsigned key = 0; key < N_KEYS; key++) {
                const char *value =
                        g_rand_int_range(rand, 0, 4) == 0 ? pick(rand, key_values[key], 4) : NULL;

                if (value)
                        g_string_append_printf(text, "%s,", value);
        }
        return g_string_free(text, FALSE);
}

static Sample random_sample(GRand *rand) {
        static const char *const paths[] = { "/a", "/a/b", "/", "/ab" }, *const interfaces[] = {
                "a.b", "a.c", NULL
        };
        static const char *const members[] = { "M", "N", "O" }, *const senders[] = {
                ":1.1", ":1.2", DBUS_BUS_NAME
        };
        static const char *const names[] = { "", "o.a", "o.b o.a", "~o.a o.b" };
        static const char *const destinations[] = { ":1.2", "o.c", DBUS_BUS_NAME };
        static const char *const args[] = { "s:x.y", "s:x", "s:y",   "o:/a", "o:/a/b",
                                            "u:",    "as:", "s:/a/", NULL };
        Sample sample = { .path = pick(rand, paths, 4),
                          .interface = pick(rand, interfaces, 3),
                          .member = pick(rand, members, 3),
                          .sender = pick(rand, senders, 3),
                          .names = pick(rand, names, 4),
                          .type = g_rand_boolean(rand) ? MESSAGE_TYPE_SIGNAL
                                                       : MESSAGE_TYPE_METHOD_CALL };

        for (unsigned i = 0; i < MAX_ARGS; i++)
                sample.args[i] = pick(rand, args, G_N_ELEMENTS(args));
        if (g_rand_boolean(rand)) {
                sample.destination = pick(rand, destinations, 3);
                sample.receiver = strcmp(sample.destination, DBUS_BUS_NAME) == 0 ? NULL : ":1.2";
                sample.receiver_names = g_rand_boolean(rand) ? "o.c" : "~o.c";
                sample.eavesdrop = true;
        }
        return sample;
}

static bool has_name(const char *names, const char *name) {
        g_auto(GStrv) each = g_strsplit(names ? names : "", " ", -1);

        return g_strv_contains((const char *const *)each, name);
}

/* Whether the message is from, or for, the connection called @unique with @names. */
static bool is_called(const char *name, const char *unique, const char *names) {
        return strcmp(name, unique) == 0 ||
               (strcmp(unique, DBUS_BUS_NAME) != 0 && has_name(names, name));
}

static bool plain_arg_matches(const char *key, const char *value, const Sample *sample) {
        unsigned i = (unsigned)(key[3] - '0');
        const char *argument = NULL;

        for (unsigned k = 0; k <= i; k++)
                if (!(argument = sample->args[k]))
                        return false;
        if (g_str_has_suffix(key, "path"))
                return (g_str_has_prefix(argument, "s:") || g_str_has_prefix(argument, "o:")) &&
                       match_arg_path_matches(wire_string(value), wire_string(argument + 2));
        if (!g_str_has_prefix(argument, "s:"))
                return false;
        if (g_str_has_suffix(key, "namespace"))
                return g_str_has_prefix(argument + 2, value) &&
                       strchr(".", argument[2 + strlen(value)]) != NULL;
        return strcmp(argument + 2, value) == 0;
}

static bool plain_key_matches(const char *key, const char *value, const Sample *sample) {
        if (strcmp(key, "type") == 0)
                return strcmp(value,
                              sample->type == MESSAGE_TYPE_SIGNAL ? "signal" : "method_call") == 0;
        if (strcmp(key, "sender") == 0)
                return is_called(value, sample->sender, sample->names);
        if (strcmp(key, "interface") == 0)
                return g_strcmp0(value, sample->interface) == 0;
        if (strcmp(key, "member") == 0)
                return strcmp(value, sample->member) == 0;
        if (strcmp(key, "path") == 0)
                return strcmp(value, sample->path) == 0;
        if (strcmp(key, "path_namespace") == 0)
                return strcmp(value, "/") == 0 ||
                       (g_str_has_prefix(sample->path, value) &&
                        strchr("/", sample->path[strlen(value)]) != NULL);
        if (strcmp(key, "destination") == 0)
                return sample->receiver ? is_called(value, sample->receiver, sample->receiver_names)
                                        : g_strcmp0(value, sample->destination) == 0;
        if (strcmp(key, "eavesdrop") == 0)
                return !sample->eavesdrop || strcmp(value, "true") == 0;
        return plain_arg_matches(key, value, sample);
}

static bool plain_matches(const char *rule, const Sample *sample) {
        g_auto(GStrv) keys = g_strsplit(rule, ",", -1);

        if (sample->eavesdrop && !strstr(rule, "eavesdrop=true"))
                return false;
        for (char **key = keys; *key; key++) {
                g_auto(GStrv) parts = g_strsplit(*key, "=", 2);

                if (**key == '\0')
                        continue;
                g_autofree char *value = g_strdup(parts[1]);
                g_strdelimit(value, "'", ' ');
                if (!plain_key_matches(parts[0], g_strstrip(value), sample))
                        return false;
        }
        return true;
}

typedef struct RandomOwner {
        MatchOwner owner;
        GPtrArray *rules; /* of char * */
        unsigned n_found;
} RandomOwner;

static void mark(MatchOwner *owner, void *user) {
        (void)user;
        CONTAINER_OF(owner, RandomOwner, owner)->n_found++;
}

static void compare(MatchIndex *index, RandomOwner *owners, const Sample *sample) {
        Subject subject;

        subject_init(&subject, sample);
        match_index_find(index, &subject.query, mark, NULL);
        writer_clear(&subject.body);
        for (unsigned i = 0; i < N_OWNERS; i++) {
                const char *matching = NULL;

                for (unsigned k = 0; k < owners[i].rules->len && !matching; k++)
                        if (plain_matches(owners[i].rules->pdata[k], sample))
                                matching = owners[i].rules->pdata[k];
                if (owners[i].n_found != (matching != NULL))
                        g_error("owner %u was found %u times, rule %s; %s %s %s from %s (%s)", i,
                                owners[i].n_found, matching, sample->path, sample->interface,
                                sample->member, sample->sender, sample->names);
                owners[i].n_found = 0;
        }
}

static void change_rules(GRand *rand, MatchIndex *index, RandomOwner *random) {
        GPtrArray *rules = random->rules;

        if (g_rand_int_range(rand, 0, 200) == 0) {
                match_index_remove_owner(index, &random->owner);
                g_ptr_array_set_size(rules, 0);
        } else if (rules->len > 0 && g_rand_int_range(rand, 0, 5) < 2) {
                unsigned i = (unsigned)g_rand_int_range(rand, 0, (int)rules->len);
                g_autoptr(MatchRule) rule = parse(rules->pdata[i]);

                g_assert_true(match_index_remove(index, rule, &random->owner));
                g_ptr_array_remove_index_fast(rules, i);
        } else {
                char *text = random_rule(rand);

                match_index_add(index, parse(text), &random->owner);
                g_ptr_array_add(rules, text);
        }
        g_assert_cmpuint(random->owner.n_rules, ==, rules->len);
}

static void test_random(void) {
        g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)g_test_rand_int());
        g_autoptr(MatchIndex) index = match_index_new();
        RandomOwner owners[N_OWNERS] = { 0 };

        for (unsigned i = 0; i < N_OWNERS; i++) {
                match_owner_init(&owners[i].owner);
                owners[i].rules = g_ptr_array_new_with_free_func(g_free);
        }
        for (unsigned i = 0; i < 4000; i++) {
                Sample sample = random_sample(rand);

                change_rules(rand, index, &owners[g_rand_int_range(rand, 0, N_OWNERS)]);
                compare(index, owners, &sample);
        }
        for (unsigned i = 0; i < N_OWNERS; i++) {
                match_index_remove_owner(index, &owners[i].owner);
                g_ptr_array_unref(owners[i].rules);
        }
        g_assert_true(match_index_is_empty(index));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/match-index/cases", test_cases);
        g_test_add_func("/bus/match-index/cases-together", test_cases_together);
        g_test_add_func("/bus/match-index/long-values", test_long_values);
        g_test_add_func("/bus/match-index/owner", test_owner);
        g_test_add_func("/bus/match-index/nested", test_nested);
        g_test_add_func("/bus/match-index/many-shapes", test_many_shapes);
        g_test_add_func("/bus/match-index/random", test_random);
        return g_test_run();
}
