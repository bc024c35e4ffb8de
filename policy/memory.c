/* SPDX-License-Identifier: MIT */
/*
 * A table without chains: a key has two places, side by side, the first for what came last. There
 * is nothing to invalidate: when something changes that a verdict depends on, its generation number
 * changes, the key is another one, and the old entry is overwritten some day.
 *
 * Everything is compared as it is, text included, so that where a key has its places may be found
 * out cheaply, from the numbers and the ends of the texts. Whoever makes up keys that meet in one
 * place has some verdicts decided anew, which is what would happen without a memory.
 */
#include "policy/memory.h"

#include <string.h>

#define N_PLACES 4096 /* power of two; about 2 MiB */

typedef struct Place {
        uint64_t epoch; /* 0: free */
        MemoryFacts facts;
        MemoryPersons persons;
        PolicyVerdict verdict;
        char text[MEMORY_MAX_TEXT]; /* one behind the other */
} Place;

static struct {
        Place *places; /* owned; NULL until the first verdict */
        uint64_t epoch;
} memory = { .epoch = 1 };

/* Products that do not wait for each other. */
static uint64_t mix(const MemoryKey *key) {
        const MemoryFacts *facts = &key->facts;
        uint64_t hash = key->digest ^ facts->kind * 0x9e3779b97f4a7c15u;

        hash ^= facts->snapshots[0] * 0xc2b2ae3d27d4eb4fu;
        hash ^= facts->snapshots[1] * 0x165667b19e3779f9u;
        hash ^= facts->names[0] * 0xff51afd7ed558ccdu;
        hash ^= facts->names[1] * 0xd6e8feb86659fd93u;
        return hash ^ (hash >> 32);
}

static Place *first_place(const MemoryKey *key) {
        return &memory.places[mix(key) & (N_PLACES - 2)];
}

static bool holds_texts(const Place *place, const MemoryKey *key) {
        const char *text = place->text;

        for (unsigned i = 0; i < N_MEMORY_TEXTS; i++) {
                uint32_t length = key->facts.lengths[i];

                if (length <= 1)
                        continue;
                if (memcmp(text, key->texts[i], length - 1) != 0)
                        return false;
                text += length - 1;
        }
        return true;
}

static bool holds(const Place *place, const MemoryKey *key) {
        if (place->epoch != memory.epoch ||
            memcmp(&place->facts, &key->facts, sizeof place->facts) != 0)
                return false;
        if (key->is_personal && memcmp(&place->persons, &key->persons, sizeof place->persons) != 0)
                return false;
        if (key->facts.lengths[MEMORY_FIELDS] > 0)
                return memcmp(place->text, key->texts[MEMORY_FIELDS], key->n_text) == 0;
        return holds_texts(place, key);
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
        char *text;

        if (!memory.places)
                memory.places = g_new0(Place, N_PLACES);
        place = first_place(key);
        place[1] = place[0];
        place->epoch = memory.epoch;
        place->facts = key->facts;
        if (key->is_personal)
                place->persons = key->persons;
        place->verdict = *verdict;
        text = place->text;
        for (unsigned i = 0; i < N_MEMORY_TEXTS; i++) {
                uint32_t length = key->facts.lengths[i];

                if (length > 1)
                        memcpy(text, key->texts[i], length - 1);
                text += length > 1 ? length - 1 : 0;
        }
}

void memory_clear(void) {
        g_clear_pointer(&memory.places, g_free);
        memory.epoch++;
}
