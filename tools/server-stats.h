/* SPDX-License-Identifier: MIT */
/*
 * The bus's figures of a container server.
 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

typedef struct ServerStats {
        guint32 n_connections, n_names, n_matches, n_pending_replies, n_queued_bytes, n_queued_fds;
        guint64 n_messages, n_bytes; /* to it and from it */
        guint64 n_denials;
} ServerStats;

/** server_stats_load() - asks about the server at @path */
bool server_stats_load(GDBusConnection *connection, const char *path, ServerStats *ret_stats,
                       GError **error);

/**
 * server_stats_load_mode() - "restricted", "permissive" or "unrestricted"
 *
 * Return: newly allocated; NULL where the bus does not tell.
 */
char *server_stats_load_mode(GDBusConnection *connection, const char *path);

/**
 * server_stats_load_denials() - its last denials, a(ssssut), the newest first
 *
 * Return: caller owns it; NULL where the bus does not tell.
 */
GVariant *server_stats_load_denials(GDBusConnection *connection, const char *path);
