/* SPDX-License-Identifier: MIT */
/*
 * What --log prints: the messages of a container server's connections, as xdg-dbus-proxy words them.
 */
#pragma once

#include <gio/gio.h>

typedef struct ProxyLog ProxyLog;

/**
 * proxy_log_new() - prints from now on, to standard output
 * @connection:  the one that added the server; ref
 * @address:     of the bus, for a second connection
 * @object_path: of the server
 *
 * Where the bus lets us be a monitor, every message is printed, else only the denied ones. Needs a
 * running main loop.
 */
ProxyLog *proxy_log_new(GDBusConnection *connection, const char *address, const char *object_path);

/** proxy_log_free() - prints no more */
void proxy_log_free(ProxyLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProxyLog, proxy_log_free)
