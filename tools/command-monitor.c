/* SPDX-License-Identifier: MIT */
/*
 * dbus-container monitor: the messages of containers as they come, each with what became of it.
 *
 * The bus shows a message to monitors before it is known what becomes of it, and the signals
 * Denied and Delivered right behind it, in the same breath. So each message is held until the next one comes,
 * or none does for a moment.
 */
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/denial-record.h"
#include "tools/message-text.h"
#include "tools/name-map.h"
#include "tools/server-info.h"

#include <stdio.h>
#include <string.h>

/* Milliseconds; what the bus says about a message comes with it. */
#define HOLD_TIME 50

/* What the next message may say more about. */
typedef struct Held {
        GDBusMessage *message; /* ref; NULL: none */
        gint64 usec;
        char *container;  /* owned; object path; NULL: of none that is asked for, so far */
        GString *verdict; /* owned */
} Held;

typedef struct Monitor {
        GDBusConnection *connection; /* owned; sees everything, says nothing */
        char *asking;                /* owned; unique name of who is told of deliveries */
        char *only;                  /* owned; object path; NULL: all containers */
        NameMap *names;              /* owned */
        GMainLoop *loop;             /* owned */
        guint hold_source;
        Held held;
} Monitor;

/* A message on its way from GDBus's thread. */
typedef struct Arrival {
        Monitor *monitor;      /* borrowed */
        GDBusMessage *message; /* ref */
        gint64 usec;
} Arrival;

static void drop_held(Monitor *monitor) {
        Held *held = &monitor->held;

        g_clear_object(&held->message);
        g_clear_pointer(&held->container, g_free);
        if (held->verdict)
                g_string_free(g_steal_pointer(&held->verdict), TRUE);
        g_clear_handle_id(&monitor->hold_source, g_source_remove);
}

static void monitor_clear(Monitor *monitor) {
        g_clear_object(&monitor->connection);
        g_clear_pointer(&monitor->asking, g_free);
        g_clear_pointer(&monitor->only, g_free);
        g_clear_pointer(&monitor->names, name_map_free);
        g_clear_pointer(&monitor->loop, g_main_loop_unref);
        drop_held(monitor);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Monitor, monitor_clear)

static void print_held(const Held *held) {
        g_autofree char *header = NULL, *body = NULL;
        const char *verdict;

        header = message_text_header(held->message, held->usec);
        body = message_text_body(held->message);
        verdict = strstr(held->verdict->str, " verdict=") ? "" : " verdict=allowed";
        g_print("%s container=%s%s%s\n%s", header, strrchr(held->container, '/') + 1, verdict,
                held->verdict->str, body);
        fflush(stdout);
}

static void release(Monitor *monitor) {
        if (monitor->held.message && monitor->held.container)
                print_held(&monitor->held);
        drop_held(monitor);
}

static gboolean on_hold_end(void *user_data) {
        Monitor *monitor = user_data;

        monitor->hold_source = 0;
        release(monitor);
        return G_SOURCE_REMOVE;
}

static bool is_from_bus(GDBusMessage *message, const char *interface, const char *member) {
        return g_strcmp0(g_dbus_message_get_sender(message), BUS_NAME) == 0 &&
               g_strcmp0(g_dbus_message_get_interface(message), interface) == 0 &&
               g_strcmp0(g_dbus_message_get_member(message), member) == 0;
}

/* Denied is about the message before it, or about none that is shown. */
static void take_verdict(Monitor *monitor, GVariant *parameters) {
        Held *held = &monitor->held;
        g_auto(DenialRecord) record = { 0 };
        g_autofree char *what = NULL;

        if (!held->message || !denial_record_read(parameters, &record) ||
            g_strcmp0(record.sender, g_dbus_message_get_sender(held->message)) != 0)
                return;
        what = denial_record_describe(&record);
        g_string_append_printf(held->verdict, " verdict=%s layer=%s rule=\"%s\"",
                               record.is_reported ? "reported" : "denied", record.layer, what);
        if (!held->container && record.server[1] != '\0' &&
            (!monitor->only || strcmp(record.server, monitor->only) == 0))
                held->container = g_strdup(record.server);
        if (record.receiver && !g_dbus_message_get_destination(held->message))
                g_string_append_printf(held->verdict, " receiver=%s", record.receiver);
}

/* Delivered is about the broadcast before it. */
static void take_delivery(Monitor *monitor, GVariant *parameters) {
        Held *held = &monitor->held;
        const char *server, *receiver, *sender;
        guint32 serial;

        if (!held->message || !g_variant_is_of_type(parameters, G_VARIANT_TYPE("(ossu)")))
                return;
        g_variant_get(parameters, "(&o&s&su)", &server, &receiver, &sender, &serial);
        if (g_strcmp0(sender, g_dbus_message_get_sender(held->message)) != 0 ||
            serial != g_dbus_message_get_serial(held->message) ||
            (monitor->only && strcmp(server, monitor->only) != 0))
                return;
        if (!held->container)
                held->container = g_strdup(server);
        g_string_append_printf(held->verdict, " received-by=%s", receiver);
}

static void learn_names(Monitor *monitor, GDBusMessage *message) {
        const char *container = message_text_get_container(message);
        GVariant *body = g_dbus_message_get_body(message);
        const char *name, *owner;

        if (container && g_dbus_message_get_sender(message))
                name_map_put_container(monitor->names, g_dbus_message_get_sender(message),
                                       container);
        if (!is_from_bus(message, BUS_NAME, "NameOwnerChanged") || !body ||
            !g_variant_is_of_type(body, G_VARIANT_TYPE("(sss)")))
                return;
        g_variant_get(body, "(&ss&s)", &name, NULL, &owner);
        name_map_put_owner(monitor->names, name, owner);
}

/*
 * The container that a message is of: the sender's, else the receiver's; NULL: none that is
 * asked for.
 */
static const char *find_container(const Monitor *monitor, GDBusMessage *message) {
        const char *ends[] = { g_dbus_message_get_sender(message),
                               g_dbus_message_get_destination(message) };

        for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
                const char *container = name_map_get_container(monitor->names, ends[i]);

                if (container && (!monitor->only || strcmp(container, monitor->only) == 0))
                        return container;
        }
        return NULL;
}

/* What the bus says about the message before; true: @message is no other one. */
static bool take_remark(Monitor *monitor, GDBusMessage *message) {
        GVariant *body = g_dbus_message_get_body(message);

        if (is_from_bus(message, CONTAINERS_INTERFACE, "Denied") && body) {
                take_verdict(monitor, body);
                return true;
        }
        if (!is_from_bus(message, STATS_INTERFACE, "Delivered") || !body)
                return false;
        /* another watcher is told the same */
        if (g_strcmp0(g_dbus_message_get_destination(message), monitor->asking) == 0)
                take_delivery(monitor, body);
        return true;
}

static bool is_broadcast(GDBusMessage *message) {
        return g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_SIGNAL &&
               !g_dbus_message_get_destination(message);
}

static gboolean on_arrival(void *user_data) {
        Arrival *arrival = user_data;
        Monitor *monitor = arrival->monitor;
        GDBusMessage *message = arrival->message;
        const char *container;

        if (take_remark(monitor, message))
                return G_SOURCE_REMOVE;
        release(monitor);
        learn_names(monitor, message);
        container = find_container(monitor, message);
        if (!container && !is_broadcast(message))
                return G_SOURCE_REMOVE;
        monitor->held = (Held){ .message = g_object_ref(message),
                                .usec = arrival->usec,
                                .container = g_strdup(container),
                                .verdict = g_string_new(NULL) };
        monitor->hold_source = g_timeout_add(HOLD_TIME, on_hold_end, monitor);
        return G_SOURCE_REMOVE;
}

static void arrival_free(void *data) {
        Arrival *arrival = data;

        g_object_unref(arrival->message);
        g_free(arrival);
}

static bool is_answer_to_us(GDBusConnection *connection, GDBusMessage *message) {
        GDBusMessageType type = g_dbus_message_get_message_type(message);

        return (type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN || type == G_DBUS_MESSAGE_TYPE_ERROR) &&
               g_strcmp0(g_dbus_message_get_destination(message),
                         g_dbus_connection_get_unique_name(connection)) == 0;
}

/* In GDBus's thread. A monitor that answers is disconnected: what is not ours goes no further. */
static GDBusMessage *on_message(GDBusConnection *connection, GDBusMessage *message,
                                gboolean incoming, void *user_data) {
        Arrival *arrival;

        if (!incoming || is_answer_to_us(connection, message))
                return message;
        arrival = g_new(Arrival, 1);
        *arrival = (Arrival){ .monitor = user_data, .message = message, .usec = g_get_real_time() };
        g_main_context_invoke_full(NULL, G_PRIORITY_DEFAULT, on_arrival, arrival, arrival_free);
        return NULL;
}

static bool start_watching(Monitor *monitor, GError **error) {
        g_autoptr(GVariant) reply = NULL;
        const char *const no_rules[] = { NULL };

        g_dbus_connection_add_filter(monitor->connection, on_message, monitor, NULL);
        reply = bus_client_call_interface(monitor->connection, "org.freedesktop.DBus.Monitoring",
                                          "BecomeMonitor", g_variant_new("(^asu)", no_rules, 0),
                                          "()", error);
        return reply != NULL;
}

/* A bus that does not tell is watched all the same. */
static void ask_for_deliveries(Monitor *monitor, GDBusConnection *asking) {
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;

        monitor->asking = g_strdup(g_dbus_connection_get_unique_name(asking));
        reply = bus_client_call_interface(asking, STATS_INTERFACE, "WatchDeliveries", NULL, "()",
                                          &error);
        if (!reply)
                (void)command_fail("broadcasts that containers receive are not shown", error);
}

static int watch(Monitor *monitor) {
        monitor->loop = command_loop_new(monitor->connection);
        g_printerr("dbus-container: watching %s\n",
                   monitor->only ? monitor->only : "all containers");
        g_main_loop_run(monitor->loop);
        release(monitor);
        return 0;
}

int command_monitor(char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new("[CONTAINER]");
        g_autoptr(GDBusConnection) asking = NULL;
        g_auto(GStrv) arguments = g_strdupv(argv);
        g_auto(BusOptions) options = { 0 };
        g_auto(ServerInfo) info = { 0 };
        g_autoptr(GError) error = NULL;
        g_auto(Monitor) monitor = { 0 };
        int status;

        g_option_context_set_summary(
                context, "Prints the messages that containers, or one of them, send, and those\n"
                         "that reach them, each with what became of it.");
        status = command_parse(context, &options, &arguments);
        if (status != 0)
                return status;
        if (g_strv_length(arguments) > 2)
                return command_usage("monitor takes one CONTAINER, not '%s'", arguments[2]);
        asking = bus_client_connect(&options, &error);
        monitor.connection = asking ? bus_client_connect(&options, &error) : NULL;
        if (!monitor.connection)
                return command_fail("", error);
        if (arguments[1] && !server_info_find(asking, arguments[1], &info, &error))
                return command_fail_about(arguments[1], error);
        monitor.only = g_strdup(info.path);
        monitor.names = name_map_new();
        if (!start_watching(&monitor, &error))
                return command_fail("only root and the user of the bus may watch", error);
        ask_for_deliveries(&monitor, asking);
        /* what came meanwhile waits in the main context, and is newer */
        if (!name_map_load(monitor.names, asking, &error))
                return command_fail("", error);
        return watch(&monitor);
}
