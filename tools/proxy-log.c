/* SPDX-License-Identifier: MIT */
/*
 * A monitor gets every message of the bus, with the container of its sender in header field 10. Those
 * from our server are the app's; the names of their senders tell which are for the app. The signal
 * Denied follows the message that it is about.
 *
 * The filter of a GDBus connection runs in that connection's own thread, and it takes every message
 * away: GDBus would answer calls that we only overhear, and the bus hang up on us. It is there before
 * we are a monitor, and lets through what is for us.
 */
#include "tools/proxy-log.h"

#include "tools/bus-client.h"

#include <stdbool.h>

#define HEADER_CONTAINER ((GDBusMessageHeaderField)10)

struct ProxyLog {
        GDBusConnection *connection; /* ref */
        GDBusConnection *monitor;    /* owned; NULL: we may not be one */
        char *object_path;           /* owned */
        GHashTable *names; /* owned; unique names of the app, used by the monitor's thread */
        guint subscription;          /* without a monitor; 0: none */
        guint filter;
};

static const char *or_empty(const char *text) {
        return text ? text : "";
}

static char *member_text(GDBusMessage *message, const char *what) {
        return g_strdup_printf("%s %s.%s at %s", what,
                               or_empty(g_dbus_message_get_interface(message)),
                               or_empty(g_dbus_message_get_member(message)),
                               or_empty(g_dbus_message_get_path(message)));
}

/* @other_side: of the message that a reply is for */
static char *message_text(GDBusMessage *message, char other_side) {
        switch (g_dbus_message_get_message_type(message)) {
        case G_DBUS_MESSAGE_TYPE_METHOD_CALL:
                return member_text(message, "call");
        case G_DBUS_MESSAGE_TYPE_SIGNAL:
                return member_text(message, "signal");
        case G_DBUS_MESSAGE_TYPE_METHOD_RETURN:
                return g_strdup_printf("return from %c%u", other_side,
                                       g_dbus_message_get_reply_serial(message));
        case G_DBUS_MESSAGE_TYPE_ERROR:
                return g_strdup_printf("return error %s from %c%u",
                                       or_empty(g_dbus_message_get_error_name(message)),
                                       other_side, g_dbus_message_get_reply_serial(message));
        case G_DBUS_MESSAGE_TYPE_INVALID:
                break;
        }
        return g_strdup("unknown message");
}

/* One piece, for the app may write to the same place. @side: of the sender */
static void print_message(GDBusMessage *message, char side, const char *arrow, const char *peer) {
        g_autofree char *text = message_text(message, side == 'C' ? 'B' : 'C');

        g_print("%c%u: %s %s %s\n", side, g_dbus_message_get_serial(message), arrow, peer, text);
}

static bool is_from_app(ProxyLog *log, GDBusMessage *message) {
        GVariant *container = g_dbus_message_get_header(message, HEADER_CONTAINER);

        return container && g_variant_is_of_type(container, G_VARIANT_TYPE_OBJECT_PATH) &&
               g_str_equal(g_variant_get_string(container, NULL), log->object_path);
}

static void print_outgoing(ProxyLog *log, GDBusMessage *message) {
        bool is_signal =
                g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_SIGNAL;
        const char *sender = g_dbus_message_get_sender(message);
        const char *peer = g_dbus_message_get_destination(message);

        if (sender)
                g_hash_table_add(log->names, g_strdup(sender));
        if (!peer)
                peer = is_signal ? "all" : "(no dest)";
        print_message(message, 'C', "->", peer);
}

static bool is_denial(GDBusMessage *message) {
        return g_strcmp0(g_dbus_message_get_sender(message), BUS_NAME) == 0 &&
               g_strcmp0(g_dbus_message_get_interface(message), CONTAINERS_INTERFACE) == 0 &&
               g_strcmp0(g_dbus_message_get_member(message), "Denied") == 0;
}

/* The details of a denial of our server, caller owns them; NULL: it is another one's */
static GVariant *denial_details(ProxyLog *log, GVariant *body) {
        const char *object_path;
        GVariant *details;

        if (!body || !g_variant_is_of_type(body, G_VARIANT_TYPE("(oa{sv})")))
                return NULL;
        g_variant_get(body, "(&o@a{sv})", &object_path, &details);
        if (g_str_equal(object_path, log->object_path))
                return details;
        g_variant_unref(details);
        return NULL;
}

static const char *detail(GVariant *details, const char *key) {
        const char *value = "";

        (void)g_variant_lookup(details, key, "&s", &value);
        return value;
}

static void print_denial(GVariant *details) {
        g_print("*DENIED* (%s: %s)\n", detail(details, "Layer"), detail(details, "Rule"));
}

static GDBusMessage *on_monitored(GDBusConnection *monitor, GDBusMessage *message,
                                  gboolean incoming, gpointer user_data) {
        ProxyLog *log = user_data;
        const char *destination = g_dbus_message_get_destination(message);

        if (!incoming ||
            g_strcmp0(destination, g_dbus_connection_get_unique_name(monitor)) == 0)
                return message;
        if (is_denial(message)) {
                g_autoptr(GVariant) details =
                        denial_details(log, g_dbus_message_get_body(message));

                if (details)
                        print_denial(details);
        } else if (is_from_app(log, message)) {
                print_outgoing(log, message);
        } else if (destination && g_hash_table_contains(log->names, destination)) {
                print_message(message, 'B', "<-",
                              or_empty(g_dbus_message_get_sender(message)));
        }
        g_object_unref(message);
        return NULL;
}

/* Whether the bus made us a monitor: from then on it sends us what is not for us. */
static bool become_monitor(ProxyLog *log, const char *address) {
        BusOptions bus = { .address = (char *)address };
        g_autoptr(GVariant) reply = NULL;

        log->monitor = bus_client_connect(&bus, NULL);
        if (!log->monitor)
                return false;

        log->filter = g_dbus_connection_add_filter(log->monitor, on_monitored, log, NULL);
        reply = bus_client_call_interface(log->monitor, "org.freedesktop.DBus.Monitoring",
                                          "BecomeMonitor", g_variant_new("(asu)", NULL, 0), "()",
                                          NULL);
        return reply != NULL;
}

static void close_monitor(ProxyLog *log) {
        if (!log->monitor)
                return;
        g_dbus_connection_remove_filter(log->monitor, log->filter);
        (void)g_dbus_connection_close_sync(log->monitor, NULL, NULL);
        g_clear_object(&log->monitor);
}

static void on_denied(GDBusConnection *connection G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                      const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                      const char *member G_GNUC_UNUSED, GVariant *body, gpointer user_data) {
        ProxyLog *log = user_data;
        g_autoptr(GVariant) details = denial_details(log, body);

        if (!details)
                return;
        g_print("C?: -> %s %s %s.%s at %s\n", detail(details, "Receiver"),
                detail(details, "MessageType"), detail(details, "Interface"),
                detail(details, "Member"), detail(details, "Path"));
        print_denial(details);
}

ProxyLog *proxy_log_new(GDBusConnection *connection, const char *address,
                        const char *object_path) {
        ProxyLog *log = g_new0(ProxyLog, 1);

        log->connection = g_object_ref(connection);
        log->object_path = g_strdup(object_path);
        log->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        if (become_monitor(log, address))
                return log;

        close_monitor(log);
        log->subscription = g_dbus_connection_signal_subscribe(
                connection, BUS_NAME, CONTAINERS_INTERFACE, "Denied", NULL, NULL,
                G_DBUS_SIGNAL_FLAGS_NONE, on_denied, log, NULL);
        return log;
}

void proxy_log_free(ProxyLog *log) {
        if (!log)
                return;
        if (log->subscription)
                g_dbus_connection_signal_unsubscribe(log->connection, log->subscription);
        close_monitor(log);
        g_clear_object(&log->connection);
        g_hash_table_unref(log->names);
        g_free(log->object_path);
        g_free(log);
}
