/* SPDX-License-Identifier: MIT */
/*
 * A service and a client on libdbus, each a thread with a connection of its own: calls, errors,
 * signals and descriptors, as programs in C use them.
 */
#include "test/integration/private-bus.h"

#include <dbus/dbus.h>
#include <fcntl.h>
#include <stdint.h>

#define NAME "com.example.Service"
#define OBJECT "/com/example/Object"
#define IFACE "com.example.Iface"
#define FAILED "com.example.Failed"
#define TIMEOUT_MSEC 20000

typedef struct World {
        PrivateBus bus;
        GThread *service;
        DBusConnection *client;
} World;

static DBusConnection *open_connection(const char *address) {
        DBusError error = DBUS_ERROR_INIT;
        DBusConnection *connection = dbus_connection_open_private(address, &error);

        g_assert_nonnull(connection);
        dbus_connection_set_exit_on_disconnect(connection, FALSE);
        g_assert_true(dbus_bus_register(connection, &error));
        return connection;
}

static void close_connection(DBusConnection *connection) {
        dbus_connection_close(connection);
        dbus_connection_unref(connection);
}

/* --- the service --- */

static DBusMessage *echo(DBusMessage *call) {
        DBusMessage *reply = dbus_message_new_method_return(call);
        const char *text;
        int32_t *numbers;
        int n;

        g_assert_true(dbus_message_get_args(call, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_ARRAY,
                                            DBUS_TYPE_INT32, &numbers, &n, DBUS_TYPE_INVALID));
        dbus_message_append_args(reply, DBUS_TYPE_STRING, &text, DBUS_TYPE_ARRAY, DBUS_TYPE_INT32,
                                 &numbers, n, DBUS_TYPE_INVALID);
        return reply;
}

/* Gives back what can be read from the descriptor, and the descriptor. */
static DBusMessage *read_fd(DBusMessage *call) {
        DBusMessage *reply = dbus_message_new_method_return(call);
        char text[32] = "";
        const char *p = text;
        int fd = -1;

        g_assert_true(dbus_message_get_args(call, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
        g_assert_cmpint(read(fd, text, sizeof text - 1), >, 0);
        dbus_message_append_args(reply, DBUS_TYPE_STRING, &p, DBUS_TYPE_UNIX_FD, &fd,
                                 DBUS_TYPE_INVALID);
        close(fd);
        return reply;
}

static DBusMessage *emit(DBusConnection *connection, DBusMessage *call) {
        DBusMessage *signal = dbus_message_new_signal(OBJECT, IFACE, "Emitted");
        const char *text;

        g_assert_true(
                dbus_message_get_args(call, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
        dbus_message_append_args(signal, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
        dbus_connection_send(connection, signal, NULL);
        dbus_message_unref(signal);
        return dbus_message_new_method_return(call);
}

static DBusHandlerResult serve(DBusConnection *connection, DBusMessage *call, void *user) {
        const char *member = dbus_message_get_member(call);
        DBusMessage *reply;

        if (strcmp(member, "Echo") == 0)
                reply = echo(call);
        else if (strcmp(member, "Read") == 0)
                reply = read_fd(call);
        else if (strcmp(member, "Emit") == 0)
                reply = emit(connection, call);
        else if (strcmp(member, "Fail") == 0)
                reply = dbus_message_new_error(call, FAILED, "as it should");
        else if (strcmp(member, "Quit") == 0)
                reply = dbus_message_new_method_return(call);
        else
                return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        *(bool *)user = strcmp(member, "Quit") == 0;
        dbus_connection_send(connection, reply, NULL);
        dbus_message_unref(reply);
        return DBUS_HANDLER_RESULT_HANDLED;
}

static void *run_service(void *data) {
        static const DBusObjectPathVTable table = { .message_function = serve };
        DBusConnection *connection = data;
        bool has_quit = false;

        g_assert_true(dbus_connection_register_object_path(connection, OBJECT, &table, &has_quit));
        while (!has_quit && dbus_connection_read_write_dispatch(connection, -1))
                ;
        dbus_connection_flush(connection);
        close_connection(connection);
        return NULL;
}

/* --- the client --- */

static DBusMessage *new_call(const char *member) {
        return dbus_message_new_method_call(NAME, OBJECT, IFACE, member);
}

/* Takes over @call. Return: the reply; NULL with @error set. */
static DBusMessage *send(World *world, DBusMessage *call, DBusError *error) {
        DBusMessage *reply = dbus_connection_send_with_reply_and_block(world->client, call,
                                                                       TIMEOUT_MSEC, error);

        dbus_message_unref(call);
        return reply;
}

/* The same for what must be answered. */
static DBusMessage *ask(World *world, DBusMessage *call) {
        DBusError error = DBUS_ERROR_INIT;
        DBusMessage *reply = send(world, call, &error);

        g_assert_cmpstr(error.name, ==, NULL);
        return reply;
}

/* The next signal of this name. */
static DBusMessage *wait_signal(World *world, const char *interface, const char *member) {
        for (;;) {
                DBusMessage *message = dbus_connection_pop_message(world->client);

                if (!message)
                        g_assert_true(dbus_connection_read_write(world->client, TIMEOUT_MSEC));
                else if (dbus_message_is_signal(message, interface, member))
                        return message;
                else
                        dbus_message_unref(message);
        }
}

static void set_up(World *world, const void *data G_GNUC_UNUSED) {
        private_bus_start(&world->bus);
        DBusConnection *service = open_connection(world->bus.address);
        g_assert_cmpint(dbus_bus_request_name(service, NAME, 0, NULL), ==,
                        DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
        world->client = open_connection(world->bus.address);
        world->service = g_thread_new("service", run_service, service);
}

static void tear_down(World *world, const void *data G_GNUC_UNUSED) {
        dbus_message_unref(ask(world, new_call("Quit")));
        g_thread_join(world->service);
        close_connection(world->client);
        private_bus_stop(&world->bus);
}

static void test_call(World *world, const void *data G_GNUC_UNUSED) {
        const int32_t numbers[] = { 1, -2, INT32_MAX }, *given = numbers;
        DBusMessage *call = new_call("Echo");
        const char *text = "a text";
        int32_t *got;
        int n;

        dbus_message_append_args(call, DBUS_TYPE_STRING, &text, DBUS_TYPE_ARRAY, DBUS_TYPE_INT32,
                                 &given, 3, DBUS_TYPE_INVALID);
        DBusMessage *reply = ask(world, call);
        g_assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_ARRAY,
                                            DBUS_TYPE_INT32, &got, &n, DBUS_TYPE_INVALID));
        g_assert_cmpstr(text, ==, "a text");
        g_assert_cmpmem(got, (size_t)n * sizeof *got, numbers, sizeof numbers);
        g_assert_true(g_str_has_prefix(dbus_message_get_sender(reply), ":1."));
        dbus_message_unref(reply);
}

static void test_error(World *world, const void *data G_GNUC_UNUSED) {
        DBusError error = DBUS_ERROR_INIT;

        g_assert_null(send(world, new_call("Fail"), &error));
        g_assert_cmpstr(error.name, ==, FAILED);
        g_assert_cmpstr(error.message, ==, "as it should");
        dbus_error_free(&error);
        g_assert_null(send(world, new_call("Unknown"), &error));
        g_assert_cmpstr(error.name, ==, DBUS_ERROR_UNKNOWN_METHOD);
        dbus_error_free(&error);
        g_assert_null(send(world, dbus_message_new_method_call("com.example.Nobody", "/", IFACE,
                                                               "M"),
                           &error));
        g_assert_cmpstr(error.name, ==, DBUS_ERROR_SERVICE_UNKNOWN);
        dbus_error_free(&error);
}

static void test_signal(World *world, const void *data G_GNUC_UNUSED) {
        DBusMessage *call = new_call("Emit");
        const char *text = "by signal";

        dbus_bus_add_match(world->client, "type='signal',interface='" IFACE "'", NULL);
        dbus_message_append_args(call, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
        dbus_message_unref(ask(world, call));
        DBusMessage *signal = wait_signal(world, IFACE, "Emitted");
        g_assert_true(
                dbus_message_get_args(signal, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
        g_assert_cmpstr(text, ==, "by signal");
        dbus_message_unref(signal);
}

static void test_descriptor(World *world, const void *data G_GNUC_UNUSED) {
        DBusMessage *call = new_call("Read");
        const char *text;
        int pair[2], back;
        char more[8];

        g_assert_cmpint(pipe2(pair, O_CLOEXEC), ==, 0);
        g_assert_cmpint(write(pair[1], "through", 7), ==, 7);
        dbus_message_append_args(call, DBUS_TYPE_UNIX_FD, &pair[0], DBUS_TYPE_INVALID);
        close(pair[0]);
        DBusMessage *reply = ask(world, call);
        g_assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text,
                                            DBUS_TYPE_UNIX_FD, &back, DBUS_TYPE_INVALID));
        g_assert_cmpstr(text, ==, "through");
        g_assert_cmpint(write(pair[1], "again", 5), ==, 5);
        g_assert_cmpint(read(back, more, sizeof more), ==, 5);
        close(pair[1]);
        close(back);
        dbus_message_unref(reply);
}

/* Names, and what is told of them. */
static void test_name(World *world, const void *data G_GNUC_UNUSED) {
        DBusConnection *other = open_connection(world->bus.address);
        const char *name, *from, *to;

        g_assert_true(dbus_bus_name_has_owner(world->client, NAME, NULL));
        g_assert_cmpint(dbus_bus_request_name(other, NAME, DBUS_NAME_FLAG_DO_NOT_QUEUE, NULL), ==,
                        DBUS_REQUEST_NAME_REPLY_EXISTS);
        dbus_bus_add_match(world->client,
                           "sender='" DBUS_SERVICE_DBUS "',member='NameOwnerChanged',"
                           "arg0='com.example.Other'",
                           NULL);
        g_assert_cmpint(dbus_bus_request_name(other, "com.example.Other", 0, NULL), ==,
                        DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
        DBusMessage *signal = wait_signal(world, DBUS_INTERFACE_DBUS, "NameOwnerChanged");
        g_assert_true(dbus_message_get_args(signal, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING,
                                            &from, DBUS_TYPE_STRING, &to, DBUS_TYPE_INVALID));
        g_assert_cmpstr(from, ==, "");
        g_assert_cmpstr(to, ==, dbus_bus_get_unique_name(other));
        dbus_message_unref(signal);
        close_connection(other);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        dbus_threads_init_default();
        g_test_add("/libdbus/call", World, NULL, set_up, test_call, tear_down);
        g_test_add("/libdbus/error", World, NULL, set_up, test_error, tear_down);
        g_test_add("/libdbus/signal", World, NULL, set_up, test_signal, tear_down);
        g_test_add("/libdbus/descriptor", World, NULL, set_up, test_descriptor, tear_down);
        g_test_add("/libdbus/name", World, NULL, set_up, test_name, tear_down);
        return g_test_run();
}
