/* SPDX-License-Identifier: MIT */
/*
 * Verdicts that were given before. One table for the process, of a fixed size: what is pushed out is decided anew.
 */
#pragma once

#include "policy/verdict.h"

/* Everything that a verdict depends on. Numbers stand for themselves, text for its keyed hash. */
typedef struct MemoryKey {
        uint64_t text;          /* of path, interface, member, error name, destination */
        uint64_t kind;          /* type, descriptors, states */
        uint64_t snapshots[2];  /* PolicySnapshot.number of sender and receiver; 0: none */
        uint64_t names[2];      /* NameSet.generation */
        uint64_t ids[2];        /* PolicySubject.id, where the verdict is about this one connection */
        uint64_t containers[2]; /* ContainerPolicy.generation; 0: uncontained */
        uint64_t grants[2];     /* generations of opt-ins */
} MemoryKey;

/** memory_find() - what was decided under @key, NULL: nothing, or it has been forgotten; borrowed until the next call */
const PolicyVerdict *memory_find(const MemoryKey *key);

/** memory_put() - notes a verdict; texts in it must live as long as the snapshots of the key */
void memory_put(const MemoryKey *key, const PolicyVerdict *verdict);

/** memory_clear() - forgets all */
void memory_clear(void);
