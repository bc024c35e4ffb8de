/* SPDX-License-Identifier: MIT */
/* Every method of Containers1: who gets which answer. */
#include "containers/interface.h"

#include "test/unit/fake-host.h"
#include "wire/body.h"

typedef struct World {
        FakeHost fake;
        FakeConnection *manager, *other, *root, *service, *contained;
        Instance *mine, *another; /* borrowed; c0 and c1, both of the manager */
} World;

static void add_server(World *world) {
        g_auto(FakeCall) call = { 0 };

        fake_call_init(&call, world->manager);
        fake_add_identity(&call.body);
        size_t mark = writer_open_array(&call.body, "{sv}");
        fake_add_fd(&call.body, "ListenSocket", fake_socket(true));
        writer_close_array(&call.body, mark);
        g_assert_true(fake_call(&world->fake, &call, "AddServer"));
}

static void world_init(World *world) {
        fake_host_init(&world->fake);
        world->manager = fake_connection_new(1000);
        world->other = fake_connection_new(1001);
        world->root = fake_connection_new(0);
        world->service = fake_connection_new(1000);
        world->contained = fake_connection_new(1000);
        add_server(world);
        add_server(world);
        world->mine = registry_find(world->fake.registry, wire_string(CONTAINERS_PATH_PREFIX "0"));
        world->another =
                registry_find(world->fake.registry, wire_string(CONTAINERS_PATH_PREFIX "1"));
        world->contained->instance = world->mine;
        g_string_truncate(world->fake.events, 0);
}

static void world_clear(World *world) {
        fake_connection_free(world->manager);
        fake_connection_free(world->other);
        fake_connection_free(world->root);
        fake_connection_free(world->service);
        fake_connection_free(world->contained);
        fake_host_clear(&world->fake);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

/* Calls a method that takes one path or string. Return: the error, NULL for none. */
static const char *call_with(World *world, FakeConnection *from, const char *member,
                             const char *argument) {
        g_auto(FakeCall) call = { 0 };

        fake_call_init(&call, from);
        if (argument && argument[0] == '/')
                writer_add_path(&call.body, argument);
        else if (argument)
                writer_add_string(&call.body, argument);
        return fake_call(&world->fake, &call, member) ? NULL : call.call.error_name;
}

#define C0 CONTAINERS_PATH_PREFIX "0"
#define C1 CONTAINERS_PATH_PREFIX "1"
#define C9 CONTAINERS_PATH_PREFIX "9"

static void test_add_server(void) {
        g_auto(World) world = { 0 };
        g_auto(FakeCall) call = { 0 };
        Reader reader, results;
        WireString path = { 0 };

        world_init(&world);
        fake_call_init(&call, world.manager);
        fake_add_identity(&call.body);
        writer_close_array(&call.body, writer_open_array(&call.body, "{sv}"));
        g_assert_true(fake_call(&world.fake, &call, "AddServer"));
        reader_init_bytes(&reader, call.reply.body->data, call.reply.body->len,
                          wire_string("oa{sv}"), G_BYTE_ORDER == G_BIG_ENDIAN);
        g_assert_true(reader_get_path(&reader, &path));
        g_assert_cmpstr(path.data, ==, CONTAINERS_PATH_PREFIX "2");
        g_assert_true(reader_enter(&reader, 'a', &results));
        g_assert_cmpint(reader_peek(&results), ==, '{');
}

/* Results of a bus-made socket: Address (s), and SocketPath (ay) with a final NUL. */
static void test_add_server_results(void) {
        g_auto(World) world = { 0 };
        g_auto(FakeCall) call = { 0 };
        Reader reader, results, entry, value, bytes;
        WireString text = { 0 };
        uint8_t byte = 1;

        world_init(&world);
        fake_call_init(&call, world.manager);
        fake_add_identity(&call.body);
        writer_close_array(&call.body, writer_open_array(&call.body, "{sv}"));
        g_assert_true(fake_call(&world.fake, &call, "AddServer"));
        const Instance *instance =
                registry_find(world.fake.registry, wire_string(CONTAINERS_PATH_PREFIX "2"));
        reader_init_bytes(&reader, call.reply.body->data, call.reply.body->len,
                          wire_string("oa{sv}"), G_BYTE_ORDER == G_BIG_ENDIAN);
        g_assert_true(reader_skip(&reader) && reader_enter(&reader, 'a', &results));
        g_assert_true(reader_enter(&results, '{', &entry) && reader_get_string(&entry, &text));
        g_assert_cmpstr(text.data, ==, "Address");
        g_assert_true(reader_enter(&entry, 'v', &value) && reader_get_string(&value, &text));
        g_assert_true(g_str_has_prefix(text.data, "unix:path="));
        g_assert_true(g_str_has_suffix(text.data, ",guid=0123456789abcdef0123456789abcdef"));
        g_assert_true(reader_enter(&results, '{', &entry) && reader_get_string(&entry, &text));
        g_assert_cmpstr(text.data, ==, "SocketPath");
        g_assert_true(reader_enter(&entry, 'v', &value) && reader_enter(&value, 'a', &bytes));
        for (size_t i = 0; i <= strlen(instance->socket_path); i++) {
                g_assert_true(reader_get_byte(&bytes, &byte));
                g_assert_cmpuint(byte, ==, (uint8_t)instance->socket_path[i]);
        }
        g_assert_cmpint(reader_peek(&bytes), ==, '\0');
        g_assert_cmpint(reader_peek(&results), ==, '\0');
}

static void test_stop(void) {
        static const char *const members[] = { "StopServer", "StopListening" };

        for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
                g_auto(World) world = { 0 };

                world_init(&world);
                g_assert_cmpstr(call_with(&world, world.manager, members[i], C9), ==,
                                ERROR_NOT_CONTAINER);
                g_assert_cmpstr(call_with(&world, world.manager, members[i], "/"), ==,
                                ERROR_NOT_CONTAINER);
                g_assert_cmpstr(call_with(&world, world.other, members[i], C0), ==,
                                ERROR_ACCESS_DENIED);
                fake_assert_events(&world.fake, "");
                g_assert_null(call_with(&world, world.service, members[i], C0));
                fake_assert_events(&world.fake, "unlisten;ServerRemoved c0;");
                g_assert_null(call_with(&world, world.root, members[i], C1));
                g_assert_cmpstr(call_with(&world, world.root, members[i], C1), ==,
                                ERROR_NOT_CONTAINER);
        }
}

static void test_connection_info(void) {
        g_auto(World) world = { 0 };
        FakeConnection *contained;

        world_init(&world);
        contained = world.contained;
        g_assert_cmpstr(call_with(&world, world.other, "GetConnectionInfo", "org.example.Peer"), ==,
                        ERROR_NAME_HAS_NO_OWNER);
        g_assert_cmpstr(call_with(&world, world.other, "GetConnectionInfo", "org.freedesktop.DBus"),
                        ==, ERROR_NOT_CONTAINER);
        world.fake.peer = world.service;
        g_assert_cmpstr(call_with(&world, world.other, "GetConnectionInfo", "org.example.Peer"), ==,
                        ERROR_NOT_CONTAINER);
        world.service->instance = world.another;
        g_assert_null(call_with(&world, world.other, "GetConnectionInfo", "org.example.Peer"));
        /* "only about its own instance (else AccessDenied for a visible name, NameHasNoOwner for a
         * hidden one)" */
        g_assert_cmpstr(call_with(&world, contained, "GetConnectionInfo", "org.example.Peer"), ==,
                        ERROR_NAME_HAS_NO_OWNER);
        g_assert_cmpstr(call_with(&world, contained, "GetConnectionInfo", "org.example.None"), ==,
                        ERROR_NAME_HAS_NO_OWNER);
        world.fake.peer_visible = true;
        g_assert_cmpstr(call_with(&world, contained, "GetConnectionInfo", "org.example.Peer"), ==,
                        ERROR_ACCESS_DENIED);
        world.service->instance = NULL;
        g_assert_cmpstr(call_with(&world, contained, "GetConnectionInfo", "org.example.Peer"), ==,
                        ERROR_ACCESS_DENIED);
        world.service->instance = world.mine;
        g_assert_null(call_with(&world, contained, "GetConnectionInfo", "org.example.Peer"));
}

/* "others do not exist for it: NotContainer" */
static void test_server_info(void) {
        static const char *const members[] = { "GetServerInfo", "GetServerRules" };
        g_auto(World) world = { 0 };

        world_init(&world);
        for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
                g_assert_null(call_with(&world, world.other, members[i], C1));
                g_assert_cmpstr(call_with(&world, world.other, members[i], C9), ==,
                                ERROR_NOT_CONTAINER);
                g_assert_null(call_with(&world, world.contained, members[i], C0));
                g_assert_cmpstr(call_with(&world, world.contained, members[i], C1), ==,
                                ERROR_NOT_CONTAINER);
        }
}

/* A contained caller hears the same words about a server of others and about none. */
static void test_same_words(void) {
        g_auto(World) world = { 0 };
        g_auto(FakeCall) exists = { 0 };
        g_auto(FakeCall) does_not = { 0 };

        world_init(&world);
        fake_call_init(&exists, world.contained);
        writer_add_path(&exists.body, C1);
        g_assert_false(fake_call(&world.fake, &exists, "GetServerInfo"));
        fake_call_init(&does_not, world.contained);
        writer_add_path(&does_not.body, C9);
        g_assert_false(fake_call(&world.fake, &does_not, "GetServerInfo"));
        g_autofree char *text = g_strdup(does_not.call.error_text);
        *strrchr(text, '9') = '1';
        g_assert_cmpstr(exists.call.error_text, ==, text);
}

static void test_request_header(void) {
        g_auto(World) world = { 0 };

        world_init(&world);
        g_assert_null(call_with(&world, world.contained, "RequestHeader", NULL));
        g_assert_true(world.contained->has_header);
        g_assert_false(world.manager->has_header);
}

static const char *request_facts(World *world, FakeConnection *from, const char *const *names) {
        g_auto(FakeCall) call = { 0 };

        fake_call_init(&call, from);
        size_t mark = writer_open_array(&call.body, "s");
        for (; *names; names++)
                writer_add_string(&call.body, *names);
        writer_close_array(&call.body, mark);
        return fake_call(&world->fake, &call, "RequestSenderFacts") ? NULL : call.call.error_name;
}

/* Each call says all that is wanted; one with a fact that there is not changes nothing. */
static void test_request_facts(void) {
        static const char *const numbers[] = { "UnixUserID", "ProcessID", "UnixUserID", NULL };
        static const char *const label[] = { "LinuxSecurityLabel", NULL };
        static const char *const unknown[] = { "ProcessID", "ProcessFD", NULL };
        static const char *const none[] = { NULL };
        g_auto(World) world = { 0 };
        FakeConnection *caller;

        world_init(&world);
        caller = world.contained;
        g_assert_null(request_facts(&world, caller, numbers));
        g_assert_cmpuint(caller->facts, ==, STAMP_UID | STAMP_PID);
        g_assert_cmpstr(request_facts(&world, caller, unknown), ==, ERROR_INVALID_ARGS);
        g_assert_cmpuint(caller->facts, ==, STAMP_UID | STAMP_PID);
        g_assert_null(request_facts(&world, caller, label));
        g_assert_cmpuint(caller->facts, ==, STAMP_LABEL);
        g_assert_null(request_facts(&world, caller, none));
        g_assert_cmpuint(caller->facts, ==, 0);
        g_assert_false(caller->has_header);
}

static const char *add_rules(World *world, FakeConnection *from, const char *path, unsigned n,
                             uint32_t flags) {
        g_auto(FakeCall) call = { 0 };

        fake_call_init(&call, from);
        writer_add_path(&call.body, path);
        size_t mark = writer_open_array(&call.body, "(usos)");
        for (unsigned i = 0; i < n; i++) {
                writer_open_struct(&call.body, "(usos)");
                writer_add_u32(&call.body, i + 1 == n ? flags : CONTAINER_RULE_SEE);
                writer_add_string(&call.body, "org.foo");
                writer_add_path(&call.body, "/");
                writer_add_string(&call.body, "");
                writer_close_struct(&call.body);
        }
        writer_close_array(&call.body, mark);
        return fake_call(&world->fake, &call, "AddServerRules") ? NULL : call.call.error_name;
}

static void test_add_server_rules(void) {
        g_auto(World) world = { 0 };

        world_init(&world);
        ContainerPolicy *policy = world.mine->policy;
        uint64_t generation = policy->generation;
        g_assert_cmpstr(add_rules(&world, world.other, C0, 1, CONTAINER_RULE_OWN), ==,
                        ERROR_ACCESS_DENIED);
        g_assert_cmpstr(add_rules(&world, world.manager, C9, 1, CONTAINER_RULE_OWN), ==,
                        ERROR_NOT_CONTAINER);
        g_assert_cmpstr(add_rules(&world, world.manager, C0, 3, 0), ==, ERROR_INVALID_ARGS);
        g_assert_cmpuint(container_rules_get(policy->rules)->len, ==, 0);
        g_assert_null(add_rules(&world, world.manager, C0, 3, CONTAINER_RULE_OWN));
        g_assert_cmpuint(container_rules_get(policy->rules)->len, ==, 3);
        g_assert_cmpuint(policy->generation, !=, generation);
        fake_assert_events(&world.fake, "");
        g_assert_cmpstr(add_rules(&world, world.manager, C0, 3, CONTAINER_RULE_OWN), ==,
                        ERROR_LIMITS_EXCEEDED);
        fake_assert_events(&world.fake, "limit " CONTAINERS_PATH_PREFIX
                                        "0 max_rules_per_container=5;");
        g_assert_cmpuint(container_rules_get(policy->rules)->len, ==, 3);
        g_assert_null(add_rules(&world, world.manager, C0, 2, CONTAINER_RULE_OWN));
        g_assert_null(add_rules(&world, world.manager, C0, 0, 0));
}

static void test_list_servers(void) {
        g_auto(World) world = { 0 };
        g_auto(FakeCall) call = { 0 };
        WireString path = { 0 };
        Reader reader, array;

        world_init(&world);
        fake_call_init(&call, world.other);
        g_assert_true(fake_call(&world.fake, &call, "ListServers"));
        reader_init_bytes(&reader, call.reply.body->data, call.reply.body->len, wire_string("ao"),
                          G_BYTE_ORDER == G_BIG_ENDIAN);
        g_assert_true(reader_enter(&reader, 'a', &array));
        g_assert_true(reader_get_path(&array, &path));
        g_assert_cmpstr(path.data, ==, C0);
        g_assert_true(reader_get_path(&array, &path));
        g_assert_cmpstr(path.data, ==, C1);
        g_assert_cmpint(reader_peek(&array), ==, '\0');
}

static const char *allow(World *world, const char *path, unsigned n, uint32_t flags) {
        g_auto(FakeCall) call = { 0 };

        fake_call_init(&call, world->service);
        writer_add_path(&call.body, path);
        size_t mark = writer_open_array(&call.body, "(uos)");
        for (unsigned i = 0; i < n; i++) {
                writer_open_struct(&call.body, "(uos)");
                writer_add_u32(&call.body, flags);
                writer_add_path(&call.body, "/");
                writer_add_string(&call.body, "a.b");
                writer_close_struct(&call.body);
        }
        writer_close_array(&call.body, mark);
        return fake_call(&world->fake, &call, "AllowContainers") ? NULL : call.call.error_name;
}

static void test_allow_containers(void) {
        g_auto(World) world = { 0 };

        world_init(&world);
        g_assert_null(call_with(&world, world.service, "WithdrawContainers", "/"));
        g_assert_cmpstr(call_with(&world, world.service, "WithdrawContainers", C9), ==,
                        ERROR_NOT_CONTAINER);
        g_assert_cmpstr(allow(&world, C9, 1, CONTAINER_RULE_CALL), ==, ERROR_NOT_CONTAINER);
        g_assert_cmpstr(allow(&world, "/", 2, CONTAINER_RULE_SEE), ==, ERROR_INVALID_ARGS);
        g_assert_null(world.service->grants);
        g_assert_null(allow(&world, "/", 2, CONTAINER_RULE_CALL));
        g_assert_null(allow(&world, C0, 1, CONTAINER_RULE_RECEIVE));
        g_assert_cmpuint(service_grants_count(world.service->grants), ==, 3);
        g_assert_true(service_grants_see(world.service->grants, 7));
        g_assert_cmpstr(allow(&world, C1, 3, CONTAINER_RULE_CALL), ==, ERROR_LIMITS_EXCEEDED);
        fake_assert_events(&world.fake, "limit max_rules_per_container=5;");
        g_assert_cmpuint(service_grants_count(world.service->grants), ==, 3);
        g_assert_null(call_with(&world, world.service, "WithdrawContainers", "/"));
        g_assert_cmpuint(service_grants_count(world.service->grants), ==, 1);
        g_assert_null(call_with(&world, world.service, "WithdrawContainers", C1));
        g_assert_cmpuint(service_grants_count(world.service->grants), ==, 1);
        /* "and go ... with the server" */
        g_assert_null(call_with(&world, world.manager, "StopServer", C0));
        g_assert_cmpuint(service_grants_count(world.service->grants), ==, 0);
}

/* Rules of texts of @n_path bytes and an empty interface, for a server or all. */
static const char *give_long_rules(World *world, const char *member, const char *server,
                                   unsigned n, size_t n_path) {
        bool with_name = strcmp(member, "AddServerRules") == 0;
        const char *type = with_name ? "(usos)" : "(uos)";
        g_autofree char *path = g_strnfill(n_path, 'p');
        g_auto(FakeCall) call = { 0 };

        path[0] = '/';
        fake_call_init(&call, with_name ? world->manager : world->service);
        writer_add_path(&call.body, server);
        size_t mark = writer_open_array(&call.body, type);
        for (unsigned i = 0; i < n; i++) {
                writer_open_struct(&call.body, type);
                writer_add_u32(&call.body, CONTAINER_RULE_CALL);
                if (with_name)
                        writer_add_string(&call.body, "");
                writer_add_path(&call.body, path);
                writer_add_string(&call.body, "");
                writer_close_struct(&call.body);
        }
        writer_close_array(&call.body, mark);
        return fake_call(&world->fake, &call, member) ? NULL : call.call.error_name;
}

/* "of 8192 bytes together in any case": five rules are allowed, but not five long ones. */
static void test_rule_bytes(void) {
        g_auto(World) world = { 0 };

        world_init(&world);
        g_assert_null(give_long_rules(&world, "AddServerRules", C0, 2, 4096));
        g_assert_cmpstr(give_long_rules(&world, "AddServerRules", C0, 1, 1), ==,
                        ERROR_LIMITS_EXCEEDED);
        fake_assert_events(&world.fake, "limit " CONTAINERS_PATH_PREFIX
                                        "0 max_rules_per_container=5;");
        g_assert_cmpuint(container_rules_get(world.mine->policy->rules)->len, ==, 2);
        g_assert_null(give_long_rules(&world, "AllowContainers", C0, 1, 4096));
        g_assert_null(give_long_rules(&world, "AllowContainers", "/", 1, 4000));
        g_assert_cmpstr(give_long_rules(&world, "AllowContainers", "/", 2, 60), ==,
                        ERROR_LIMITS_EXCEEDED);
        fake_assert_events(&world.fake, "limit max_rules_per_container=5;");
        g_assert_cmpuint(service_grants_count(world.service->grants), ==, 2);
        g_assert_null(give_long_rules(&world, "AllowContainers", "/", 1, 96));
        g_assert_null(call_with(&world, world.service, "WithdrawContainers", "/"));
        g_assert_null(give_long_rules(&world, "AllowContainers", "/", 1, 4096));
}

static void test_denied(void) {
        g_auto(World) world = { 0 };
        const Denial denial = { .layer = POLICY_LAYER_CONTAINER,
                                .sender = ":1.5",
                                .has_uid = true,
                                .uid = 7,
                                .file = "/etc/\xff",
                                .message_type = "method_call" };

        world_init(&world);
        containers_emit_denied(world.fake.registry, world.mine, &denial);
        fake_assert_events(&world.fake, "Denied c0 to 1000;");
}

static void test_denial_keys(void) {
        g_auto(Writer) writer = { 0 };
        Denial denial = { .layer = POLICY_LAYER_XML,
                          .sender = ":1.5",
                          .has_line = true,
                          .line = 9,
                          .has_pid = true,
                          .file = "/etc/\xff" };
        Reader reader, array, entry;
        g_autoptr(GString) keys = g_string_new(NULL);
        WireString key = { 0 };

        writer_init(&writer);
        denial_write(&denial, &writer);
        g_assert_true(body_is_valid(writer.body->data, writer.body->len,
                                            wire_string("a{sv}"), G_BYTE_ORDER == G_BIG_ENDIAN));
        reader_init_bytes(&reader, writer.body->data, writer.body->len, wire_string("a{sv}"),
                          G_BYTE_ORDER == G_BIG_ENDIAN);
        g_assert_true(reader_enter(&reader, 'a', &array));
        while (reader_peek(&array)) {
                g_assert_true(reader_enter(&array, '{', &entry) && reader_get_string(&entry, &key));
                g_string_append_printf(keys, "%s ", key.data);
        }
        g_assert_cmpstr(keys->str, ==, "Layer Sender PID File Line ");
        g_assert_cmpstr(denial_message_type(MESSAGE_TYPE_SIGNAL), ==, "signal");
        g_assert_null(denial_message_type(9));
}

/* Section 2's table, column "who may call". */
static void test_table(void) {
        static const struct {
                const char *member;
                bool uncontained;
        } members[] = {
                { "AddServer", true },          { "StopServer", true },
                { "StopListening", true },      { "GetConnectionInfo", false },
                { "GetServerInfo", false },     { "RequestHeader", false },
                { "RequestSenderFacts", false },
                { "AddServerRules", true },     { "GetServerRules", false },
                { "ListServers", true },        { "AllowContainers", true },
                { "WithdrawContainers", true },
        };
        size_t n = 0;

        for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
                const MethodEntry *entry =
                        method_table_find(&containers_interface, wire_string(members[i].member));

                g_assert_nonnull(entry);
                g_assert_true(((entry->flags & METHOD_UNCONTAINED) != 0) == members[i].uncontained);
        }
        while (containers_interface.methods[n].name)
                n++;
        g_assert_cmpuint(n, ==, G_N_ELEMENTS(members));
        g_assert_cmpstr(containers_interface.properties[0].name, ==, "SupportedArguments");
        g_assert_true(containers_interface.properties[0].constant);
}

static void test_supported_arguments(void) {
        g_auto(Writer) writer = { 0 };

        writer_init(&writer);
        containers_interface.properties[0].get(&writer, NULL);
        g_assert_cmpstr(writer.signature->str, ==, containers_interface.properties[0].signature);
        g_assert_true(body_is_valid(writer.body->data, writer.body->len, wire_string("as"),
                                            G_BYTE_ORDER == G_BIG_ENDIAN));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/containers/interface/add-server", test_add_server);
        g_test_add_func("/containers/interface/add-server-results", test_add_server_results);
        g_test_add_func("/containers/interface/stop", test_stop);
        g_test_add_func("/containers/interface/connection-info", test_connection_info);
        g_test_add_func("/containers/interface/server-info", test_server_info);
        g_test_add_func("/containers/interface/same-words", test_same_words);
        g_test_add_func("/containers/interface/request-header", test_request_header);
        g_test_add_func("/containers/interface/request-facts", test_request_facts);
        g_test_add_func("/containers/interface/add-server-rules", test_add_server_rules);
        g_test_add_func("/containers/interface/list-servers", test_list_servers);
        g_test_add_func("/containers/interface/allow-containers", test_allow_containers);
        g_test_add_func("/containers/interface/rule-bytes", test_rule_bytes);
        g_test_add_func("/containers/interface/denied", test_denied);
        g_test_add_func("/containers/interface/denial-keys", test_denial_keys);
        g_test_add_func("/containers/interface/table", test_table);
        g_test_add_func("/containers/interface/supported-arguments", test_supported_arguments);
        return g_test_run();
}
