/* SPDX-License-Identifier: MIT */
/*
 * One container server of ours on one bus: the connection that manages it and the socket that it
 * accepts on.
 */
#pragma once

#include "tools/bus-client.h"
#include "tools/listen-socket.h"
#include "tools/rule-list.h"

typedef struct Container {
        BusKind bus;
        GDBusConnection *connection; /* owned; NULL: not open */
        ListenSocket socket;
        char *path; /* owned; object path of the server; NULL: not added */
} Container;

#define CONTAINER_INIT { .socket = LISTEN_SOCKET_INIT }

/* How a container is to be. Everything is borrowed. */
typedef struct ContainerSettings {
        const char *type, *app_id, *instance_id;
        const char *const *groups; /* NULL: none */
        int max_connections;       /* 0: as the bus has it */
        bool permissive;
        bool keep_connections;     /* when we go, or end it */
} ContainerSettings;

/**
 * container_open() - connects to @bus and makes the socket, which nobody listens to yet
 * @container: an initialised, empty one
 */
bool container_open(Container *container, const BusOptions *options, BusKind bus, GError **error);

/** container_add() - asks the bus to accept on the socket with these rules */
bool container_add(Container *container, const ContainerSettings *settings, const RuleList *rules,
                   GError **error);

/** container_end() - stops it; what goes wrong is told on standard error */
void container_end(Container *container, const ContainerSettings *settings);

/** container_clear() - removes the socket and closes the connection; fine for an empty one */
void container_clear(Container *container);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Container, container_clear)
