/* SPDX-License-Identifier: MIT */
/*
 * Tells who has to know that a name has another owner.
 *
 * The order is that of the reference implementation: the old owner hears NameLost, everybody who
 * asked hears NameOwnerChanged, who asked for the start of a service is answered, the new owner
 * hears NameAcquired. A connection that closes loses its well-known names first, last requested
 * first, then its unique one; one that becomes a monitor lives on and loses the unique one first.
 */
#include "bus/driver-announce.h"

#include "bus/activation.h"
#include "bus/driver.h"
#include "bus/router.h"
#include "bus/sightings.h"
#include "policy/container-policy.h"

/* One change, as the filters for contained receivers see it. */
typedef struct Change {
        WireString name;
        const Connection *old_owner, *new_owner; /* NULL: none */
        const NameSet *names_before; /* of an old owner that goes, when it was whole; NULL: as is */
        bool is_seen_in_part;        /* a receiver knows only one of the two owners */
} Change;

/* Whether @receiver may know that @owner has, or had, the name. */
static bool sees_owner(const Change *change, Connection *receiver, const Connection *owner) {
        if (!receiver->instance || owner->instance == receiver->instance)
                return true;
        if (change->name.data[0] != ':')
                return container_policy_sees_owned_name(&receiver->subject, change->name,
                                                        &owner->subject);
        PolicySubject seen = owner->subject;
        if (change->names_before)
                seen.names = change->names_before;
        return container_policy_sees(&receiver->subject, &seen) || sightings_has(receiver, owner);
}

static bool sees_old(const Change *change, Connection *receiver) {
        return change->old_owner && sees_owner(change, receiver, change->old_owner);
}

static bool sees_new(const Change *change, Connection *receiver) {
        return change->new_owner && sees_owner(change, receiver, change->new_owner);
}

static bool sees_change(Connection *receiver, void *user) {
        Change *change = user;
        bool old = sees_old(change, receiver), new = sees_new(change, receiver);

        if (old == (change->old_owner != NULL) && new == (change->new_owner != NULL))
                return true;
        change->is_seen_in_part |= old || new;
        return false;
}

/* To these the name comes from, or goes to, nobody. */
static bool sees_only_old(Connection *receiver, void *user) {
        return sees_old(user, receiver) && !sees_new(user, receiver);
}

static bool sees_only_new(Connection *receiver, void *user) {
        return !sees_old(user, receiver) && sees_new(user, receiver);
}

static void send_name(Bus *bus, Connection *receiver, const char *member, const char *name) {
        Writer *body = driver_begin_signal(bus);

        writer_add_string(body, name);
        router_send_signal(bus, receiver, member, body);
}

static void tell(Bus *bus, Change *change, const Connection *old_owner,
                 const Connection *new_owner, RouterFilter filter) {
        Writer *body = driver_begin_signal(bus);

        writer_add_string_n(body, change->name);
        writer_add_string(body, old_owner ? old_owner->unique : "");
        writer_add_string(body, new_owner ? new_owner->unique : "");
        router_broadcast_signal(bus, DBUS_BUS_NAME, "NameOwnerChanged", body, filter, change);
}

static void announce(Bus *bus, Change *change, Connection *old_owner, Connection *new_owner) {
        change->old_owner = old_owner;
        change->new_owner = new_owner;
        if (old_owner)
                send_name(bus, old_owner, "NameLost", change->name.data);
        tell(bus, change, old_owner, new_owner, sees_change);
        if (change->is_seen_in_part) {
                tell(bus, change, old_owner, NULL, sees_only_old);
                tell(bus, change, NULL, new_owner, sees_only_new);
        }
}

void driver_announce(Bus *bus, const NameChange *change) {
        Change seen = { .name = wire_string(change->name) };
        Connection *new_owner;

        if (!change->changed)
                return;
        new_owner = connection_of_names(change->new_owner);
        announce(bus, &seen, connection_of_names(change->old_owner), new_owner);
        if (!new_owner)
                return;
        activation_answer_starts(bus->activation, change->name);
        send_name(bus, new_owner, "NameAcquired", change->name);
}

void driver_announce_unique(Bus *bus, Connection *connection, bool appeared) {
        Change seen = { .name = wire_string(connection->unique) };

        announce(bus, &seen, appeared ? NULL : connection, appeared ? connection : NULL);
        if (appeared)
                send_name(bus, connection, "NameAcquired", connection->unique);
}

/* A copy of the names that are owned, in one piece. */
static NameSet *copy_names(const NameSet *names) {
        size_t n_text = 0;

        for (unsigned i = 0; i < names->n_names; i++)
                n_text += names->names[i].name.length;
        NameSet *copy = g_malloc(sizeof(NameSet) + names->n_names * sizeof(OwnedName) + n_text);
        OwnedName *owned = (OwnedName *)(copy + 1);
        char *text = (char *)(owned + names->n_names);
        *copy = (NameSet){ names->unique, owned, names->n_names, names->generation };
        for (unsigned i = 0; i < names->n_names; i++) {
                owned[i] = names->names[i];
                memcpy(text, owned[i].name.data, owned[i].name.length);
                owned[i].name.data = text;
                text += owned[i].name.length;
        }
        return copy;
}

/* Who knew a connection by one of its names hears that it is gone, though the names go first. */
static void release_all(Bus *bus, Connection *connection) {
        g_autofree NameSet *names_before = copy_names(&connection->names.set);
        Change gone = { .name = wire_string(connection->unique), .names_before = names_before };
        NameChange change;

        while (names_release_next(&bus->names, &connection->names, &change))
                driver_announce(bus, &change);
        announce(bus, &gone, connection, NULL);
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
                return;
        }
        driver_announce_unique(bus, connection, false);
        release_all_forwards(bus, connection);
}

/* A visit to the services that are not what they were. */
typedef struct NewsVisit {
        Bus *bus;
        const NamedGrants *before; /* opt-ins of service files when containers were last told */
        Connection *receiver;
        bool concerned; /* its ListActivatableNames is another one now */
} NewsVisit;

static bool saw(const NewsVisit *visit, WireString name) {
        const NamedGrants *now = container_policy_set_named_grants(visit->before);
        bool sees = driver_sees(visit->bus, visit->receiver, name);

        container_policy_set_named_grants(now);
        return sees;
}

static void visit_news(const ServiceNews *news, void *user) {
        NewsVisit *visit = user;
        WireString name = wire_string(news->name);
        bool before = news->before && saw(visit, name);
        bool now = news->now && driver_sees(visit->bus, visit->receiver, name);

        visit->concerned |= before != now;
}

static bool is_concerned(Connection *receiver, void *user) {
        NewsVisit *visit = user;

        if (!receiver->instance)
                return true;
        visit->receiver = receiver;
        visit->concerned = false;
        activation_foreach_news(visit->bus->activation, visit_news, visit);
        return visit->concerned;
}

void driver_services_changed(Bus *bus, const NamedGrants *before) {
        NewsVisit visit = { .bus = bus, .before = before };

        router_broadcast_signal(bus, DBUS_BUS_NAME, "ActivatableServicesChanged", NULL,
                                is_concerned, &visit);
}
