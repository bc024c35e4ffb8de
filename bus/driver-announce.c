/* SPDX-License-Identifier: MIT */
/*
 * Tells who has to know that a name has another owner.
 *
 * The order is that of the reference implementation: the old owner hears NameLost, everybody who
 * asked hears NameOwnerChanged, the new owner hears NameAcquired. A connection that closes loses
 * its well-known names first, last requested first, then its unique one; one that becomes a
 * monitor lives on and loses the unique one first.
 */
#include "bus/driver-announce.h"

#include "bus/driver.h"
#include "bus/router.h"

/* One change, as the filter for contained receivers sees it. */
typedef struct Change {
        Bus *bus;
        WireString name;
        const Connection *old_owner, *new_owner; /* NULL: none */
} Change;

static bool shares_instance(const Connection *receiver, const Connection *owner) {
        return owner && owner->instance == receiver->instance;
}

/* The names of its own instance are known to a connection also when nobody owns them any more. */
static bool may_know(Connection *receiver, void *user) {
        const Change *change = user;

        return !receiver->instance || shares_instance(receiver, change->old_owner) ||
               shares_instance(receiver, change->new_owner) ||
               driver_sees(change->bus, receiver, change->name);
}

static void send_name(Bus *bus, Connection *receiver, const char *member, const char *name) {
        Writer *body = driver_begin_signal(bus);

        writer_add_string(body, name);
        router_send_signal(bus, receiver, member, body);
}

static void broadcast_change(Change *change, const char *name) {
        Writer *body = driver_begin_signal(change->bus);

        writer_add_string(body, name);
        writer_add_string(body, change->old_owner ? change->old_owner->unique : "");
        writer_add_string(body, change->new_owner ? change->new_owner->unique : "");
        router_broadcast_signal(change->bus, DBUS_BUS_NAME, "NameOwnerChanged", body, may_know,
                                change);
}

static void announce(Bus *bus, const char *name, Connection *old_owner, Connection *new_owner) {
        Change change = { .bus = bus,
                          .name = wire_string(name),
                          .old_owner = old_owner,
                          .new_owner = new_owner };

        if (old_owner)
                send_name(bus, old_owner, "NameLost", name);
        broadcast_change(&change, name);
        if (new_owner)
                send_name(bus, new_owner, "NameAcquired", name);
}

void driver_announce(Bus *bus, const NameChange *change) {
        if (change->changed)
                announce(bus, change->name, connection_of_names(change->old_owner),
                         connection_of_names(change->new_owner));
}

void driver_announce_unique(Bus *bus, Connection *connection, bool appeared) {
        announce(bus, connection->unique, appeared ? NULL : connection,
                 appeared ? connection : NULL);
}

static void release_all(Bus *bus, Connection *connection) {
        NameChange change;

        while (names_release_next(&bus->names, &connection->names, &change))
                driver_announce(bus, &change);
}

/* In the order in which the names were requested. */
static void release_all_forwards(Bus *bus, Connection *connection) {
        NameChange change;
        uint32_t answer;

        while (!list_is_empty(&connection->names.claims)) {
                const NameClaim *claim =
                        CONTAINER_OF(connection->names.claims.next, NameClaim, owned);
                char name[PROTOCOL_MAX_NAME + 1]; /* the claim's own goes with it */

                g_strlcpy(name, claim->name->text, sizeof name);
                names_release(&bus->names, &connection->names, wire_string(name), &answer, &change);
                driver_announce(bus, &change);
        }
}

static void remove_matches(Bus *bus, Connection *connection) {
        quota_refund(&connection->quota, QUOTA_MATCHES, connection->matches.n_rules);
        match_index_remove_owner(bus->matches, &connection->matches);
}

void driver_connection_gone(Bus *bus, Connection *connection) {
        if (list_is_linked(&connection->monitor)) {
                match_index_remove_owner(bus->monitor_matches, &connection->matches);
                return;
        }
        remove_matches(bus, connection);
        if (connection->state == CONNECTION_CLOSED) {
                release_all(bus, connection);
                driver_announce_unique(bus, connection, false);
                return;
        }
        driver_announce_unique(bus, connection, false);
        release_all_forwards(bus, connection);
}

void driver_services_changed(Bus *bus) {
        router_broadcast_signal(bus, DBUS_BUS_NAME, "ActivatableServicesChanged", NULL, NULL, NULL);
}
