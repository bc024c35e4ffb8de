/* SPDX-License-Identifier: MIT */
/*
 * One small node per pair, in a hash table of the bus for the question and in a list of each of the
 * two for the end:
 *
 *      Bus.sightings:  hash(observer, seen) -> Sighting
 *      observer->sees:    list of Sighting
 *      seen->seen_by:     list of Sighting
 *
 * A sender can make at most one node per contained connection, and only by a message that was
 * delivered.
 */
#include "bus/sightings.h"

typedef struct Sighting {
        HashNode node;    /* in Bus.sightings */
        ListNode sees;    /* in observer->sees */
        ListNode seen_by; /* in seen->seen_by */
        const Connection *observer, *seen;
} Sighting;

static uint64_t pair_hash(const Connection *observer, const Connection *seen) {
        return hash_combine(hash_u64(observer->id), hash_u64(seen->id));
}

static Sighting *find(const Connection *observer, const Connection *seen) {
        HASH_TABLE_FOREACH_MATCH(node, &observer->bus->sightings, pair_hash(observer, seen)) {
                Sighting *sighting = CONTAINER_OF(node, Sighting, node);

                if (sighting->observer == observer && sighting->seen == seen)
                        return sighting;
        }
        return NULL;
}

void sightings_add(Connection *observer, Connection *seen) {
        if (find(observer, seen))
                return;
        Sighting *sighting = g_new0(Sighting, 1);
        sighting->observer = observer;
        sighting->seen = seen;
        hash_table_add(&observer->bus->sightings, &sighting->node, pair_hash(observer, seen));
        list_append(&observer->sees, &sighting->sees);
        list_append(&seen->seen_by, &sighting->seen_by);
}

bool sightings_has(const Connection *observer, const Connection *seen) {
        return find(observer, seen) != NULL;
}

static void drop(Connection *connection, Sighting *sighting) {
        hash_table_remove(&connection->bus->sightings, &sighting->node);
        list_remove(&sighting->sees);
        list_remove(&sighting->seen_by);
        g_free(sighting);
}

void sightings_forget(Connection *connection) {
        while (!list_is_empty(&connection->sees))
                drop(connection, CONTAINER_OF(connection->sees.next, Sighting, sees));
        while (!list_is_empty(&connection->seen_by))
                drop(connection, CONTAINER_OF(connection->seen_by.next, Sighting, seen_by));
}
