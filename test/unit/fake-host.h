/* SPDX-License-Identifier: MIT */
/*
 * A ContainersHost for tests: keeps what it is given, writes down what it is asked for, and lets
 * tests say what happens. Connections of instances are only counted.
 */
#pragma once

#include "base/fdset.h"
#include "containers/interface.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define FAKE_BUS_UID 81

typedef struct FakeWatch {
        int fd;
        void (*ready)(void *user);
        void *user;
} FakeWatch;

typedef struct FakeConnection {
        Identity *identity;    /* ref */
        Instance *instance;    /* NULL: uncontained */
        ServiceGrants *grants; /* owned */
        bool has_header;
        StampForm facts;
} FakeConnection;

typedef struct FakeHost {
        ContainersHost host;
        Config *config;        /* ref */
        QuotaLimits limits;
        Registry *registry;    /* owned */
        char *directory;       /* owned; for sockets, below a new one */
        GString *events;       /* one word or more for each call, with ; behind it */
        GHashTable *listening; /* Instance to its descriptor */
        GPtrArray *watches;    /* of FakeWatch, owned */
        int listen_error, watch_error; /* answers of the next call; 0: works */
        FakeConnection *peer;  /* who has the name org.example.Peer */
        bool peer_visible;
} FakeHost;

static inline int fake_listen_add(void *data, Instance *instance, int fd) {
        FakeHost *fake = data;

        if (fake->listen_error != 0)
                return fake->listen_error;
        g_hash_table_insert(fake->listening, instance, GINT_TO_POINTER(fd));
        g_string_append(fake->events, "listen;");
        return 0;
}

static inline void fake_close_connections(FakeHost *fake, Instance *instance, bool authenticated) {
        uint32_t n = authenticated ? instance->n_authenticated
                                   : instance->n_connections - instance->n_authenticated;

        for (uint32_t i = 0; i < n; i++)
                registry_connection_closed(fake->registry, instance, authenticated);
}

static inline void fake_listen_remove(void *data, Instance *instance) {
        FakeHost *fake = data;
        gpointer fd;

        g_assert_true(g_hash_table_steal_extended(fake->listening, instance, NULL, &fd));
        close(GPOINTER_TO_INT(fd));
        g_string_append(fake->events, "unlisten;");
        fake_close_connections(fake, instance, false);
}

static inline int fake_watch_add(void *data, int fd, void (*ready)(void *user), void *user,
                                 void **ret_watch) {
        FakeHost *fake = data;
        FakeWatch *watch;

        if (fake->watch_error != 0)
                return fake->watch_error;
        watch = g_new(FakeWatch, 1);
        *watch = (FakeWatch){ fd, ready, user };
        g_ptr_array_add(fake->watches, watch);
        *ret_watch = watch;
        return 0;
}

static inline void fake_watch_remove(void *data, void *watch) {
        FakeHost *fake = data;

        g_assert_true(g_ptr_array_remove(fake->watches, watch));
}

static inline void fake_disconnect_instance(void *data, Instance *instance) {
        FakeHost *fake = data;

        g_string_append(fake->events, "disconnect;");
        fake_close_connections(fake, instance, true);
}

static inline void fake_emit_signal(void *data, const char *member, Writer *body,
                                    const ContainersAudience *audience) {
        FakeHost *fake = data;
        Reader reader;
        WireString path = { 0 };

        reader_init_bytes(&reader, body->body->data, body->body->len,
                          wire_string(body->signature->str), G_BYTE_ORDER == G_BIG_ENDIAN);
        g_assert_true(reader_get_path(&reader, &path));
        g_assert_true(g_str_has_prefix(path.data, CONTAINERS_PATH_PREFIX));
        g_string_append_printf(fake->events, "%s %s", member,
                               path.data + strlen(CONTAINERS_PATH_PREFIX) - 1);
        if (audience->by_uid)
                g_string_append_printf(fake->events, " to %u", (unsigned)audience->uid);
        g_string_append_c(fake->events, ';');
}

static inline ContainersPeer fake_find_peer(void *data, void *caller, WireString bus_name) {
        FakeHost *fake = data;
        FakeConnection *connection = caller;

        if (wire_string_is(bus_name, "org.freedesktop.DBus"))
                return (ContainersPeer){ .exists = true, .visible = true };
        if (!fake->peer || !wire_string_is(bus_name, "org.example.Peer"))
                return (ContainersPeer){ 0 };
        return (ContainersPeer){ .exists = true,
                                 .visible = !connection->instance || fake->peer_visible,
                                 .instance = fake->peer->instance };
}

static inline Instance *fake_instance_of(void *data, void *connection) {
        (void)data;
        return ((FakeConnection *)connection)->instance;
}

static inline ServiceGrants **fake_grants_of(void *data, void *connection) {
        (void)data;
        return &((FakeConnection *)connection)->grants;
}

static inline void fake_request_header(void *data, void *connection) {
        (void)data;
        ((FakeConnection *)connection)->has_header = true;
}

static inline void fake_request_facts(void *data, void *connection, StampForm facts) {
        (void)data;
        ((FakeConnection *)connection)->facts = facts;
}

static inline void fake_limit_reached(void *data, const MethodCall *call, const Instance *instance,
                                      const char *rule) {
        FakeHost *fake = data;

        g_assert_nonnull(call->connection);
        g_string_append_printf(fake->events, "limit %s%s%s;", instance ? instance->path : "",
                               instance ? " " : "", rule);
}

static inline void fake_server_failed(void *data, const Instance *instance, const char *reason,
                                      int error) {
        FakeHost *fake = data;

        (void)reason;
        (void)error;
        g_string_append_printf(fake->events, "failed %" G_GUINT64_FORMAT ";", instance->number);
}

static inline void fake_host_init(FakeHost *fake) {
        g_autofree char *top = g_dir_make_tmp("conductor-XXXXXX", NULL);

        g_assert_nonnull(top);
        memset(fake, 0, sizeof *fake);
        fake->config = config_new();
        fake->config->limits.max_containers = 8;
        fake->config->limits.max_containers_per_user = 4;
        fake->config->limits.max_connections_per_container = 3;
        fake->config->limits.max_container_metadata_bytes = 200;
        fake->config->limits.max_rules_per_container = 5;
        for (unsigned i = 0; i < QUOTA_KINDS; i++)
                fake->limits.max[i] = 100;
        fake->directory = g_build_filename(top, "dbus-1", "containers", NULL);
        fake->events = g_string_new(NULL);
        fake->listening = g_hash_table_new(NULL, NULL);
        fake->watches = g_ptr_array_new_with_free_func(g_free);
        fake->host = (ContainersHost){ .host = fake,
                                       .bus_uid = FAKE_BUS_UID,
                                       .guid = "0123456789abcdef0123456789abcdef",
                                       .config = fake->config,
                                       .quota_limits = &fake->limits,
                                       .socket_directory = fake->directory,
                                       .listen_add = fake_listen_add,
                                       .listen_remove = fake_listen_remove,
                                       .watch_add = fake_watch_add,
                                       .watch_remove = fake_watch_remove,
                                       .disconnect_instance = fake_disconnect_instance,
                                       .emit_signal = fake_emit_signal,
                                       .find_peer = fake_find_peer,
                                       .instance_of = fake_instance_of,
                                       .grants_of = fake_grants_of,
                                       .request_header = fake_request_header,
                                       .request_facts = fake_request_facts,
                                       .limit_reached = fake_limit_reached,
                                       .server_failed = fake_server_failed };
        fake->registry = registry_new(&fake->host);
}

static inline void fake_disconnect_all(Instance *instance, void *user) {
        fake_close_connections(user, instance, true);
}

/* Ends everything, and checks that nothing is left: no watch, no listening socket, no file. */
static inline void fake_host_clear(FakeHost *fake) {
        g_autofree char *middle = g_path_get_dirname(fake->directory);
        g_autofree char *top = g_path_get_dirname(middle);

        registry_shutdown(fake->registry);
        registry_foreach(fake->registry, fake_disconnect_all, fake);
        g_assert_cmpuint(registry_get_count(fake->registry), ==, 0);
        g_assert_cmpuint(fake->watches->len, ==, 0);
        g_assert_cmpuint(g_hash_table_size(fake->listening), ==, 0);
        registry_free(fake->registry);
        if (g_file_test(fake->directory, G_FILE_TEST_EXISTS)) {
                g_assert_cmpint(rmdir(fake->directory), ==, 0);
                g_assert_cmpint(rmdir(middle), ==, 0);
        }
        g_assert_cmpint(rmdir(top), ==, 0);
        config_unref(fake->config);
        g_hash_table_unref(fake->listening);
        g_ptr_array_unref(fake->watches);
        g_string_free(fake->events, TRUE);
        g_free(fake->directory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FakeHost, fake_host_clear)

/* What happened since the last look. */
#define fake_assert_events(fake, expected)                                                       \
        do {                                                                                     \
                g_assert_cmpstr((fake)->events->str, ==, (expected));                            \
                g_string_truncate((fake)->events, 0);                                            \
        } while (0)

static inline FakeConnection *fake_connection_new(uid_t uid) {
        FakeConnection *connection = g_new0(FakeConnection, 1);

        connection->identity = identity_new(uid, uid, 42);
        return connection;
}

static inline void fake_connection_free(FakeConnection *connection) {
        if (!connection)
                return;
        identity_unref(connection->identity);
        service_grants_free(connection->grants);
        g_free(connection);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeConnection, fake_connection_free)

/* A call as the driver would hand it over, and its reply. */
typedef struct FakeCall {
        MethodCall call;
        Message message;
        Writer body;  /* of the message, to be filled before fake_call_send() */
        Writer reply;
} FakeCall;

static inline void fake_call_init(FakeCall *call, FakeConnection *from) {
        memset(call, 0, sizeof *call);
        writer_init(&call->body);
        writer_init(&call->reply);
        call->call.caller = from->identity;
        call->call.connection = from;
        call->call.message = &call->message;
        call->call.reply = &call->reply;
}

static inline void fake_call_clear(FakeCall *call) {
        writer_clear(&call->body);
        writer_clear(&call->reply);
        message_clear(&call->message);
        g_free(call->call.error_text);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FakeCall, fake_call_clear)

/* Makes a message of the body that was written, with its reader at the first argument. */
static inline void fake_call_send(FakeCall *call) {
        const MessageHeader header = {
                .type = MESSAGE_TYPE_METHOD_CALL, .serial = 1, .path = "/", .member = "M"
        };

        writer_finish(&call->body, &header, &call->message);
        reader_init(&call->call.body, &call->message.view);
}

/* Calls a method of the interface with the body that was written. Return: whether it worked. */
static inline bool fake_call(FakeHost *fake, FakeCall *call, const char *member) {
        const MethodEntry *entry = method_table_find(&containers_interface, wire_string(member));

        g_assert_nonnull(entry);
        g_assert_cmpstr(call->body.signature->str, ==, entry->in);
        fake_call_send(call);
        bool done = entry->handler(&call->call, fake->registry);
        g_assert_true(done == (call->call.error_name == NULL));
        if (done)
                g_assert_cmpstr(call->reply.signature->str, ==, entry->out);
        return done;
}

/* The arguments in front of the named ones, without metadata. */
static inline void fake_add_identity(Writer *body) {
        writer_add_string(body, "org.example.Type");
        writer_add_string(body, "app");
        writer_add_string(body, "instance");
        writer_close_array(body, writer_open_array(body, "{sv}"));
}

static inline void fake_open_argument(Writer *body, const char *key, const char *type) {
        writer_open_struct(body, "{sv}");
        writer_add_string(body, key);
        writer_open_variant(body, type);
}

static inline void fake_close_argument(Writer *body) {
        writer_close_variant(body);
        writer_close_struct(body);
}

static inline void fake_add_fd(Writer *body, const char *key, int fd) {
        fake_open_argument(body, key, "h");
        writer_add_fd(body, fd);
        fake_close_argument(body);
}

static inline void fake_add_bool(Writer *body, const char *key, bool value) {
        fake_open_argument(body, key, "b");
        writer_add_bool(body, value);
        fake_close_argument(body);
}

/* A bound socket that listens when @listening; its name is abstract and the kernel's choice. */
static inline int fake_socket(bool listening) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), ==, 0);
        if (listening)
                g_assert_cmpint(listen(fd, 5), ==, 0);
        return fd;
}

/* The number of this process's open descriptors, to be compared with a later one. */
static inline unsigned fake_count_fds(void) {
        unsigned n = 0;
        g_autoptr(GDir) directory = g_dir_open("/proc/self/fd", 0, NULL);

        while (g_dir_read_name(directory))
                n++;
        return n;
}
