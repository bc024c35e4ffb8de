/* SPDX-License-Identifier: MIT */
/*
 * What AddServer was asked for: reads the arguments of the call and checks all that can be checked
 * by looking.
 */
#pragma once

#include "base/fdset.h"
#include "base/identity.h"
#include "containers/listen-socket.h"
#include "containers/metadata.h"
#include "policy/config.h"
#include "policy/container-rules.h"
#include "wire/method.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum ServerFlags {
        SERVER_STOP_ON_DISCONNECT = 1 << 0,
        SERVER_DISCONNECT_ON_STOP = 1 << 1,
        SERVER_PERMISSIVE = 1 << 2,
        SERVER_UNRESTRICTED = 1 << 3, /* no Allow, and the configuration leaves it to the others */
        SERVER_UNLINK_SOCKET = 1 << 4,
} ServerFlags;

typedef struct ServerArguments {
        char *type, *app_id, *instance_id; /* owned */
        Metadata metadata;
        ServerFlags flags;
        GPtrArray *rules; /* of ContainerRule *, owned; those of Allow, then those of Groups */
        int listen_fd;            /* owned; -1: the bus shall make the socket */
        SocketFile file;          /* of listen_fd, with SERVER_UNLINK_SOCKET */
        int ready_fd, stop_fd;    /* owned; -1: none */
        uid_t *uids;              /* owned; ascending, never empty */
        size_t n_uids;
        uint32_t max_connections; /* UINT32_MAX: as configured */
} ServerArguments;

/* What arguments are judged by. */
typedef struct ArgumentsContext {
        const Config *config;
        uid_t bus_uid;
        const char *exceeded;     /* set when a <limit> was in the way: its name, */
        uint64_t exceeded_value;  /* and its value */
} ArgumentsContext;

/**
 * arguments_parse() - reads the `sssa{sv}a{sv}` of AddServer
 * @call:          fails with InvalidArgs, AccessDenied or LimitsExceeded, with a text that names
 *                 the argument
 * @ret_arguments: set on success; the caller clears it
 *
 * Descriptors are duplicates. Whether a notify descriptor can be polled is found out when it is.
 */
bool arguments_parse(MethodCall *call, ArgumentsContext *context, ServerArguments *ret_arguments);

/** arguments_clear() - frees everything and closes descriptors that nobody took */
void arguments_clear(ServerArguments *arguments);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ServerArguments, arguments_clear)

/**
 * arguments_read_rules() - reads an `a(usos)`, each a checked rule
 * @room:      what is read is taken from it; more fails with LimitsExceeded, before it is stored
 * @rules:     they are appended; array of ContainerRule * with a free function
 * @what:      name of the argument for error texts
 */
bool arguments_read_rules(MethodCall *call, Reader *reader, ArgumentsContext *context,
                          RuleRoom *room, const char *what, GPtrArray *rules);

/** arguments_get_supported() - names of all named arguments, NULL-terminated */
const char *const *arguments_get_supported(void);
