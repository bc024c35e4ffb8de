/* SPDX-License-Identifier: MIT */
/*
 * The parts of one running bus, as its modules see each other. Made and freed by bus/context, in
 * one place; everybody else borrows.
 */
#pragma once

#include "base/hash.h"
#include "base/log.h"
#include "base/quota.h"
#include "bus/loop.h"
#include "bus/match-index.h"
#include "bus/names.h"
#include "bus/replies.h"
#include "policy/config.h"
#include "policy/verdict.h"
#include "wire/transport.h"

typedef struct Accounts Accounts;     /* bus/accounts.h */
typedef struct Activation Activation; /* bus/activation.h */
typedef struct Bus Bus;
typedef struct Connection Connection;           /* bus/connection.h */
typedef struct Driver Driver;                   /* bus/driver.h */
typedef struct ContainersState ContainersState; /* bus/containers-host.c */
typedef struct OwnerCheck OwnerCheck; /* bus/owner-check.h */
typedef struct Registry Registry;               /* containers/registry.h */
typedef struct Instance Instance;               /* containers/instance.h */

/* What lower modules of bus/ need done by higher ones; set once by bus/context. */
typedef struct BusHooks {
        /* a message that has come in, valid for this turn */
        void (*message)(Bus *bus, Connection *sender, const Message *message);
        /* a message to org.freedesktop.DBus that the verdict let through; false: it was answered
         * by an error */
        bool (*driver_message)(Bus *bus, Connection *sender, const Message *message);
        /* a registered connection closes or becomes a monitor: takes it out of all registries,
         * announced */
        void (*connection_gone)(Bus *bus, Connection *connection);
        /* a place among the connections before Hello is free again */
        void (*place_free)(Bus *bus);
        /* whether a name that nobody owns can be started, and with which LSM label (NULL: not known) */
        bool (*can_activate)(Bus *bus, WireString name, const char **ret_assumed_label);
        /* before it is decided on what service files say: they are read again if they have changed,
         * and what they say to containers is in force */
        void (*refresh_services)(Bus *bus);
        /* a message to such a name, which the verdict let through: parks it until it has an owner
         */
        void (*activate)(Bus *bus, Connection *sender, const Message *message);
        /* a denial or limit to be recorded (log, Denied signal) */
        void (*denied)(Bus *bus, const PolicyQuery *query, const PolicyVerdict *verdict);
        /* a peer may not connect, to the socket of @instance unless that is NULL: to be recorded */
        void (*connect_denied)(Bus *bus, Identity *identity, Instance *instance,
                               const PolicyVerdict *verdict);
        /* the ReloadConfig @call: the configuration is to be read again; @caller is answered, and
         * goes on, when that is done */
        void (*reload)(Bus *bus, Connection *caller, const MessageView *call);
        /* a broadcast that is watched (delivery_watchers) has reached a contained receiver */
        void (*delivered)(Bus *bus, const Connection *sender, const Connection *receiver,
                          const Message *message);
        /* a contained observer asks for a name: whether it may know it (true when uncontained) */
        bool (*sees_name)(Bus *bus, Connection *observer, WireString name);
} BusHooks;

struct Bus {
        Loop *loop;         /* owned */
        Config *config;     /* ref; in force */
        Policy *policy;     /* ref; of config */
        QuotaLimits limits; /* of one connection; rewritten by a reload */
        BusHooks hooks;
        InputArena arena;

        uint64_t last_id;      /* number of the newest connection */
        HashTable connections; /* Connection.by_id: all that have said Hello, monitors included */
        ListNode all;          /* Connection.all: every open connection */
        ListNode touched;      /* Connection.touched: have output of this turn */
        ListNode busy;         /* Connection.busy: there is more to read than one turn may */
        ListNode paused;    /* Connection.busy: not read until what they have sent is delivered */
        LoopWork busy_work; /* reads on in the busy ones */
        ListNode gone;      /* Connection.all: closed, to be freed at the end of the turn */
        ListNode monitors;  /* Connection.monitor */
        ListNode delivery_watchers; /* Connection.deliveries */
        struct Trip *uncaptured; /* borrowed; bus/router: what they get with the next message */
        unsigned n_completed, n_incomplete; /* connections after and before Hello */
        ListNode acceptors;                 /* Acceptor.all, bus/acceptor.c */
        bool accepting_stopped;             /* too many before Hello, or no descriptors left */
        LoopTimer accept_timer;
        LogRate expiry_rate;         /* of records of auth_timeout and pending_fd_timeout */
        LogRate connect_denial_rate; /* of those who come over no container's socket */
        HashTable users;             /* connections per uid, bus/connection.c */

        Names names;
        MatchIndex *matches;         /* owned; rules of clients */
        MatchIndex *monitor_matches; /* owned; rules of monitors */
        Replies replies;
        LoopTimer replies_timer;
        HashTable sightings; /* bus/sightings */

        MessageStamp stamp;   /* of the bus itself */
        uint32_t last_serial; /* of messages that the bus sends */
        char guid[33];        /* of the bus, GetId */
        uid_t uid;            /* that the bus runs as: privileged, like 0 */

        Accounts *accounts;               /* owned; who waits to be known; NULL: nobody has to */
        Driver *driver;                   /* owned; made by driver_init() */
        Activation *activation;           /* owned */
        OwnerCheck *owner_check;          /* owned; <service_owner_check/> */
        Registry *registry;               /* owned; of container servers */
        ContainersState *containers;      /* owned; what serves the registry */
        char *address;                    /* owned; all listening addresses, ';' between them */
        GHashTable *environment;          /* owned; name to value, for children
                                             (UpdateActivationEnvironment); NULL values unset */
        bool environment_untold;          /* systemd was not there to hear of its changes */
        unsigned long n_peak_connections; /* for GetStats */
};

/** bus_next_serial() - for a message of the bus itself; never 0 */
static inline uint32_t bus_next_serial(Bus *bus) {
        if (++bus->last_serial == 0)
                bus->last_serial = 1;
        return bus->last_serial;
}
