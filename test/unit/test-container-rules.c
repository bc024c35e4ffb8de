/* SPDX-License-Identifier: MIT */
/*
 * Text, checks and matching of container rules. Matching is also compared with a naive reading of
 * containers1, section 3, on random rules and questions.
 */
#include "policy/container-rules.h"

#include "base/hash.h"

#include <string.h>

enum {
        SEE = CONTAINER_RULE_SEE,
        CALL = CONTAINER_RULE_CALL,
        RECEIVE = CONTAINER_RULE_RECEIVE,
        OWN = CONTAINER_RULE_OWN,
        FDS = CONTAINER_RULE_SEND_UNIX_FDS,
        NAMESPACE = CONTAINER_RULE_NAME_IS_NAMESPACE,
        SUBTREE = CONTAINER_RULE_PATH_IS_SUBTREE,
};

/* The first six lines are those of section 3. */
static const struct {
        const char *line, *printed; /* NULL: printed as it stands */
        uint32_t flags;
        const char *name, *path, *interface;
} texts[] = {
        { "see     org.example.Foo", "see org.example.Foo", SEE | SUBTREE, "org.example.Foo", "/",
          "" },
        { "talk    org.freedesktop.Notifications          # call + receive + fds",
          "talk org.freedesktop.Notifications", CALL | RECEIVE | FDS | SUBTREE,
          "org.freedesktop.Notifications", "/", "" },
        { "call org.freedesktop.portal.* org.freedesktop.portal.FileChooser.* "
          "@/org/freedesktop/portal/desktop fds",
          NULL, CALL | FDS | NAMESPACE, "org.freedesktop.portal", "/org/freedesktop/portal/desktop",
          "org.freedesktop.portal.FileChooser.*" },
        { "receive org.freedesktop.portal.* @/org/freedesktop/portal/*", NULL,
          RECEIVE | NAMESPACE | SUBTREE, "org.freedesktop.portal", "/org/freedesktop/portal", "" },
        { "own org.example.App.*", NULL, OWN | NAMESPACE | SUBTREE, "org.example.App", "/", "" },
        { "call * org.freedesktop.DBus.Peer.Ping", NULL, CALL | SUBTREE, "", "/",
          "org.freedesktop.DBus.Peer.Ping" },
        { "call :1.5 @/", NULL, CALL, ":1.5", "/", "" },
        { "call+receive org.foo a.b.C @/x", NULL, CALL | RECEIVE, "org.foo", "/x", "a.b.C" },
        { "own+see org.foo fds", "see+own org.foo fds", SEE | OWN | FDS | SUBTREE, "org.foo", "/",
          "" },
        { "call+receive org.foo fds", "talk org.foo", CALL | RECEIVE | FDS | SUBTREE, "org.foo",
          "/", "" },
        { "talk org.*", NULL, CALL | RECEIVE | FDS | NAMESPACE | SUBTREE, "org", "/", "" },
        { "\tcall org.foo fds @/* a.*\r", "call org.foo a.* fds", CALL | FDS | SUBTREE, "org.foo",
          "/", "a.*" },
        { "talk *", NULL, CALL | RECEIVE | FDS | SUBTREE, "", "/", "" },
};

static void test_parse(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_auto(ContainerRule) rule = { 0 };
                g_autoptr(GError) error = NULL;

                g_assert_true(container_rule_parse(texts[i].line, &rule, &error));
                g_assert_no_error(error);
                g_assert_cmphex(rule.flags, ==, texts[i].flags);
                g_assert_cmpstr(rule.bus_name, ==, texts[i].name);
                g_assert_cmpstr(rule.object_path, ==, texts[i].path);
                g_assert_cmpstr(rule.interface, ==, texts[i].interface);
                g_autofree char *printed = container_rule_to_text(&rule);
                g_assert_cmpstr(printed, ==, texts[i].printed ? texts[i].printed : texts[i].line);
        }
}

static void test_parse_nothing(void) {
        static const char *const lines[] = { "", "   ", "# talk org.foo", "\t# x" };

        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
                g_auto(ContainerRule) rule = { .flags = 77 };

                g_assert_true(container_rule_parse(lines[i], &rule, NULL));
                g_assert_cmpuint(rule.flags, ==, 0);
                g_assert_null(rule.bus_name);
        }
}

static void test_parse_wrong(void) {
        static const struct {
                const char *line, *says;
        } lines[] = {
                { "tell org.foo", "tell" },
                { "call", "bus name" },
                { "talk org.foo fds", "fds" },
                { "talk org.foo a.b", "a.b" },
                { "call+talk org.foo", "call+talk" },
                { "call+call org.foo", "call+call" },
                { "call+ org.foo", "call+" },
                { "call foo", "foo" },
                { "call :1.5.*", ":1.5" },
                { "call .*", "name" },
                { "call *.*", "*" },
                { "call org.foo @", "object path" },
                { "call org.foo @x", "x" },
                { "call org.foo @/a/", "/a/" },
                { "call org.foo @/a @/b", "@/b" },
                { "call org.foo fds fds", "fds" },
                { "call org.foo a.b c.d", "c.d" },
                { "call org.foo nodots", "nodots" },
                { "call org.foo *", "*" },
                { "call org.foo a.b.", "a.b." },
                { "call org.foo a-b.c", "a-b.c" },
                { "call org.f\xff.o", "\\xff" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
                g_auto(ContainerRule) rule = { 0 };
                g_autoptr(GError) error = NULL;

                g_test_message("%s", lines[i].line);
                g_assert_false(container_rule_parse(lines[i].line, &rule, &error));
                g_assert_error(error, CONTAINER_RULE_ERROR, CONTAINER_RULE_ERROR_INVALID);
                g_assert_nonnull(strstr(error->message, lines[i].says));
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
        }
}

static void test_parse_nameless(void) {
        g_auto(ContainerRule) rule = { 0 };
        g_auto(ContainerRule) other = { 0 };

        g_assert_true(container_rule_parse_nameless("call a.b.C @/x/* fds", &rule, NULL));
        g_assert_cmphex(rule.flags, ==, CALL | FDS | SUBTREE);
        g_assert_cmpstr(rule.bus_name, ==, "");
        g_assert_cmpstr(rule.object_path, ==, "/x");
        g_assert_cmpstr(rule.interface, ==, "a.b.C");
        g_assert_false(container_rule_parse_nameless("", &other, NULL));
        g_assert_false(container_rule_parse_nameless("call org.foo a.b", &other, NULL));
        g_assert_false(container_rule_parse_nameless("talk", &other, NULL));
        g_assert_false(container_rule_parse_nameless("call+talk", &other, NULL));
        g_assert_true(container_rule_parse_nameless("receive+call @/", &other, NULL));
        g_assert_cmphex(other.flags, ==, CALL | RECEIVE);
}

static void test_parse_text(void) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) rules = container_rule_parse_text(
                "# head\n\nsee org.foo\ncall org.bar\n", "x.rules", 1, &error);

        g_assert_no_error(error);
        g_assert_cmpuint(rules->len, ==, 2);
        g_assert_cmpstr(((ContainerRule *)g_ptr_array_index(rules, 1))->bus_name, ==, "org.bar");
        g_assert_null(
                container_rule_parse_text("see org.foo\n\nsea org.bar\n", "y.rules", 40, &error));
        g_assert_true(g_str_has_prefix(error->message, "y.rules:42: "));
}

static void test_check(void) {
        g_autofree char *long_path = g_strnfill(CONTAINER_RULE_MAX_PATH + 1, 'a');
        const struct {
                uint32_t flags;
                const char *name, *path, *interface;
                bool valid;
        } cases[] = {
                { SEE, "org.foo", "/", "", true },
                { 0, "org.foo", "/", "", false },
                { FDS, "org.foo", "/", "", false },
                { SUBTREE | NAMESPACE, "org.foo", "/", "", false },
                { CALL | 0x20, "org.foo", "/", "", false },
                { CALL | 0x80000000u, "org.foo", "/", "", false },
                { CALL | NAMESPACE, "", "/", "", false },
                { CALL | NAMESPACE, ":1.2", "/", "", false },
                { CALL | NAMESPACE, "org", "/", "", true },
                { CALL, "org", "/", "", false },
                { CALL, "", "/", "", true },
                { OWN, "", "/", "", true },
                { CALL, ":1.2", "/", "", true },
                { CALL, "org.foo", "", "", false },
                { CALL, "org.foo", "a", "", false },
                { CALL, "org.foo", "/a//b", "", false },
                { CALL, "org.foo", "/", "a.b.C", true },
                { CALL, "org.foo", "/", "a.b.*", true },
                { CALL, "org.foo", "/", "a.*", true },
                { CALL, "org.foo", "/", ".*", false },
                { CALL, "org.foo", "/", "*", false },
                { CALL, "org.foo", "/", "a", false },
                { CALL, "org.foo", "/", "a.b.*.c", false },
                { CALL, "org.foo", long_path, "", false },
        };

        long_path[0] = '/';
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                ContainerRule rule = { cases[i].flags, (char *)cases[i].name, (char *)cases[i].path,
                                       (char *)cases[i].interface };
                g_autoptr(GError) error = NULL;

                g_test_message("%#x '%s' '%s'", rule.flags, rule.bus_name, rule.interface);
                g_assert_true(container_rule_check(&rule, &error) == cases[i].valid);
                g_assert_true((error == NULL) == cases[i].valid);
        }
        long_path[CONTAINER_RULE_MAX_PATH] = '\0';
        ContainerRule longest = { CALL, (char *)"", long_path, (char *)"" };
        g_assert_true(container_rule_check(&longest, NULL));
}

/* "INTERFACE.MEMBER may be longer than any interface name" */
static void test_check_long_member(void) {
        g_autoptr(GString) text = g_string_new("a.");

        while (text->len < 255)
                g_string_append_c(text, 'i');
        g_string_append(text, ".Member");
        ContainerRule rule = { CALL, (char *)"", (char *)"/", text->str };
        g_assert_true(container_rule_check(&rule, NULL));
        rule.interface = text->str + 1;
        g_assert_false(container_rule_check(&rule, NULL));
}

/* --- matching --- */

static ContainerRules *compile(const char *text) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) parsed = container_rule_parse_text(text, "test", 1, &error);
        ContainerRules *rules = container_rules_new();

        g_assert_no_error(error);
        for (guint i = 0; i < parsed->len; i++)
                container_rules_add(rules, g_ptr_array_index(parsed, i));
        return rules;
}

static OwnedName own_name(const char *text, bool primary) {
        OwnedName owned = { .name = wire_string(text),
                            .hash = hash_bytes(text, strlen(text)),
                            .primary = primary };

        owned.n_starts = name_hash_starts(owned.name, owned.starts);
        return owned;
}

static const struct {
        const char *rules;
        uint32_t need;
        const char *name, *path, *interface, *member; /* name NULL: to the unique name */
        bool allowed;
} matches[] = {
        /* the other connection is :1.7, owns org.foo and org.foo.bar, and waits for org.queued */
        { "call org.foo", CALL, "org.foo", "/", "a.b", "M", true },
        { "call org.foo", RECEIVE, "org.foo", "/", "a.b", "M", false },
        { "call org.foo", CALL | FDS, "org.foo", "/", "a.b", "M", false },
        { "call org.foo fds", CALL | FDS, "org.foo", "/", "a.b", "M", true },
        { "call org.foo\nreceive org.foo fds", CALL | FDS, "org.foo", "/", "a.b", "M", false },
        { "see org.foo fds", CALL, "org.foo", "/", "a.b", "M", false },
        { "call org.foo", CALL, "org.foo.bar", "/", "a.b", "M", false },
        { "call org.foo.*", CALL, "org.foo.bar", "/", "a.b", "M", true },
        { "call org.foo.*", CALL, "org.foo", "/", "a.b", "M", true },
        { "call org.fo.*", CALL, "org.foo", "/", "a.b", "M", false },
        { "call org.*", CALL, "org.foo.bar", "/", "a.b", "M", true },
        { "call org.foo.bar.baz.*", CALL, "org.foo.bar", "/", "a.b", "M", false },
        { "call :1.7", CALL, "org.foo", "/", "a.b", "M", true },
        { "call :1.7", CALL, NULL, "/", "a.b", "M", true },
        { "call :1.70", CALL, NULL, "/", "a.b", "M", false },
        { "call org.foo", CALL, NULL, "/", "a.b", "M", true },
        { "call org.queued", CALL, NULL, "/", "a.b", "M", false },
        { "call org.queued.*", CALL, NULL, "/", "a.b", "M", false },
        { "call *", CALL, "org.foo", "/", "a.b", "M", true },
        { "call *", CALL, NULL, "/", "a.b", "M", true },
        /* paths */
        { "call * @/a", CALL, NULL, "/a", "a.b", "M", true },
        { "call * @/a", CALL, NULL, "/a/b", "a.b", "M", false },
        { "call * @/a/*", CALL, NULL, "/a/b", "a.b", "M", true },
        { "call * @/a/*", CALL, NULL, "/a", "a.b", "M", true },
        { "call * @/a/*", CALL, NULL, "/ab", "a.b", "M", false },
        { "call * @/a/*", CALL, NULL, "/", "a.b", "M", false },
        { "call * @/", CALL, NULL, "/", "a.b", "M", true },
        { "call * @/", CALL, NULL, "/a", "a.b", "M", false },
        { "call * a.b @/*", CALL, NULL, "/x/y/z", "a.b", "M", true },
        { "call * @/a/b/*\ncall * @/a/*", CALL, NULL, "/a/c", "a.b", "M", true },
        /* interfaces */
        { "call * a.b.C", CALL, NULL, "/", "a.b.C", "M", true },
        { "call * a.b.C", CALL, NULL, "/", "a.b", "C", true },
        { "call * a.b.C", CALL, NULL, "/", "a.b", "D", false },
        { "call * a.b.C", CALL, NULL, "/", "a.b.C.D", "M", false },
        { "call * a.b.*", CALL, NULL, "/", "a.b", "M", true },
        { "call * a.b.*", CALL, NULL, "/", "a.b.C", "M", true },
        { "call * a.b.*", CALL, NULL, "/", "a.b.C.D", "M", true },
        { "call * a.b.*", CALL, NULL, "/", "a.bc", "M", false },
        { "call * a.*", CALL, NULL, "/", "a.bc", "M", true },
        { "call * a.b.*", CALL, NULL, "/", NULL, "M", false },
        { "call * a.b.M", CALL, NULL, "/", NULL, "M", false },
        { "call * @/", CALL, NULL, "/", NULL, "M", true },
        { "call * @/ a.b\nreceive *", CALL, NULL, "/", "c.d", "M", false },
        { "call+receive * a.b @/x", RECEIVE, NULL, "/x", "a.b", "M", true },
};

static void test_match(void) {
        OwnedName owned[] = { own_name("org.foo", true), own_name("org.queued", false),
                              own_name("org.foo.bar", true) };
        NameSet names = { .unique = wire_string(":1.7"),
                          .names = owned,
                          .n_names = G_N_ELEMENTS(owned) };

        for (size_t i = 0; i < G_N_ELEMENTS(matches); i++) {
                g_autoptr(ContainerRules) rules = compile(matches[i].rules);
                ContainerRuleQuery query = {
                        .need = matches[i].need,
                        .name = wire_string(matches[i].name),
                        .names = &names,
                        .path = wire_string(matches[i].path),
                        .interface = wire_string(matches[i].interface),
                        .member = wire_string(matches[i].member),
                };

                g_test_message("%s", matches[i].rules);
                g_assert_true(container_rules_allow(rules, &query) == matches[i].allowed);
        }
}

/* An activatable name that nobody owns yet. */
static void test_match_activatable(void) {
        g_autoptr(ContainerRules) rules = compile("call org.foo.*\ncall :1.7");
        ContainerRuleQuery query = { .need = CALL,
                                     .name = wire_string("org.foo.x"),
                                     .path = wire_string("/"),
                                     .interface = wire_string("a.b"),
                                     .member = wire_string("M") };

        g_assert_true(container_rules_allow(rules, &query));
        query.name = wire_string("org.fox");
        g_assert_false(container_rules_allow(rules, &query));
}

static void test_see(void) {
        OwnedName owned[] = { own_name("org.foo.bar", true), own_name("org.queued", false) };
        NameSet names = { .unique = wire_string(":1.7"), .names = owned, .n_names = 2 };
        static const struct {
                const char *rules;
                bool connection, foo, bar;
        } cases[] = {
                { "see org.foo.*", true, true, true },
                { "call org.foo.*", true, true, true },
                { "receive org.foo.bar @/x a.b", true, false, true },
                { "own org.foo.bar", true, false, true },
                { "own org.foo", false, true, false },
                { "see :1.7", true, false, false },
                { "see org.queued", false, false, false },
                { "see *", true, true, true },
                { "", false, false, false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(ContainerRules) rules = compile(cases[i].rules);

                g_test_message("%s", cases[i].rules);
                g_assert_true(container_rules_see(rules, &names) == cases[i].connection);
                g_assert_true(container_rules_see_name(rules, wire_string("org.foo")) ==
                              cases[i].foo);
                g_assert_true(container_rules_see_name(rules, wire_string("org.foo.bar")) ==
                              cases[i].bar);
        }
}

static void test_own_and_fds(void) {
        g_autoptr(ContainerRules) rules = compile("own org.app.*\nsee org.foo fds\nown :1.9");
        g_autoptr(ContainerRules) every = compile("own *\n");
        OwnedName owned[] = { own_name("org.foo", true) };
        NameSet names = { .unique = wire_string(":1.7"), .names = owned, .n_names = 1 };

        g_assert_true(container_rules_own(rules, wire_string("org.app")));
        g_assert_true(container_rules_own(rules, wire_string("org.app.a.b")));
        g_assert_false(container_rules_own(rules, wire_string("org.apps")));
        g_assert_false(container_rules_own(rules, wire_string("org.foo")));
        g_assert_true(container_rules_own(every, wire_string("org.foo")));
        g_assert_true(container_rules_may_send_fds(rules, &names));
        owned[0].primary = false;
        g_assert_false(container_rules_may_send_fds(rules, &names));
        g_assert_false(container_rules_may_send_fds(every, &names));
}

/* GetServerRules gives rules back as they were given. */
static void test_get(void) {
        g_autoptr(ContainerRules) rules = compile("see org.b\nsee org.a\nsee org.b");
        const GPtrArray *given = container_rules_get(rules);

        g_assert_cmpuint(given->len, ==, 3);
        g_assert_cmpstr(((ContainerRule *)g_ptr_array_index(given, 0))->bus_name, ==, "org.b");
        g_assert_cmpstr(((ContainerRule *)g_ptr_array_index(given, 1))->bus_name, ==, "org.a");
}

/* --- the naive reading --- */

static const char *const some_names[] = { "org.a",  "org.a.b", "org.a.b.c", "org.a.b.c.d",
                                          "org.ab", "com.a",   ":1.1",      ":1.11" };
static const char *const some_paths[] = { "/", "/a", "/a/b", "/a/b/c", "/ab", "/a/bc" };
static const char *const some_interfaces[] = { "i.j", "i.j.K", "i.j.K.L", "i.jk", "x.y", "i.J" };
static const char *const some_members[] = { "K", "L", "M" };

#define PICK(array) (array)[g_test_rand_int_range(0, G_N_ELEMENTS(array))]

static bool covers_below(const char *above, const char *text, char separator) {
        size_t n = strlen(above);

        if (strncmp(above, text, n) != 0)
                return false;
        return text[n] == '\0' || text[n] == separator || (n == 1 && separator == '/');
}

static bool naive_interface(const char *rule, const char *interface, const char *member) {
        if (rule[0] == '\0')
                return true;
        if (!interface)
                return false;
        g_autofree char *both = g_strdup_printf("%s.%s", interface, member);
        if (g_str_has_suffix(rule, ".*")) {
                g_autofree char *prefix = g_strndup(rule, strlen(rule) - 2);

                return covers_below(prefix, interface, '.');
        }
        return strcmp(rule, interface) == 0 || strcmp(rule, both) == 0;
}

static bool naive_name(const ContainerRule *rule, const char *name) {
        if (rule->bus_name[0] == '\0')
                return true;
        if (rule->flags & NAMESPACE)
                return name[0] != ':' && covers_below(rule->bus_name, name, '.');
        return strcmp(rule->bus_name, name) == 0;
}

static bool naive_allow(const ContainerRule *rule, const ContainerRuleQuery *query) {
        const char *path = query->path.data;
        bool name = naive_name(rule, query->names->unique.data);

        if (query->name.data)
                name |= naive_name(rule, query->name.data);
        for (unsigned i = 0; !query->name.data && i < query->names->n_names; i++)
                name |= query->names->names[i].primary &&
                        naive_name(rule, query->names->names[i].name.data);
        if (!name || (rule->flags & query->need) != query->need)
                return false;
        if (!((rule->flags & SUBTREE) ? covers_below(rule->object_path, path, '/')
                                      : strcmp(rule->object_path, path) == 0))
                return false;
        return naive_interface(rule->interface, query->interface.data, query->member.data);
}

static void random_rule(ContainerRule *rule) {
        static const char *const endings[] = { "", ".*", ".M" };

        do {
                container_rule_clear(rule);
                rule->flags = (uint32_t)g_test_rand_int_range(1, 32);
                rule->flags |= g_test_rand_bit() ? (uint32_t)NAMESPACE : 0;
                rule->flags |= g_test_rand_bit() ? (uint32_t)SUBTREE : 0;
                rule->bus_name = g_strdup(g_test_rand_int_range(0, 5) == 0 ? "" : PICK(some_names));
                rule->object_path = g_strdup(PICK(some_paths));
                rule->interface = g_test_rand_int_range(0, 3) == 0
                                          ? g_strdup("")
                                          : g_strconcat(PICK(some_interfaces), PICK(endings), NULL);
        } while (!container_rule_check(rule, NULL));
}

static void random_query(ContainerRuleQuery *query, NameSet *names, OwnedName *owned) {
        static const char *const uniques[] = { ":1.1", ":1.11", ":1.2" };

        for (unsigned i = 0; i < 2; i++)
                owned[i] = own_name(some_names[g_test_rand_int_range(0, 5)], g_test_rand_bit());
        *names = (NameSet){ .unique = wire_string(PICK(uniques)), .names = owned,
                            .n_names = (unsigned)g_test_rand_int_range(0, 3) };
        *query = (ContainerRuleQuery){
                .need = (uint32_t)(g_test_rand_bit() ? CALL : RECEIVE) |
                        (g_test_rand_bit() ? (uint32_t)FDS : 0),
                .name = wire_string(g_test_rand_bit() ? NULL
                                                      : some_names[g_test_rand_int_range(0, 5)]),
                .names = names,
                .path = wire_string(PICK(some_paths)),
                .interface = wire_string(g_test_rand_int_range(0, 8) == 0 ? NULL
                                                                          : PICK(some_interfaces)),
                .member = wire_string(PICK(some_members)),
        };
}

static void test_naive(void) {
        unsigned n_allowed = 0;

        for (unsigned round = 0; round < 4000; round++) {
                g_autoptr(ContainerRules) rules = container_rules_new();
                unsigned n_rules = (unsigned)g_test_rand_int_range(0, 24);
                ContainerRuleQuery query;
                OwnedName owned[2];
                NameSet names;

                for (unsigned i = 0; i < n_rules; i++) {
                        g_auto(ContainerRule) rule = { 0 };

                        random_rule(&rule);
                        container_rules_add(rules, &rule);
                }
                for (unsigned i = 0; i < 5; i++) {
                        bool expected = false;

                        random_query(&query, &names, owned);
                        for (unsigned j = 0; j < n_rules; j++)
                                expected |= naive_allow(
                                        g_ptr_array_index(container_rules_get(rules), j), &query);
                        g_assert_true(container_rules_allow(rules, &query) == expected);
                        n_allowed += expected;
                }
        }
        /* Neither answer may be rare, else this shows nothing. */
        g_assert_cmpuint(n_allowed, >, 1000);
        g_assert_cmpuint(n_allowed, <, 15000);
}

static void test_round_trip(void) {
        for (unsigned round = 0; round < 5000; round++) {
                g_auto(ContainerRule) rule = { 0 };
                g_auto(ContainerRule) again = { 0 };

                random_rule(&rule);
                g_autofree char *text = container_rule_to_text(&rule);
                g_assert_true(container_rule_parse(text, &again, NULL));
                g_assert_cmphex(again.flags, ==, rule.flags);
                g_assert_cmpstr(again.bus_name, ==, rule.bus_name);
                g_assert_cmpstr(again.object_path, ==, rule.object_path);
                g_assert_cmpstr(again.interface, ==, rule.interface);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/policy/container-rules/parse", test_parse);
        g_test_add_func("/policy/container-rules/parse-nothing", test_parse_nothing);
        g_test_add_func("/policy/container-rules/parse-wrong", test_parse_wrong);
        g_test_add_func("/policy/container-rules/parse-nameless", test_parse_nameless);
        g_test_add_func("/policy/container-rules/parse-text", test_parse_text);
        g_test_add_func("/policy/container-rules/check", test_check);
        g_test_add_func("/policy/container-rules/check-long-member", test_check_long_member);
        g_test_add_func("/policy/container-rules/match", test_match);
        g_test_add_func("/policy/container-rules/match-activatable", test_match_activatable);
        g_test_add_func("/policy/container-rules/see", test_see);
        g_test_add_func("/policy/container-rules/own-and-fds", test_own_and_fds);
        g_test_add_func("/policy/container-rules/get", test_get);
        g_test_add_func("/policy/container-rules/naive", test_naive);
        g_test_add_func("/policy/container-rules/round-trip", test_round_trip);
        return g_test_run();
}
