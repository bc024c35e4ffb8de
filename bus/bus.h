/* SPDX-License-Identifier: MIT */
/*
 * The parts of one running bus, as its modules see each other. Made and freed by bus/context, in one place;
 * everybody else borrows.
 */
#pragma once

#include "base/hash.h"
#include "base/quota.h"
#include "bus/loop.h"
#include "bus/match-index.h"
#include "bus/names.h"
#include "bus/replies.h"
#include "policy/config.h"
#include "policy/verdict.h"
#include "wire/transport.h"

typedef struct Activation Activation; /* bus/activation.h */
typedef struct Bus Bus;
typedef struct Connection Connection; /* bus/connection.h */
typedef struct Containers Containers; /* the state of containers/, kept by bus/containers-host */

/* What lower modules of bus/ need done by higher ones; set once by bus/context. */
typedef struct BusHooks {
        /* a message to org.freedesktop.DBus that the verdict let through */
        void (*driver_message)(Bus *bus, Connection *sender, const Message *message);
        /* a connection is about to be freed: release its names (announced), and what else belongs to it */
        void (*connection_gone)(Bus *bus, Connection *connection);
        /* a message to a name that nobody owns and that may be started; true: the hook has dealt with it */
        bool (*activate)(Bus *bus, Connection *sender, const Message *message);
        /* a denial or limit to be recorded (log, Denied signal) */
        void (*denied)(Bus *bus, const PolicyQuery *query, const PolicyVerdict *verdict);
        /* a contained observer asks for a name: whether it may know it (true when uncontained) */
        bool (*sees_name)(Bus *bus, Connection *observer, WireString name);
} BusHooks;

struct Bus {
        Loop *loop;                /* owned */
        Config *config;            /* ref; in force */
        Policy *policy;            /* ref; of config */
        QuotaLimits limits;        /* of one connection; rewritten by a reload */
        BusHooks hooks;
        InputArena arena;

        uint64_t last_id;          /* number of the newest connection */
        HashTable connections;     /* Connection.by_id: all that have said Hello, monitors included */
        ListNode all;              /* Connection.all: every open connection */
        ListNode touched;          /* Connection.touched: have output of this turn */
        ListNode busy;             /* Connection.busy: there is more to read than one turn may */
        ListNode gone;             /* Connection.all: closed, to be freed at the end of the turn */
        ListNode monitors;         /* Connection.monitor */
        unsigned n_completed, n_incomplete; /* connections after and before authentication */
        HashTable users;           /* connections per uid, bus/connection.c */

        Names names;
        MatchIndex *matches;       /* owned; rules for broadcasts: all of them */
        MatchIndex *eavesdroppers; /* owned; those with eavesdrop='true' once more, for unicast messages */
        MatchIndex *monitor_matches; /* owned; rules of monitors */
        Replies replies;
        LoopTimer replies_timer;

        MessageStamp stamp;        /* of the bus itself */
        uint32_t last_serial;      /* of messages that the bus sends */
        char guid[33];             /* of the bus, GetId */
        uid_t uid;                 /* that the bus runs as: privileged, like 0 */

        Activation *activation;    /* owned */
        Containers *containers;    /* owned */
        char *address;             /* owned; all listening addresses, ';' between them */
        GHashTable *environment;   /* owned; name to value, for children (UpdateActivationEnvironment); NULL values unset */
        unsigned long n_peak_connections, n_peak_names; /* for GetStats */
};

/** bus_next_serial() - for a message of the bus itself; never 0 */
static inline uint32_t bus_next_serial(Bus *bus) {
        if (++bus->last_serial == 0)
                bus->last_serial = 1;
        return bus->last_serial;
}
