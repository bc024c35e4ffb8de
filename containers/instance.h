/* SPDX-License-Identifier: MIT */
/*
 * One container server: who made it, what was said about it, what its connections may do and hold.
 *
 * The registry owns instances and moves them through their life. A connection of an instance holds
 * a reference until it has given back its last quota, which may be after the server was removed.
 */
#pragma once

#include "base/hash.h"
#include "base/identity.h"
#include "base/log.h"
#include "base/quota.h"
#include "containers/arguments.h"
#include "containers/host.h"
#include "policy/container-policy.h"
#include "policy/denial-history.h"
#include "wire/transport.h"
#include "wire/writer.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define CONTAINERS_PATH_PREFIX "/org/freedesktop/DBus/Containers1/c"

typedef enum InstanceState {
        INSTANCE_WAITING,   /* for ReadyNotify */
        INSTANCE_LISTENING,
        INSTANCE_STOPPED,   /* produces no more connections; lives as long as it has one */
        INSTANCE_REMOVED,   /* its path is invalid; kept for connections that are taken down */
} InstanceState;

struct Instance {
        unsigned n_refs;
        InstanceState state;
        uint64_t number;           /* the N of its path */
        char path[64];
        char *type, *app_id, *instance_id; /* owned */
        Metadata metadata;
        Identity *creator;         /* ref; everything about it is loaded */
        void *manager;             /* borrowed, the connection that made it; NULL once it is gone */
        ContainerPolicy *policy;   /* ref; the same in all its connections */
        Quota quota;               /* parent of the quotas of its connections */
        ServerFlags flags;
        uint32_t max_connections;  /* UINT32_MAX: as configured */
        uint32_t n_connections;    /* accepted and not closed */
        uint32_t n_authenticated;  /* of these, past authentication */
        uid_t *uids;               /* owned; who may connect, ascending */
        size_t n_uids;
        ListNode connections;      /* for the host, which makes it a list in listen_add() */
        LogRate denial_rate;       /* for the host */
        DenialHistory denials;     /* for the host */
        Traffic past_traffic;      /* for the host; of connections that have gone */
        LogRate refusal_rate;      /* for the host; of connections that it did not accept */

        /* for registry.c */
        struct Registry *registry; /* borrowed; NULL: never added, or removed */
        int socket_fd;             /* owned while waiting; -1 otherwise */
        char *socket_path;         /* owned; made by the bus, to be unlinked; NULL: none */
        SocketFile file;           /* made by the manager, to be unlinked */
        int ready_fd, stop_fd;     /* owned; -1: none */
        void *ready_watch, *stop_watch;
        HashNode by_number, by_manager;
        ListNode all;
};

/**
 * instance_new() - an instance that is in no registry and does nothing yet
 * @arguments: moved from: strings, rules, descriptors; to be cleared by the caller as before
 * @creator:   referenced
 *
 * Return: a reference.
 */
Instance *instance_new(uint64_t number, ServerArguments *arguments, Identity *creator,
                       const QuotaLimits *limits);

Instance *instance_ref(Instance *instance);

/**
 * instance_unref() - with the last one frees it; it must have been removed or never added. NULL is
 * fine
 */
void instance_unref(Instance *instance);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Instance, instance_unref)

/** instance_allows_uid() - whether a peer with @uid may connect */
bool instance_allows_uid(const Instance *instance, uid_t uid);

/**
 * instance_is_managed_by() - whether a caller may stop it: the creator's uid, uid 0, or the bus's
 * own
 */
bool instance_is_managed_by(const Instance *instance, uid_t uid, uid_t bus_uid);

/**
 * instance_write_info() - appends creator's credentials, type, app id, instance id, metadata:
 * `a{sv}sssa{sv}`
 */
void instance_write_info(const Instance *instance, Writer *writer);

/** instance_write_rules() - appends all rules in force: `a(usos)` */
void instance_write_rules(const Instance *instance, Writer *writer);

/**
 * instance_write_credentials() - appends to an open `a{sv}` what GetConnectionCredentials says
 * about being contained
 *
 * Containers1.Path, .Type, .AppId, .InstanceId and .CreatorUserID.
 */
void instance_write_credentials(const Instance *instance, Writer *writer);
