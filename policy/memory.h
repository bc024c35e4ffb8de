/* SPDX-License-Identifier: MIT */
/*
 * Verdicts that were given before. One table for the process, of a fixed size: what is pushed out
 * is decided anew.
 */
#pragma once

#include "policy/verdict.h"

#include <string.h>

typedef enum MemoryText {
        MEMORY_MEMBER,
        MEMORY_PATH,
        MEMORY_INTERFACE,
        MEMORY_ERROR,
        MEMORY_DESTINATION,
        MEMORY_FIELDS, /* all of them, as the message has them; instead of the others */
        N_MEMORY_TEXTS,
} MemoryText;

/* Bytes of all texts of one key; about more nothing is remembered. */
#define MEMORY_MAX_TEXT 320

/* What a verdict depends on, but for the texts. Without holes: it is compared as a whole. */
typedef struct MemoryFacts {
        uint64_t kind;         /* type, descriptors, states */
        uint64_t snapshots[2]; /* PolicySnapshot.number of sender and receiver; 0: none */
        uint64_t names[2];     /* NameSet.generation */
        uint16_t lengths[8];   /* of each text, one more than it has; 0: absent; the rest is 0 */
} MemoryFacts;

/* The same of verdicts about these very connections. */
typedef struct MemoryPersons {
        uint64_t ids[2];        /* PolicySubject.id */
        uint64_t containers[2]; /* ContainerPolicy.generation; 0: uncontained */
        uint64_t grants[2];     /* generations of opt-ins */
} MemoryPersons;

typedef struct MemoryKey {
        MemoryFacts facts;
        MemoryPersons persons; /* only if... */
        bool is_personal;      /* ...this is set, which facts.kind says, too */
        uint32_t n_text;
        uint64_t digest;                   /* of the texts; need not be good */
        const char *texts[N_MEMORY_TEXTS]; /* borrowed; undefined where the length is 0 */
} MemoryKey;

/** memory_key_add() - @text belongs to the key. Return: false when it is too much */
static inline bool memory_key_add(MemoryKey *key, MemoryText which, WireString text) {
        if (!text.data)
                return true;
        if (text.length > MEMORY_MAX_TEXT - key->n_text)
                return false;
        key->facts.lengths[which] = (uint16_t)(text.length + 1);
        key->texts[which] = text.data;
        key->n_text += text.length;
        return true;
}

/** memory_digest() - of the end of a text: that is where names differ */
static inline uint64_t memory_digest(WireString text, uint64_t factor) {
        uint64_t end = text.length;

        if (text.length >= 8)
                memcpy(&end, text.data + text.length - 8, 8);
        else if (text.length >= 4)
                memcpy(&end, text.data + text.length - 4, 4);
        return end * factor;
}

/**
 * memory_find() - what was decided under @key, NULL: nothing, or it has been forgotten; borrowed
 * until the next call
 */
const PolicyVerdict *memory_find(const MemoryKey *key);

/**
 * memory_put() - notes a verdict; what it borrows must live as long as the snapshots of the key
 */
void memory_put(const MemoryKey *key, const PolicyVerdict *verdict);

/** memory_clear() - forgets all */
void memory_clear(void);
