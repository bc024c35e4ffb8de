/* SPDX-License-Identifier: MIT */
/*
 * A pair of the command line as a container server of the bus.
 */
#pragma once

#include "tools/proxy-arguments.h"
#include "tools/proxy-identity.h"

#include <gio/gio.h>

typedef struct ProxyServer {
        const ProxyPair *pair;         /* borrowed */
        const ProxyIdentity *identity; /* borrowed */
        int listen_fd;                 /* borrowed; listens at the pair's path */
        int stop_fd;                   /* borrowed; its hang-up ends the server */
        bool unlink;                   /* the bus shall unlink the path then */
        GDBusConnection *connection;   /* owned; set by proxy_server_open() */
        char *object_path;             /* owned; set by proxy_server_add() */
} ProxyServer;

/** proxy_server_open() - connects to the bus; false where there is none */
bool proxy_server_open(ProxyServer *server);

/** proxy_server_can_unlink() - whether the bus will unlink the path if it is asked to */
bool proxy_server_can_unlink(const ProxyServer *server);

/**
 * proxy_server_add() - has the bus accept the app's connections; only after proxy_server_open()
 *
 * The server outlives @server and its connection.
 *
 * Return: false with @error; proxy_server_is_refusal() tells what kind it is.
 */
bool proxy_server_add(ProxyServer *server, GError **error);

/**
 * proxy_server_is_refusal() - whether a bus that has the interface refused, which is worth telling;
 * other buses are what the real proxy is for
 */
bool proxy_server_is_refusal(const GError *error);

/** proxy_server_clear() - closes and frees what the others made */
void proxy_server_clear(ProxyServer *server);
