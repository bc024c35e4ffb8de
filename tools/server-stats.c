/* SPDX-License-Identifier: MIT */
/* A bus may have keys that we do not know, and lack some that we do: those are 0. */
#include "tools/server-stats.h"

#include "tools/bus-client.h"

static GVariant *load(GDBusConnection *connection, const char *path, GError **error) {
        g_autoptr(GVariant) reply =
                bus_client_call_interface(connection, STATS_INTERFACE, "GetContainerStats",
                                          g_variant_new("(o)", path), "(a{sv})", error);

        return reply ? g_variant_get_child_value(reply, 0) : NULL;
}

static guint32 get_u32(GVariant *keys, const char *key) {
        guint32 value = 0;

        (void)g_variant_lookup(keys, key, "u", &value);
        return value;
}

static guint64 get_u64(GVariant *keys, const char *key) {
        guint64 value = 0;

        (void)g_variant_lookup(keys, key, "t", &value);
        return value;
}

bool server_stats_load(GDBusConnection *connection, const char *path, ServerStats *ret_stats,
                       GError **error) {
        g_autoptr(GVariant) keys = load(connection, path, error);

        if (!keys)
                return false;
        *ret_stats = (ServerStats){
                .n_connections = get_u32(keys, "Connections"),
                .n_names = get_u32(keys, "BusNames"),
                .n_matches = get_u32(keys, "MatchRules"),
                .n_pending_replies = get_u32(keys, "PendingReplies"),
                .n_queued_bytes = get_u32(keys, "OutgoingBytes"),
                .n_queued_fds = get_u32(keys, "OutgoingFDs"),
                .n_messages = get_u64(keys, "MessagesReceived") + get_u64(keys, "MessagesSent"),
                .n_bytes = get_u64(keys, "BytesReceived") + get_u64(keys, "BytesSent"),
                .n_denials = get_u64(keys, "Denials"),
        };
        return true;
}

char *server_stats_load_mode(GDBusConnection *connection, const char *path) {
        g_autoptr(GVariant) keys = load(connection, path, NULL);
        char *mode = NULL;

        if (keys)
                (void)g_variant_lookup(keys, "Mode", "s", &mode);
        return mode;
}

GVariant *server_stats_load_denials(GDBusConnection *connection, const char *path) {
        g_autoptr(GVariant) keys = load(connection, path, NULL);

        return keys ? g_variant_lookup_value(keys, "RecentDenials", G_VARIANT_TYPE("a(ssssut)"))
                    : NULL;
}
