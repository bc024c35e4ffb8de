/* SPDX-License-Identifier: MIT */
/*
 * A hash table without chains: a key has two places, side by side, the first for what came last. There is nothing to
 * invalidate: when something changes that a verdict depends on, its generation number changes, the key is another
 * one, and the old entry is overwritten some day.
 *
 * Numbers are compared as they are. Text is compared by a 64-bit hash under a secret key, which nobody can
 * aim a second text at.
 */
#include "policy/memory.h"

#include <string.h>

#define N_PLACES 8192 /* power of two; about 1 MiB */

typedef struct Place {
        uint64_t epoch; /* 0: free */
        MemoryKey key;
        PolicyVerdict verdict;
} Place;

static struct {
        Place *places; /* owned; NULL until the first verdict */
        uint64_t epoch;
} memory = { .epoch = 1 };

/* Products that do not wait for each other. Text brings the secret; who finds keys that collide only slows himself. */
static uint64_t hash_key(const MemoryKey *key) {
        uint64_t hash = key->text ^ key->kind * 0x9e3779b97f4a7c15u;

        hash ^= (key->snapshots[0] + key->ids[0]) * 0xc2b2ae3d27d4eb4fu;
        hash ^= (key->snapshots[1] + key->ids[1]) * 0x165667b19e3779f9u;
        hash ^= key->names[0] * 0xff51afd7ed558ccdu;
        hash ^= key->names[1] * 0xd6e8feb86659fd93u;
        return hash ^ (hash >> 32);
}

static Place *first_place(const MemoryKey *key) {
        return &memory.places[hash_key(key) & (N_PLACES - 2)];
}

static bool holds(const Place *place, const MemoryKey *key) {
        return place->epoch == memory.epoch && memcmp(&place->key, key, sizeof *key) == 0;
}

const PolicyVerdict *memory_find(const MemoryKey *key) {
        const Place *place;

        if (!memory.places)
                return NULL;
        place = first_place(key);
        if (holds(place, key))
                return &place[0].verdict;
        return holds(place + 1, key) ? &place[1].verdict : NULL;
}

void memory_put(const MemoryKey *key, const PolicyVerdict *verdict) {
        Place *place;

        if (!memory.places)
                memory.places = g_new0(Place, N_PLACES);
        place = first_place(key);
        place[1] = place[0];
        place[0] = (Place){ .epoch = memory.epoch, .key = *key, .verdict = *verdict };
}

void memory_clear(void) {
        g_clear_pointer(&memory.places, g_free);
        memory.epoch++;
}
