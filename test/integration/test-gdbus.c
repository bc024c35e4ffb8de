/* SPDX-License-Identifier: MIT */
/*
 * A service and a client on GDBus, the service in a thread with a main loop of its own: calls,
 * errors, properties, signals and descriptors, as programs in C use them.
 */
#include "test/integration/private-bus.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#define NAME "com.example.Service"
#define OBJECT "/com/example/Object"
#define IFACE "com.example.Iface"
#define FAILED "com.example.Failed"
#define TIMEOUT_MSEC 20000

static const char xml[] = "<node><interface name='" IFACE "'>"
                          "<method name='Echo'><arg type='v' direction='in'/>"
                          "<arg type='v' direction='out'/></method>"
                          "<method name='Fail'/>"
                          "<method name='Read'><arg type='h' direction='in'/>"
                          "<arg type='s' direction='out'/><arg type='h' direction='out'/></method>"
                          "<method name='Emit'><arg type='s' direction='in'/></method>"
                          "<property name='Level' type='u' access='read'/>"
                          "<signal name='Emitted'><arg type='s'/></signal>"
                          "</interface></node>";

typedef struct World {
        PrivateBus bus;
        GThread *thread;
        GMainLoop *loop;  /* of the service */
        GMainLoop *ready; /* of the test: ended when the service is there */
        GDBusConnection *client;
} World;

static GDBusConnection *open_connection(const char *address) {
        const GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                           G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION;
        g_autoptr(GError) error = NULL;
        GDBusConnection *connection =
                g_dbus_connection_new_for_address_sync(address, flags, NULL, NULL, &error);

        g_assert_no_error(error);
        return connection;
}

static void close_connection(GDBusConnection *connection) {
        g_autoptr(GError) error = NULL;

        g_dbus_connection_close_sync(connection, NULL, &error);
        g_assert_no_error(error);
        g_object_unref(connection);
}

/* --- the service --- */

/* Gives back what can be read from the descriptor, and the descriptor. */
static void read_fd(GDBusMethodInvocation *call) {
        GUnixFDList *fds =
                g_dbus_message_get_unix_fd_list(g_dbus_method_invocation_get_message(call));
        char text[32] = "";
        int fd = g_unix_fd_list_get(fds, 0, NULL);

        g_assert_cmpint(read(fd, text, sizeof text - 1), >, 0);
        close(fd);
        g_dbus_method_invocation_return_value_with_unix_fd_list(
                call, g_variant_new("(sh)", text, 0), fds);
}

static void on_call(GDBusConnection *connection, const char *sender, const char *path,
                    const char *interface, const char *method, GVariant *arguments,
                    GDBusMethodInvocation *call, void *user) {
        (void)sender, (void)user;
        if (strcmp(method, "Read") == 0) {
                read_fd(call);
        } else if (strcmp(method, "Echo") == 0) {
                g_dbus_method_invocation_return_value(call, arguments);
        } else if (strcmp(method, "Fail") == 0) {
                g_dbus_method_invocation_return_dbus_error(call, FAILED, "as it should");
        } else {
                g_dbus_connection_emit_signal(connection, NULL, path, interface, "Emitted",
                                              arguments, NULL);
                g_dbus_method_invocation_return_value(call, NULL);
        }
}

static GVariant *on_get(GDBusConnection *connection, const char *sender, const char *path,
                        const char *interface, const char *name, GError **error, void *user) {
        (void)connection, (void)sender, (void)path, (void)interface, (void)name, (void)error;
        (void)user;
        return g_variant_new_uint32(7);
}

static gboolean quit_ready(void *data) {
        g_main_loop_quit(data);
        return G_SOURCE_REMOVE;
}

static void on_owned(GDBusConnection *connection, const char *name, void *user) {
        World *world = user;

        (void)connection, (void)name;
        g_main_context_invoke(NULL, quit_ready, world->ready);
}

static void *run_service(void *data) {
        static const GDBusInterfaceVTable table = { .method_call = on_call, .get_property = on_get };
        World *world = data;
        GMainContext *context = g_main_loop_get_context(world->loop);
        g_autoptr(GDBusNodeInfo) info = g_dbus_node_info_new_for_xml(xml, NULL);
        guint object, owner;

        g_main_context_push_thread_default(context);
        GDBusConnection *connection = open_connection(world->bus.address);
        object = g_dbus_connection_register_object(connection, OBJECT, info->interfaces[0], &table,
                                                   NULL, NULL, NULL);
        owner = g_bus_own_name_on_connection(connection, NAME, G_BUS_NAME_OWNER_FLAGS_NONE,
                                             on_owned, NULL, world, NULL);
        g_main_loop_run(world->loop);
        g_bus_unown_name(owner);
        g_dbus_connection_unregister_object(connection, object);
        close_connection(connection);
        g_main_context_pop_thread_default(context);
        return NULL;
}

/* --- the client --- */

static void set_up(World *world, const void *data G_GNUC_UNUSED) {
        g_autoptr(GMainContext) context = g_main_context_new();

        private_bus_start(&world->bus);
        world->loop = g_main_loop_new(context, FALSE);
        world->ready = g_main_loop_new(NULL, FALSE);
        world->thread = g_thread_new("service", run_service, world);
        g_main_loop_run(world->ready);
        world->client = open_connection(world->bus.address);
}

static void tear_down(World *world, const void *data G_GNUC_UNUSED) {
        g_main_context_invoke(g_main_loop_get_context(world->loop), quit_ready, world->loop);
        g_thread_join(world->thread);
        close_connection(world->client);
        g_main_loop_unref(world->loop);
        g_main_loop_unref(world->ready);
        private_bus_stop(&world->bus);
}

static GVariant *ask(World *world, const char *interface, const char *member, GVariant *arguments,
                     GError **error) {
        return g_dbus_connection_call_sync(world->client, NAME, OBJECT, interface, member,
                                           arguments, NULL, G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MSEC,
                                           NULL, error);
}

static void test_call(World *world, const void *data G_GNUC_UNUSED) {
        static const char *const values[] = { "'text'", "[1, -2]", "{'key': <2.5>}",
                                              "(true, [byte 0x00, 0xff], objectpath '/x')" };

        for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(GVariant) value = g_variant_parse(NULL, values[i], NULL, NULL, NULL);
                g_autoptr(GVariant) reply =
                        ask(world, IFACE, "Echo", g_variant_new("(v)", value), &error);

                g_assert_no_error(error);
                g_autoptr(GVariant) got = NULL;
                g_variant_get(reply, "(v)", &got);
                g_assert_cmpvariant(got, value);
        }
}

static void test_error(World *world, const void *data G_GNUC_UNUSED) {
        g_autoptr(GError) failed = NULL, unknown = NULL;

        g_assert_null(ask(world, IFACE, "Fail", NULL, &failed));
        g_autofree char *name = g_dbus_error_get_remote_error(failed);
        g_assert_cmpstr(name, ==, FAILED);
        g_dbus_error_strip_remote_error(failed);
        g_assert_cmpstr(failed->message, ==, "as it should");
        g_assert_null(ask(world, IFACE, "Unknown", NULL, &unknown));
        g_assert_error(unknown, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD);
}

static void test_property(World *world, const void *data G_GNUC_UNUSED) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GDBusProxy) proxy =
                g_dbus_proxy_new_sync(world->client, G_DBUS_PROXY_FLAGS_NONE, NULL, NAME, OBJECT,
                                      IFACE, NULL, &error);

        g_assert_no_error(error);
        g_autoptr(GVariant) level = g_dbus_proxy_get_cached_property(proxy, "Level");
        g_autofree char *owner = g_dbus_proxy_get_name_owner(proxy);
        g_assert_cmpuint(g_variant_get_uint32(level), ==, 7);
        g_assert_true(g_str_has_prefix(owner, ":1."));
}

static void on_signal(GDBusConnection *connection, const char *sender, const char *path,
                      const char *interface, const char *member, GVariant *arguments, void *user) {
        char **got = user;

        (void)connection, (void)sender, (void)path, (void)interface, (void)member;
        g_variant_get(arguments, "(s)", got);
}

static void test_signal(World *world, const void *data G_GNUC_UNUSED) {
        g_autoptr(GError) error = NULL;
        g_autofree char *got = NULL;
        guint id = g_dbus_connection_signal_subscribe(world->client, NAME, IFACE, "Emitted", OBJECT,
                                                      NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_signal,
                                                      &got, NULL);
        g_autoptr(GVariant) reply =
                ask(world, IFACE, "Emit", g_variant_new("(s)", "by signal"), &error);

        g_assert_no_error(error);
        g_assert_nonnull(reply);
        while (!got)
                g_main_context_iteration(NULL, TRUE);
        g_assert_cmpstr(got, ==, "by signal");
        g_dbus_connection_signal_unsubscribe(world->client, id);
}

static void test_descriptor(World *world, const void *data G_GNUC_UNUSED) {
        g_autoptr(GUnixFDList) given = g_unix_fd_list_new(), received = NULL;
        g_autoptr(GError) error = NULL;
        const char *text;
        int pair[2];
        char more[8];

        g_assert_cmpint(pipe2(pair, O_CLOEXEC), ==, 0);
        g_assert_cmpint(write(pair[1], "through", 7), ==, 7);
        g_assert_cmpint(g_unix_fd_list_append(given, pair[0], NULL), ==, 0);
        close(pair[0]);
        g_autoptr(GVariant) reply = g_dbus_connection_call_with_unix_fd_list_sync(
                world->client, NAME, OBJECT, IFACE, "Read", g_variant_new("(h)", 0), NULL,
                G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MSEC, given, &received, NULL, &error);
        g_assert_no_error(error);
        g_variant_get(reply, "(&sh)", &text, NULL);
        g_assert_cmpstr(text, ==, "through");
        int back = g_unix_fd_list_get(received, 0, NULL);
        g_assert_cmpint(write(pair[1], "again", 5), ==, 5);
        g_assert_cmpint(read(back, more, sizeof more), ==, 5);
        close(pair[1]);
        close(back);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add("/gdbus/call", World, NULL, set_up, test_call, tear_down);
        g_test_add("/gdbus/error", World, NULL, set_up, test_error, tear_down);
        g_test_add("/gdbus/property", World, NULL, set_up, test_property, tear_down);
        g_test_add("/gdbus/signal", World, NULL, set_up, test_signal, tear_down);
        g_test_add("/gdbus/descriptor", World, NULL, set_up, test_descriptor, tear_down);
        return g_test_run();
}
