/* SPDX-License-Identifier: MIT */
/* The life of container servers: what keeps them alive, what ends them, what is left when they
 * failed to start. */
#include "containers/registry.h"

#include "test/unit/fake-host.h"

static const char *path_of(unsigned n) {
        static char path[64];

        g_snprintf(path, sizeof path, CONTAINERS_PATH_PREFIX "%u", n);
        return path;
}

typedef enum AddOptions {
        ADD_OWN_SOCKET = 1 << 0,      /* passes ListenSocket */
        ADD_READY = 1 << 1,           /* and ReadyNotify, and the socket does not listen yet */
        ADD_STOP = 1 << 2,            /* StopOnNotify */
        ADD_KEEP = 1 << 3,            /* StopOnDisconnect false */
        ADD_DISCONNECT = 1 << 4,      /* DisconnectOnStop true */
        ADD_MAX_ONE = 1 << 5,         /* MaxConnections 1 */
} AddOptions;

static bool try_add(FakeHost *fake, FakeConnection *manager, AddOptions options,
                    const char **ret_error) {
        g_auto(FakeCall) call = { 0 };

        fake_call_init(&call, manager);
        fake_add_identity(&call.body);
        size_t mark = writer_open_array(&call.body, "{sv}");
        if (options & ADD_OWN_SOCKET)
                fake_add_fd(&call.body, "ListenSocket", fake_socket(!(options & ADD_READY)));
        if (options & ADD_READY)
                fake_add_fd(&call.body, "ReadyNotify", fake_socket(false));
        if (options & ADD_STOP)
                fake_add_fd(&call.body, "StopOnNotify", fake_socket(false));
        if (options & ADD_KEEP)
                fake_add_bool(&call.body, "StopOnDisconnect", false);
        if (options & ADD_DISCONNECT)
                fake_add_bool(&call.body, "DisconnectOnStop", true);
        if (options & ADD_MAX_ONE)
                writer_add_entry_u32(&call.body, "MaxConnections", 1);
        writer_close_array(&call.body, mark);
        bool done = fake_call(fake, &call, "AddServer");
        *ret_error = call.call.error_name;
        return done;
}

/* The server that is added; its number is how many there were. */
static Instance *add(FakeHost *fake, FakeConnection *manager, AddOptions options) {
        static unsigned next;
        const char *error = NULL;
        Instance *found = NULL;

        if (registry_get_count(fake->registry) == 0)
                next = 0;
        g_assert_true(try_add(fake, manager, options, &error));
        for (; !found && next < 1000; next++)
                found = registry_find(fake->registry, wire_string(path_of(next)));
        g_assert_nonnull(found);
        g_string_truncate(fake->events, 0);
        return found;
}

/* @n: of the watches that are there, in the order in which they were added */
static void fire(FakeHost *fake, unsigned n) {
        FakeWatch *watch = g_ptr_array_index(fake->watches, n);

        watch->ready(watch->user);
}

static void open_connection(FakeHost *fake, Instance *instance, uid_t uid) {
        g_assert_true(registry_connection_opened(fake->registry, instance, uid));
        registry_connection_authenticated(fake->registry, instance);
}

#define WORLD                                                                                    \
        unsigned n_fds G_GNUC_UNUSED = fake_count_fds();                                         \
        g_auto(FakeHost) fake = { 0 };                                                           \
        g_autoptr(FakeConnection) manager = fake_connection_new(1000);                           \
        fake_host_init(&fake)

static void test_add(void) {
        WORLD;
        const char *error = NULL;

        g_assert_true(try_add(&fake, manager, ADD_OWN_SOCKET, &error));
        fake_assert_events(&fake, "listen;ServerAdded c0;");
        g_assert_true(try_add(&fake, manager, 0, &error));
        fake_assert_events(&fake, "listen;ServerAdded c1;");
        Instance *first = registry_find(fake.registry, wire_string(path_of(0)));
        Instance *second = registry_find(fake.registry, wire_string(path_of(1)));
        g_assert_cmpint(first->state, ==, INSTANCE_LISTENING);
        g_assert_null(first->socket_path);
        g_assert_true(g_file_test(second->socket_path, G_FILE_TEST_EXISTS));
        g_assert_true(g_str_has_prefix(second->socket_path, fake.directory));
        g_assert_cmpuint(registry_get_count(fake.registry), ==, 2);
}

static void test_find(void) {
        WORLD;
        static const char *const paths[] = {
                "/",
                "/org/freedesktop/DBus/Containers1/c",
                "/org/freedesktop/DBus/Containers1/c00",
                "/org/freedesktop/DBus/Containers1/c1",
                "/org/freedesktop/DBus/Containers1/d0",
                "/org/freedesktop/DBus/Containers1/c0/x",
                "/org/freedesktop/DBus/Containers1/c18446744073709551616",
                "/org/freedesktop/DBus/Containers1/c99999999999999999999"
        };
        Instance *instance = add(&fake, manager, 0);

        g_assert_true(
                registry_find(fake.registry, wire_string("/org/freedesktop/DBus/Containers1/c0")) ==
                instance);
        for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
                g_assert_null(registry_find(fake.registry, wire_string(paths[i])));
}

/* "N counting up from 0, never reused while the bus lives" */
static void test_numbers(void) {
        WORLD;
        const char *error = NULL;

        registry_stop(fake.registry, add(&fake, manager, 0));
        fake_assert_events(&fake, "unlisten;ServerRemoved c0;");
        g_assert_true(try_add(&fake, manager, 0, &error));
        fake_assert_events(&fake, "listen;ServerAdded c1;");
}

static void test_limits(void) {
        WORLD;
        g_autoptr(FakeConnection) other = fake_connection_new(1001);
        g_autoptr(FakeConnection) third = fake_connection_new(1002);
        const char *error = NULL;

        for (unsigned i = 0; i < 4; i++)
                add(&fake, manager, 0);
        g_assert_false(try_add(&fake, manager, 0, &error));
        g_assert_cmpstr(error, ==, ERROR_LIMITS_EXCEEDED);
        fake_assert_events(&fake, "limit max_containers_per_user=4;");
        for (unsigned i = 0; i < 4; i++)
                g_assert_true(try_add(&fake, other, 0, &error));
        g_string_truncate(fake.events, 0);
        g_assert_false(try_add(&fake, third, 0, &error));
        fake_assert_events(&fake, "limit max_containers=8;");
        /* "what it frees (a place under a limit) is free before its reply is sent" */
        registry_stop_listening(fake.registry,
                                registry_find(fake.registry, wire_string(path_of(0))));
        g_assert_true(try_add(&fake, manager, 0, &error));
}

/* A failed AddServer leaves nothing behind, and takes no number. */
static void test_failures(void) {
        static const struct {
                int listen_error, watch_error;
                AddOptions options;
                const char *error;
        } cases[] = {
                { -ENOSPC, 0, 0, ERROR_FAILED },
                { -ENOSPC, 0, ADD_OWN_SOCKET | ADD_STOP, ERROR_FAILED },
                { 0, -EPERM, ADD_STOP, ERROR_INVALID_ARGS },
                { 0, -ENOSPC, ADD_STOP, ERROR_LIMITS_EXCEEDED },
                { 0, -EPERM, ADD_OWN_SOCKET | ADD_READY, ERROR_INVALID_ARGS },
        };
        WORLD;
        unsigned before = fake_count_fds();
        const char *error = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                fake.listen_error = cases[i].listen_error;
                fake.watch_error = cases[i].watch_error;
                g_assert_false(try_add(&fake, manager, cases[i].options, &error));
                g_assert_cmpstr(error, ==, cases[i].error);
                fake_assert_events(&fake, "");
                g_assert_cmpuint(registry_get_count(fake.registry), ==, 0);
                g_assert_cmpuint(fake.watches->len, ==, 0);
                g_assert_cmpuint(fake_count_fds(), ==, before);
        }
        fake.listen_error = fake.watch_error = 0;
        g_assert_true(try_add(&fake, manager, 0, &error));
        fake_assert_events(&fake, "listen;ServerAdded c0;");
}

/* The directory is gone or cannot be made: a file is in its place. */
static void test_no_directory(void) {
        WORLD;
        g_autofree char *middle = g_path_get_dirname(fake.directory);
        const char *error = NULL;

        g_assert_true(g_file_set_contents(middle, "", 0, NULL));
        g_assert_false(try_add(&fake, manager, 0, &error));
        g_assert_cmpstr(error, ==, ERROR_FAILED);
        g_assert_cmpint(unlink(middle), ==, 0);
        g_assert_true(try_add(&fake, manager, 0, &error));
}

static void test_stop_listening(void) {
        WORLD;
        Instance *instance = add(&fake, manager, 0);
        g_autofree char *socket_path = g_strdup(instance->socket_path);

        open_connection(&fake, instance, 1000);
        g_assert_true(registry_connection_opened(fake.registry, instance, 1000));
        registry_stop_listening(fake.registry, instance);
        fake_assert_events(&fake, "unlisten;");
        g_assert_false(g_file_test(socket_path, G_FILE_TEST_EXISTS));
        g_assert_cmpuint(instance->n_connections, ==, 1);
        g_assert_false(registry_connection_opened(fake.registry, instance, 1000));
        /* "StopListening twice is fine while it lives" */
        registry_stop_listening(fake.registry, instance);
        fake_assert_events(&fake, "");
        g_assert_true(registry_find(fake.registry, wire_string(path_of(0))) == instance);
        registry_connection_closed(fake.registry, instance, true);
        fake_assert_events(&fake, "ServerRemoved c0;");
        g_assert_null(registry_find(fake.registry, wire_string(path_of(0))));
}

static void test_stop(void) {
        WORLD;
        Instance *instance = add(&fake, manager, 0);

        open_connection(&fake, instance, 1000);
        open_connection(&fake, instance, 1000);
        registry_stop(fake.registry, instance);
        fake_assert_events(&fake, "unlisten;disconnect;ServerRemoved c0;");
}

/* A connection may hold its server longer than the registry does. */
static void test_reference(void) {
        WORLD;
        g_autoptr(Instance) instance = instance_ref(add(&fake, manager, 0));

        open_connection(&fake, instance, 1000);
        registry_stop(fake.registry, instance);
        g_assert_cmpint(instance->state, ==, INSTANCE_REMOVED);
        g_assert_cmpstr(instance->app_id, ==, "app");
        g_assert_null(instance->policy->instance);
}

static void assert_limit(const FakeHost *fake, const Instance *instance, const char *name,
                         uint64_t value) {
        uint64_t found;

        g_assert_cmpstr(registry_find_limit(fake->registry, instance, &found), ==, name);
        g_assert_cmpuint(found, ==, value);
}

static void test_connections(void) {
        WORLD;
        Instance *instance = add(&fake, manager, 0), *small = add(&fake, manager, ADD_MAX_ONE);

        /* "default: the creator's only" */
        g_assert_false(registry_connection_opened(fake.registry, instance, 0));
        g_assert_false(registry_connection_opened(fake.registry, instance, 1001));
        for (unsigned i = 0; i < 3; i++)
                g_assert_true(registry_connection_opened(fake.registry, instance, 1000));
        g_assert_false(registry_connection_opened(fake.registry, instance, 1000));
        assert_limit(&fake, instance, "max_connections_per_container", 3);
        registry_connection_closed(fake.registry, instance, false);
        g_assert_true(registry_connection_opened(fake.registry, instance, 1000));
        g_assert_true(registry_connection_opened(fake.registry, small, 1000));
        g_assert_false(registry_connection_opened(fake.registry, small, 1000));
        assert_limit(&fake, small, "MaxConnections", 1);
        /* closing the last one does not end a server that listens */
        registry_connection_authenticated(fake.registry, small);
        registry_connection_closed(fake.registry, small, true);
        fake_assert_events(&fake, "");
        g_assert_cmpint(small->state, ==, INSTANCE_LISTENING);
}

static void test_ready(void) {
        WORLD;
        Instance *instance = add(&fake, manager, ADD_OWN_SOCKET | ADD_READY);

        g_assert_cmpint(instance->state, ==, INSTANCE_WAITING);
        g_assert_false(registry_connection_opened(fake.registry, instance, 1000));
        g_assert_cmpint(listen(instance->socket_fd, 5), ==, 0);
        fire(&fake, 0);
        fake_assert_events(&fake, "listen;");
        g_assert_cmpint(instance->state, ==, INSTANCE_LISTENING);
        g_assert_cmpuint(fake.watches->len, ==, 0);
}

/* "If it is not listening when the time comes, the server is removed and the reason logged" */
static void test_ready_not_listening(void) {
        WORLD;

        add(&fake, manager, ADD_OWN_SOCKET | ADD_READY | ADD_STOP);
        fire(&fake, 1);
        fake_assert_events(&fake, "failed 0;ServerRemoved c0;");
        g_assert_cmpuint(fake.watches->len, ==, 0);
        Instance *instance = add(&fake, manager, ADD_OWN_SOCKET | ADD_READY);
        g_assert_cmpint(listen(instance->socket_fd, 5), ==, 0);
        fake.listen_error = -ENOSPC;
        fire(&fake, 0);
        fake_assert_events(&fake, "failed 1;ServerRemoved c1;");
}

static void test_ready_never(void) {
        WORLD;

        add(&fake, manager, ADD_OWN_SOCKET | ADD_READY);
        registry_manager_gone(fake.registry, manager);
        fake_assert_events(&fake, "ServerRemoved c0;");
}

static void test_stop_notify(void) {
        WORLD;
        Instance *instance = add(&fake, manager, ADD_STOP);

        open_connection(&fake, instance, 1000);
        fire(&fake, 0);
        fake_assert_events(&fake, "unlisten;");
        registry_connection_closed(fake.registry, instance, true);
        fake_assert_events(&fake, "ServerRemoved c0;");
        instance = add(&fake, manager, ADD_STOP | ADD_DISCONNECT);
        open_connection(&fake, instance, 1000);
        fire(&fake, 0);
        fake_assert_events(&fake, "unlisten;disconnect;ServerRemoved c1;");
}

static void test_manager_gone(void) {
        WORLD;
        g_autoptr(FakeConnection) other = fake_connection_new(1000);
        Instance *stops = add(&fake, manager, 0);
        Instance *keeps = add(&fake, manager, ADD_KEEP);
        Instance *closes = add(&fake, manager, ADD_DISCONNECT);
        Instance *others = add(&fake, other, 0);

        open_connection(&fake, stops, 1000);
        open_connection(&fake, closes, 1000);
        registry_manager_gone(fake.registry, fake.registry);
        fake_assert_events(&fake, "");
        registry_manager_gone(fake.registry, manager);
        g_assert_nonnull(strstr(fake.events->str, "disconnect;ServerRemoved c2;"));
        g_assert_cmpint(stops->state, ==, INSTANCE_STOPPED);
        g_assert_cmpint(keeps->state, ==, INSTANCE_LISTENING);
        g_assert_null(keeps->manager);
        g_assert_cmpint(others->state, ==, INSTANCE_LISTENING);
        g_assert_cmpuint(registry_get_count(fake.registry), ==, 3);
        registry_manager_gone(fake.registry, manager);
        g_assert_cmpuint(keeps->creator->uid, ==, 1000);
}

static void test_listen_failed(void) {
        WORLD;
        Instance *instance = add(&fake, manager, ADD_OWN_SOCKET);

        registry_listen_failed(fake.registry, instance, EINVAL);
        fake_assert_events(&fake, "failed 0;unlisten;ServerRemoved c0;");
}

static void test_shutdown(void) {
        WORLD;
        Instance *instance = add(&fake, manager, 0);
        g_autofree char *socket_path = g_strdup(instance->socket_path);

        open_connection(&fake, instance, 1000);
        add(&fake, manager, ADD_STOP);
        registry_shutdown(fake.registry);
        fake_assert_events(&fake, "unlisten;unlisten;");
        g_assert_false(g_file_test(socket_path, G_FILE_TEST_EXISTS));
        registry_connection_closed(fake.registry, instance, true);
        fake_assert_events(&fake, "");
}

/* "They go with the server" */
static void test_grants(void) {
        WORLD;
        Instance *instance = add(&fake, manager, 0);
        ContainerRule rule = { CONTAINER_RULE_CALL, (char *)"", (char *)"/", (char *)"" };

        manager->grants = service_grants_new(NULL);
        registry_add_grants(fake.registry, manager->grants);
        service_grants_add(manager->grants, instance->number, &rule);
        service_grants_add(manager->grants, GRANTS_FOR_ALL, &rule);
        registry_stop(fake.registry, instance);
        g_assert_cmpuint(service_grants_count(manager->grants), ==, 1);
        g_clear_pointer(&manager->grants, service_grants_free);
        registry_stop(fake.registry, add(&fake, manager, 0));
}

/* Nothing of many lives is left: descriptors, watches, places under limits. */
static void test_many(void) {
        WORLD;
        unsigned before = fake_count_fds();

        for (unsigned i = 0; i < 300; i++) {
                Instance *instance = add(
                        &fake, manager, (AddOptions)(i % 64) & ~(i & 1 ? 0u : (unsigned)ADD_READY));

                if (instance->state == INSTANCE_LISTENING)
                        open_connection(&fake, instance, 1000);
                registry_stop(fake.registry, instance);
                g_assert_cmpuint(registry_get_count(fake.registry), ==, 0);
        }
        g_assert_cmpuint(fake_count_fds(), ==, before);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/containers/registry/add", test_add);
        g_test_add_func("/containers/registry/find", test_find);
        g_test_add_func("/containers/registry/numbers", test_numbers);
        g_test_add_func("/containers/registry/limits", test_limits);
        g_test_add_func("/containers/registry/failures", test_failures);
        g_test_add_func("/containers/registry/no-directory", test_no_directory);
        g_test_add_func("/containers/registry/stop-listening", test_stop_listening);
        g_test_add_func("/containers/registry/stop", test_stop);
        g_test_add_func("/containers/registry/reference", test_reference);
        g_test_add_func("/containers/registry/connections", test_connections);
        g_test_add_func("/containers/registry/ready", test_ready);
        g_test_add_func("/containers/registry/ready-not-listening", test_ready_not_listening);
        g_test_add_func("/containers/registry/ready-never", test_ready_never);
        g_test_add_func("/containers/registry/stop-notify", test_stop_notify);
        g_test_add_func("/containers/registry/manager-gone", test_manager_gone);
        g_test_add_func("/containers/registry/listen-failed", test_listen_failed);
        g_test_add_func("/containers/registry/shutdown", test_shutdown);
        g_test_add_func("/containers/registry/grants", test_grants);
        g_test_add_func("/containers/registry/many", test_many);
        return g_test_run();
}
