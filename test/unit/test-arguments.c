/* SPDX-License-Identifier: MIT */
/* AddServer's arguments: what each may be, what is said about those that are wrong, and that
 * nothing leaks. */
#include "containers/arguments.h"

#include "test/unit/fake-host.h"

#include <fcntl.h>

#define OWN_UID 1000

typedef struct Case {
        Config *config;
        FakeConnection *caller;
        FakeCall call;
        ArgumentsContext context;
        ServerArguments arguments;
        size_t mark; /* of the open array of named arguments */
        unsigned n_fds;
} Case;

static Case *case_new(uid_t uid) {
        Case *test = g_new0(Case, 1);

        test->n_fds = fake_count_fds();
        test->config = config_new();
        test->config->limits.max_rules_per_container = 3;
        test->config->limits.max_container_metadata_bytes = 100;
        test->caller = fake_connection_new(uid);
        fake_call_init(&test->call, test->caller);
        test->context = (ArgumentsContext){ .config = test->config, .bus_uid = FAKE_BUS_UID };
        return test;
}

static void case_free(Case *test) {
        arguments_clear(&test->arguments);
        fake_call_clear(&test->call);
        fake_connection_free(test->caller);
        config_unref(test->config);
        g_assert_cmpuint(fake_count_fds(), ==, test->n_fds);
        g_free(test);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Case, case_free)

/* A case whose named arguments can be added. */
static Case *case_open(uid_t uid) {
        Case *test = case_new(uid);

        fake_add_identity(&test->call.body);
        test->mark = writer_open_array(&test->call.body, "{sv}");
        return test;
}

static bool parse(Case *test) {
        ServerArguments arguments;

        if (test->mark > 0)
                writer_close_array(&test->call.body, test->mark);
        g_assert_cmpstr(test->call.body.signature->str, ==, "sssa{sv}a{sv}");
        fake_call_send(&test->call);
        bool done = arguments_parse(&test->call.call, &test->context, &arguments);
        g_assert_true(done == (test->call.call.error_name == NULL));
        if (done)
                test->arguments = arguments;
        else
                test->arguments =
                        (ServerArguments){ .listen_fd = -1, .ready_fd = -1, .stop_fd = -1 };
        return done;
}

static void assert_fails(Case *test, const char *error_name, const char *says) {
        g_assert_false(parse(test));
        g_test_message("%s", test->call.call.error_text);
        g_assert_cmpstr(test->call.call.error_name, ==, error_name);
        g_assert_nonnull(strstr(test->call.call.error_text, says));
}

static void add_rule(Writer *body, uint32_t flags, const char *name, const char *path,
                     const char *interface) {
        writer_open_struct(body, "(usos)");
        writer_add_u32(body, flags);
        writer_add_string(body, name);
        writer_add_path(body, path);
        writer_add_string(body, interface);
        writer_close_struct(body);
}

static void test_defaults(void) {
        g_autoptr(Case) test = case_open(OWN_UID);

        g_assert_true(parse(test));
        g_assert_cmpstr(test->arguments.type, ==, "org.example.Type");
        g_assert_cmpstr(test->arguments.app_id, ==, "app");
        g_assert_cmpstr(test->arguments.instance_id, ==, "instance");
        g_assert_cmpint(test->arguments.flags, ==, SERVER_STOP_ON_DISCONNECT);
        g_assert_cmpuint(test->arguments.rules->len, ==, 0);
        g_assert_cmpint(test->arguments.listen_fd, ==, -1);
        g_assert_cmpint(test->arguments.ready_fd, ==, -1);
        g_assert_cmpint(test->arguments.stop_fd, ==, -1);
        g_assert_cmpuint(test->arguments.n_uids, ==, 1);
        g_assert_cmpuint(test->arguments.uids[0], ==, OWN_UID);
        g_assert_cmpuint(test->arguments.max_connections, ==, UINT32_MAX);
}

static void test_all(void) {
        g_autoptr(Case) test = case_open(0);
        Writer *body = &test->call.body;
        size_t mark;

        fake_open_argument(body, "Allow", "a(usos)");
        mark = writer_open_array(body, "(usos)");
        add_rule(body, CONTAINER_RULE_CALL, "org.foo", "/x", "a.b");
        writer_close_array(body, mark);
        fake_close_argument(body);
        fake_add_fd(body, "ListenSocket", fake_socket(false));
        fake_add_fd(body, "ReadyNotify", fake_socket(false));
        fake_add_fd(body, "StopOnNotify", fake_socket(false));
        fake_add_bool(body, "StopOnDisconnect", false);
        fake_add_bool(body, "DisconnectOnStop", true);
        fake_add_bool(body, "Permissive", true);
        fake_open_argument(body, "Users", "au");
        mark = writer_open_array(body, "u");
        writer_add_u32(body, 7);
        writer_add_u32(body, 5);
        writer_add_u32(body, 7);
        writer_close_array(body, mark);
        fake_close_argument(body);
        writer_add_entry_u32(body, "MaxConnections", 2);
        g_assert_true(parse(test));
        g_assert_cmpint(test->arguments.flags, ==, SERVER_DISCONNECT_ON_STOP | SERVER_PERMISSIVE);
        g_assert_cmpuint(test->arguments.rules->len, ==, 1);
        g_assert_cmpint(test->arguments.listen_fd, >=, 0);
        g_assert_cmpint(test->arguments.ready_fd, >=, 0);
        g_assert_cmpint(test->arguments.stop_fd, >=, 0);
        g_assert_cmpuint(test->arguments.n_uids, ==, 2);
        g_assert_cmpuint(test->arguments.uids[0], ==, 5);
        g_assert_cmpuint(test->arguments.uids[1], ==, 7);
        g_assert_cmpuint(test->arguments.max_connections, ==, 2);
}

static void test_supported(void) {
        static const char *const expected[] = { "Allow",
                                                "Groups",
                                                "ListenSocket",
                                                "ReadyNotify",
                                                "StopOnDisconnect",
                                                "StopOnNotify",
                                                "DisconnectOnStop",
                                                "Users",
                                                "MaxConnections",
                                                "Permissive",
                                                "UnlinkSocket",
                                                NULL };

        g_assert_true(g_strv_equal((const gchar *const *)arguments_get_supported(), expected));
}

/* default_access="unrestricted" is for managers that say nothing about rules. */
static void test_unrestricted(void) {
        g_autoptr(Case) silent = case_open(OWN_UID);
        g_autoptr(Case) empty = case_open(OWN_UID);

        silent->config->containers_unrestricted = empty->config->containers_unrestricted = true;
        g_assert_true(parse(silent));
        g_assert_true(silent->arguments.flags & SERVER_UNRESTRICTED);
        fake_open_argument(&empty->call.body, "Allow", "a(usos)");
        writer_close_array(&empty->call.body, writer_open_array(&empty->call.body, "(usos)"));
        fake_close_argument(&empty->call.body);
        g_assert_true(parse(empty));
        g_assert_false(empty->arguments.flags & SERVER_UNRESTRICTED);
}

static void test_type(void) {
        static const char *const types[] = { "", "flatpak", "org..flatpak", "org.flat-pak",
                                             "org.1" };

        for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
                g_autoptr(Case) test = case_new(OWN_UID);
                Writer *body = &test->call.body;

                writer_add_string(body, types[i]);
                writer_add_string(body, "");
                writer_add_string(body, "");
                writer_close_array(body, writer_open_array(body, "{sv}"));
                writer_close_array(body, writer_open_array(body, "{sv}"));
                assert_fails(test, ERROR_INVALID_ARGS, "type");
        }
}

static void test_unknown(void) {
        g_autoptr(Case) test = case_open(OWN_UID);
        g_autoptr(Case) dotted = case_open(OWN_UID);
        g_autoptr(Case) twice = case_open(OWN_UID);

        writer_add_entry_u32(&test->call.body, "Allows", 1);
        assert_fails(test, ERROR_INVALID_ARGS, "Allows");
        writer_add_entry_u32(&dotted->call.body, "org.example.Extension", 1);
        assert_fails(dotted, ERROR_INVALID_ARGS, "org.example.Extension");
        fake_add_bool(&twice->call.body, "Permissive", true);
        fake_add_bool(&twice->call.body, "Permissive", true);
        assert_fails(twice, ERROR_INVALID_ARGS, "once");
}

static void test_wrong_types(void) {
        for (const char *const *name = arguments_get_supported(); *name; name++) {
                g_autoptr(Case) test = case_open(OWN_UID);

                writer_add_entry_string(&test->call.body, *name, "text");
                assert_fails(test, ERROR_INVALID_ARGS, *name);
        }
}

static void test_rules(void) {
        static const struct {
                uint32_t flags;
                const char *name, *interface, *says;
        } rules[] = {
                { 0, "org.foo", "", "flags" },
                { 0x1000 | CONTAINER_RULE_CALL, "org.foo", "", "flags" },
                { CONTAINER_RULE_CALL, "foo", "", "bus name" },
                { CONTAINER_RULE_CALL | CONTAINER_RULE_NAME_IS_NAMESPACE, "", "", "bus name" },
                { CONTAINER_RULE_CALL, "org.foo", "x", "interface" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
                g_autoptr(Case) test = case_open(OWN_UID);

                fake_open_argument(&test->call.body, "Allow", "a(usos)");
                size_t mark = writer_open_array(&test->call.body, "(usos)");
                add_rule(&test->call.body, CONTAINER_RULE_SEE, "org.fine", "/", "");
                add_rule(&test->call.body, rules[i].flags, rules[i].name, "/", rules[i].interface);
                writer_close_array(&test->call.body, mark);
                fake_close_argument(&test->call.body);
                assert_fails(test, ERROR_INVALID_ARGS, "Allow, rule 2: ");
                g_assert_nonnull(strstr(test->call.call.error_text, rules[i].says));
        }
}

static void add_many_rules(Case *test, unsigned n) {
        fake_open_argument(&test->call.body, "Allow", "a(usos)");
        size_t mark = writer_open_array(&test->call.body, "(usos)");

        for (unsigned i = 0; i < n; i++)
                add_rule(&test->call.body, CONTAINER_RULE_SEE, "org.fine", "/", "");
        writer_close_array(&test->call.body, mark);
        fake_close_argument(&test->call.body);
}

static void add_groups(Case *test, const char *const *names) {
        fake_open_argument(&test->call.body, "Groups", "as");
        size_t mark = writer_open_array(&test->call.body, "s");

        for (; *names; names++)
                writer_add_string(&test->call.body, *names);
        writer_close_array(&test->call.body, mark);
        fake_close_argument(&test->call.body);
}

static void test_rules_limit(void) {
        g_autoptr(Case) just = case_open(OWN_UID);
        g_autoptr(Case) over = case_open(OWN_UID);

        add_many_rules(just, 3);
        g_assert_true(parse(just));
        add_many_rules(over, 4);
        assert_fails(over, ERROR_LIMITS_EXCEEDED, "max_rules_per_container");
        g_assert_cmpstr(over->context.exceeded, ==, "max_rules_per_container");
        g_assert_cmpuint(over->context.exceeded_value, ==, 3);
}

/* Few enough, but 3 of them may have 8192 bytes together. */
static void test_rules_bytes(void) {
        static const struct {
                unsigned n_rules;
                size_t n_path;
                bool works;
        } cases[] = {
                { 1, 4096, true },
                { 2, 4096 - 6, true },
                { 2, 4096 - 5, false },
                { 3, 2700, true },
                { 3, 4000, false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Case) test = case_open(OWN_UID);
                g_autofree char *path = g_strnfill(cases[i].n_path, 'p');

                path[0] = '/';
                fake_open_argument(&test->call.body, "Allow", "a(usos)");
                size_t mark = writer_open_array(&test->call.body, "(usos)");
                for (unsigned k = 0; k < cases[i].n_rules; k++)
                        add_rule(&test->call.body, CONTAINER_RULE_CALL, "or.foo", path, "");
                writer_close_array(&test->call.body, mark);
                fake_close_argument(&test->call.body);
                if (cases[i].works)
                        g_assert_true(parse(test));
                else
                        assert_fails(test, ERROR_LIMITS_EXCEEDED, "max_rules_per_container");
        }
}

static void test_groups(void) {
        static const char *const names[] = { "two", "one", "two", NULL };
        static const char *const unknown[] = { "one", "three", NULL };
        g_autoptr(Case) test = case_open(OWN_UID);
        g_autoptr(Case) over = case_open(OWN_UID);
        g_autoptr(Case) wrong = case_open(OWN_UID);
        Case *const cases[] = { test, over, wrong };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                config_add_group(cases[i]->config, "one", "see org.one", "file", 1);
                config_add_group(cases[i]->config, "two", "# two\ntalk org.two", "file", 1);
        }
        add_groups(test, names);
        add_many_rules(test, 1);
        g_assert_true(parse(test));
        g_assert_cmpuint(test->arguments.rules->len, ==, 3);
        g_assert_cmpstr(((ContainerRule *)test->arguments.rules->pdata[0])->bus_name, ==,
                        "org.fine");
        g_assert_cmpstr(((ContainerRule *)test->arguments.rules->pdata[1])->bus_name, ==,
                        "org.two");
        g_assert_cmpstr(((ContainerRule *)test->arguments.rules->pdata[2])->bus_name, ==,
                        "org.one");
        add_groups(over, names);
        add_many_rules(over, 2);
        assert_fails(over, ERROR_LIMITS_EXCEEDED, "max_rules_per_container");
        add_groups(wrong, unknown);
        assert_fails(wrong, ERROR_INVALID_ARGS, "three");
}

static void add_users(Case *test, const uint32_t *uids, unsigned n) {
        fake_open_argument(&test->call.body, "Users", "au");
        size_t mark = writer_open_array(&test->call.body, "u");

        for (unsigned i = 0; i < n; i++)
                writer_add_u32(&test->call.body, uids[i]);
        writer_close_array(&test->call.body, mark);
        fake_close_argument(&test->call.body);
}

static void test_users(void) {
        static const struct {
                uid_t caller;
                uint32_t uids[2];
                unsigned n;
                const char *error;
        } cases[] = {
                { OWN_UID, { OWN_UID, OWN_UID }, 2, NULL },
                { OWN_UID, { OWN_UID, 5 }, 2, ERROR_ACCESS_DENIED },
                { OWN_UID, { 0, 0 }, 1, ERROR_ACCESS_DENIED },
                { OWN_UID, { 0, 0 }, 0, ERROR_INVALID_ARGS },
                { OWN_UID, { OWN_UID, UINT32_MAX }, 2, ERROR_INVALID_ARGS },
                { FAKE_BUS_UID, { 5, 6 }, 2, NULL },
                { 0, { 5, 6 }, 2, NULL },
                { 0, { UINT32_MAX, 6 }, 2, ERROR_INVALID_ARGS },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Case) test = case_open(cases[i].caller);

                add_users(test, cases[i].uids, cases[i].n);
                if (cases[i].error)
                        assert_fails(test, cases[i].error, "Users");
                else
                        g_assert_true(parse(test));
        }
}

static void test_max_connections(void) {
        g_autoptr(Case) test = case_open(OWN_UID);

        writer_add_entry_u32(&test->call.body, "MaxConnections", 0);
        assert_fails(test, ERROR_INVALID_ARGS, "MaxConnections");
}

static int connected_socket(void) {
        int pair[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
        close(pair[1]);
        return pair[0];
}

static void test_listen_socket(void) {
        const struct {
                int fd;
                bool with_ready, works;
        } cases[] = {
                { fake_socket(true), false, true },
                { fake_socket(true), true, true },
                { fake_socket(false), true, true },
                { fake_socket(false), false, false },
                { connected_socket(), false, false },
                { connected_socket(), true, false },
                { socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), true, false },
                { socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), true, false },
                { socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), true, false },
                { open("/dev/null", O_RDONLY | O_CLOEXEC), true, false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Case *test = case_open(OWN_UID);

                test->n_fds -= 1; /* the one that is given away */
                fake_add_fd(&test->call.body, "ListenSocket", cases[i].fd);
                if (cases[i].with_ready)
                        fake_add_fd(&test->call.body, "ReadyNotify", connected_socket());
                if (cases[i].works)
                        g_assert_true(parse(test));
                else
                        assert_fails(test, ERROR_INVALID_ARGS, "ListenSocket");
                case_free(test);
        }
}

static void test_ready_alone(void) {
        g_autoptr(Case) test = case_open(OWN_UID);

        fake_add_fd(&test->call.body, "ReadyNotify", fake_socket(true));
        assert_fails(test, ERROR_INVALID_ARGS, "ReadyNotify");
}

/* An index that no descriptor came with. */
static void test_missing_fd(void) {
        g_autoptr(Case) test = case_open(OWN_UID);

        fake_add_fd(&test->call.body, "StopOnNotify", fake_socket(true));
        writer_close_array(&test->call.body, test->mark);
        fake_call_send(&test->call);
        g_clear_pointer(&test->call.message.fds, fdset_unref);
        g_assert_false(arguments_parse(&test->call.call, &test->context, &test->arguments));
        g_assert_cmpstr(test->call.call.error_name, ==, ERROR_INVALID_ARGS);
        test->arguments = (ServerArguments){ .listen_fd = -1, .ready_fd = -1, .stop_fd = -1 };
}

/* type + app_id + instance_id + marshalled metadata */
static void add_metadata(Case *test, size_t n_text) {
        g_autofree char *text = g_strnfill(n_text, 'x');
        Writer *body = &test->call.body;
        size_t mark;

        writer_add_string(body, "a.b");
        writer_add_string(body, "12345");
        writer_add_string(body, "12");
        mark = writer_open_array(body, "{sv}");
        writer_add_entry_string(body, "key", text);
        writer_close_array(body, mark);
        writer_close_array(body, writer_open_array(body, "{sv}"));
}

static void test_metadata_limit(void) {
        /* 8 for the empty array; key 4+3+1, signature 3, padding 1, string 4 + n + 1 */
        const size_t fixed = 3 + 5 + 2 + 8 + 8 + 4 + 5;
        g_autoptr(Case) just = case_new(OWN_UID);
        g_autoptr(Case) over = case_new(OWN_UID);

        add_metadata(just, 100 - fixed);
        g_assert_true(parse(just));
        add_metadata(over, 100 - fixed + 1);
        assert_fails(over, ERROR_LIMITS_EXCEEDED, "max_container_metadata_bytes");
        g_assert_cmpuint(over->context.exceeded_value, ==, 100);
}

static void test_metadata_strings_alone(void) {
        g_autofree char *text = g_strnfill(200, 'x');
        g_autoptr(Case) test = case_new(OWN_UID);
        Writer *body = &test->call.body;

        writer_add_string(body, "a.b");
        writer_add_string(body, text);
        writer_add_string(body, "");
        writer_close_array(body, writer_open_array(body, "{sv}"));
        writer_close_array(body, writer_open_array(body, "{sv}"));
        assert_fails(test, ERROR_LIMITS_EXCEEDED, "max_container_metadata_bytes");
}

static void test_metadata_fds(void) {
        static const char *const types[] = { "h", "ah", "(h)", "a{sh}", "v" };

        for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
                g_autoptr(Case) test = case_new(OWN_UID);
                Writer *body = &test->call.body;

                writer_add_string(body, "a.b");
                writer_add_string(body, "");
                writer_add_string(body, "");
                size_t mark = writer_open_array(body, "{sv}");
                fake_open_argument(body, "key", types[i]);
                if (types[i][0] == 'a')
                        writer_close_array(body, writer_open_array(body, types[i] + 1));
                if (types[i][0] == '(')
                        writer_open_struct(body, types[i]);
                if (types[i][0] == 'v')
                        writer_open_variant(body, "h");
                if (types[i][0] != 'a')
                        writer_add_fd(body, fake_socket(true));
                if (types[i][0] == '(')
                        writer_close_struct(body);
                if (types[i][0] == 'v')
                        writer_close_variant(body);
                fake_close_argument(body);
                writer_close_array(body, mark);
                writer_close_array(body, writer_open_array(body, "{sv}"));
                assert_fails(test, ERROR_INVALID_ARGS, "metadata");
        }
}

/* A manager of the other byte order: what is kept is in ours. */
static void test_metadata_byte_order(void) {
        static const uint8_t big[] = {
                0, 0, 0, 16, 0, 0, 0, 0,             /* length, padding */
                0, 0, 0, 1, 'k', 0, 1, 'u', 0,       /* "k", signature u */
                0, 0, 0,                             /* padding */
                0x01, 0x02, 0x03, 0x04,              /* value */
        };
        static const uint8_t little[] = {
                16, 0, 0, 0, 0, 0, 0, 0,
                1, 0, 0, 0, 'k', 0, 1, 'u', 0,
                0, 0, 0,
                0x04, 0x03, 0x02, 0x01,
        };
        g_auto(Metadata) from_big = { 0 };
        g_auto(Metadata) from_little = { 0 };
        Reader reader;

        reader_init_bytes(&reader, big, sizeof big, WIRE_STRING_LITERAL("a{sv}"), true);
        g_assert_cmpint(metadata_read(&reader, 1000, &from_big), ==, METADATA_OK);
        g_assert_true(reader_finish(&reader));
        reader_init_bytes(&reader, little, sizeof little, WIRE_STRING_LITERAL("a{sv}"), false);
        g_assert_cmpint(metadata_read(&reader, 1000, &from_little), ==, METADATA_OK);
        g_assert_cmpmem(from_big.bytes, from_big.n_bytes, from_little.bytes, from_little.n_bytes);
        g_assert_cmpuint(from_big.n_bytes, ==, sizeof little);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/containers/arguments/defaults", test_defaults);
        g_test_add_func("/containers/arguments/all", test_all);
        g_test_add_func("/containers/arguments/supported", test_supported);
        g_test_add_func("/containers/arguments/unrestricted", test_unrestricted);
        g_test_add_func("/containers/arguments/type", test_type);
        g_test_add_func("/containers/arguments/unknown", test_unknown);
        g_test_add_func("/containers/arguments/wrong-types", test_wrong_types);
        g_test_add_func("/containers/arguments/rules", test_rules);
        g_test_add_func("/containers/arguments/rules-limit", test_rules_limit);
        g_test_add_func("/containers/arguments/rules-bytes", test_rules_bytes);
        g_test_add_func("/containers/arguments/groups", test_groups);
        g_test_add_func("/containers/arguments/users", test_users);
        g_test_add_func("/containers/arguments/max-connections", test_max_connections);
        g_test_add_func("/containers/arguments/listen-socket", test_listen_socket);
        g_test_add_func("/containers/arguments/ready-alone", test_ready_alone);
        g_test_add_func("/containers/arguments/missing-fd", test_missing_fd);
        g_test_add_func("/containers/arguments/metadata-limit", test_metadata_limit);
        g_test_add_func("/containers/arguments/metadata-strings", test_metadata_strings_alone);
        g_test_add_func("/containers/arguments/metadata-fds", test_metadata_fds);
        g_test_add_func("/containers/arguments/metadata-byte-order", test_metadata_byte_order);
        return g_test_run();
}
