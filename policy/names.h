/* SPDX-License-Identifier: MIT */
/* The names of one connection as policy looks at them; a plain view that the name registry keeps up to date. */
#pragma once

#include "wire/message.h"

#define NAME_MAX_STARTS 3

typedef struct OwnedName {
        WireString name; /* well-known; borrowed from the registry */
        uint64_t hash;   /* hash_bytes() of it */
        uint64_t starts[NAME_MAX_STARTS]; /* see name_hash_starts() */
        unsigned n_starts;                /* 0: they are not known */
        bool primary;    /* false: it waits in the name's queue */
} OwnedName;

typedef struct NameSet {
        WireString unique;      /* ":1.5"; absent before Hello */
        const OwnedName *names; /* in no order; NULL while empty */
        unsigned n_names;
        /* Changes to a number never used before in this process whenever the set changes: what was decided
         * with another generation must be decided again. */
        uint64_t generation;
} NameSet;

/**
 * name_generation_next() - a number that this process has not used before, never 0
 *
 * For NameSet.generation and every other generation that a remembered verdict is checked against.
 */
uint64_t name_generation_next(void);

/**
 * name_hash_starts() - hash_bytes() of the first element, the first two, the first three of @name
 *
 * What many names are compared with namespaces by, so that it is not found out for each of them
 * with every message: one connection can have tens of thousands.
 *
 * Return: how many there are, fewer than NAME_MAX_STARTS when the name has fewer elements.
 */
unsigned name_hash_starts(WireString name, uint64_t ret_starts[NAME_MAX_STARTS]);
