/* SPDX-License-Identifier: MIT */
/*
 * One client: its socket, what it has proved, and the ends of its entries in the registries of the
 * bus.
 */
#pragma once

#include "base/log.h"
#include "bus/accounts.h"
#include "bus/bus.h"
#include "wire/sasl.h"

typedef enum ConnectionState {
        CONNECTION_AUTHENTICATING,
        CONNECTION_AUTHENTICATED, /* no Hello yet: has no name */
        CONNECTION_ACTIVE,
        CONNECTION_MONITOR, /* BecomeMonitor: receives everything, may send nothing */
        CONNECTION_CLOSED,  /* waits to be freed at the end of the turn */
} ConnectionState;

typedef struct ConnectionUser ConnectionUser; /* shared by the connections of one uid */

struct Connection {
        Bus *bus;    /* borrowed */
        uint64_t id; /* one more than the number in the unique name; 0 before Hello */
        ConnectionState state;
        StampForm asked_form; /* fields that it asked for: RequestHeader, RequestSenderFacts */
        StampForm form;                 /* that it gets; see connection_update_form() */
        uint32_t last_bus_serial;       /* of what the bus sends to a contained one */
        bool is_held;                   /* nothing is read from it until connection_release() */
        bool peer_hung_up;              /* read until the end: no event will come for it again */
        Transport transport;
        LoopSource source;
        ListNode all, touched, busy, monitor; /* in the lists of Bus */
        HashNode by_id;
        char unique[24]; /* ":1.5"; empty before Hello */

        Identity *identity;    /* ref; its uid is IDENTITY_NO_UID for an anonymous one */
        Sasl *sasl;            /* owned; NULL once authenticated */
        AccountsPeer accounts; /* it may have to be found out who it is */
        LoopTimer auth_timer;  /* auth_timeout, then pending_fd_timeout */
        ConnectionUser *user;  /* counted; NULL: before Hello */
        Quota quota;
        NameOwner names;
        MatchOwner matches;
        ReplyPeer replies;
        PolicySubject subject;
        MessageStamp stamp;
        Instance *instance;     /* ref; NULL: uncontained */
        ListNode of_instance;   /* in instance->connections */
        ListNode sees, seen_by; /* bus/sightings */
        ListNode deliveries;    /* in Bus.delivery_watchers */
        LogRate denial_rate;
        struct OwnerRequest *owner_request; /* owned by bus/owner-check; NULL: it waits for none */
        void *activation_data; /* owned by bus/activation: pending activations that it waits for */
};

/** connection_accept() - takes over an accepted socket and who is at its other end; @instance NULL:
 * uncontained
 *
 * Return: the connection, owned by the bus; NULL when it was refused and closed.
 */
Connection *connection_accept(Bus *bus, int fd, Identity *identity, Instance *instance);

/**
 * connection_register() - Hello: gives it a unique name and makes it addressable
 *
 * Return: false when max_completed_connections or max_connections_per_user is reached
 * (LimitsExceeded).
 */
bool connection_register(Connection *connection);

/**
 * connection_close() - nothing is read or sent any more; names, matches and replies go when the
 * turn ends
 *
 * May be called at any time, also while the connection is being read; again does nothing.
 */
void connection_close(Connection *connection);

/** connection_is_active() - registered, and not closed: messages may be sent to it */
static inline bool connection_is_active(const Connection *connection) {
        return connection->state == CONNECTION_ACTIVE;
}

static inline bool connection_is_monitor(const Connection *connection) {
        return connection->state == CONNECTION_MONITOR;
}

/** connection_is_contained() - accepted on the socket of a container server */
static inline bool connection_is_contained(const Connection *connection) {
        return connection->instance != NULL;
}

/** connection_is_privileged() - uid 0 or the bus's own uid, and not contained */
bool connection_is_privileged(const Connection *connection);

/** connection_can_receive_fds() - descriptor passing was agreed on */
static inline bool connection_can_receive_fds(const Connection *connection) {
        return connection->transport.reads_fds;
}

/** connection_find() - the connection of a unique or well-known name (its primary owner), NULL if
 * none. O(1) */
Connection *connection_find(const Bus *bus, WireString name);

/** connection_find_by_id() - by its id. O(1) */
Connection *connection_find_by_id(const Bus *bus, uint64_t id);

static inline Connection *connection_of_names(NameOwner *owner) {
        return owner ? CONTAINER_OF(owner, Connection, names) : NULL;
}

/**
 * connection_send() - appends a message to the output of an open connection; the router's last
 * step, nobody else's
 *
 * Return: false when limits do not let it wait.
 */
bool connection_send(Connection *connection, const Message *message, const MessageStamp *stamp,
                     StampForm form, Transport *sender);

/**
 * connection_end_turn() - sends all output of this turn, frees what was closed, resumes what was
 * paused
 *
 * For loop_set_turn_end(). Afterwards nothing refers to the input of this turn.
 */
void connection_end_turn(Bus *bus);

/** connection_refresh_policy() - takes a new snapshot after the policy or what it depends on has
 * changed */
void connection_refresh_policy(Connection *connection);

/** connection_become_monitor() - gives up names, matches and pending replies (announced); from now
 * on it only receives */
void connection_become_monitor(Connection *connection);

/** connection_update_form() - which fields it gets, as asked for, configured, and for monitors */
void connection_update_form(Connection *connection);

/** connection_hold() - what it sends from now on is handled after connection_release(), in order */
void connection_hold(Connection *connection);
void connection_release(Connection *connection);

/** connection_set_limits() - takes over message limits of the configuration, at the start and after
 * a reload */
void connection_set_limits(Connection *connection);

/** connection_count_of_uid() - registered connections of @uid */
unsigned connection_count_of_uid(const Bus *bus, uid_t uid);
