/* SPDX-License-Identifier: MIT */
/*
 * The last different denials of one container server, with counts: for a person who looks after
 * it has happened.
 */
#pragma once

#include "policy/denial.h"

/* Different ones that are kept. */
#define DENIAL_HISTORY_SIZE 32

/* Longest rule that is kept, in bytes; a denial with a longer one is only counted. */
#define DENIAL_HISTORY_MAX_RULE 512

typedef struct PastDenial {
        PolicyLayer layer;
        const char *message_type; /* constant */
        char *rule, *file;        /* owned; never NULL */
        unsigned line;            /* of file; 0 without one */
        uint64_t count;
} PastDenial;

/* Embedded; zeroed it is a valid empty one. */
typedef struct DenialHistory {
        PastDenial *past; /* owned array, the newest first; NULL while there is none */
        unsigned n_past;
        uint64_t n_denials; /* all that there ever were */
} DenialHistory;

/** denial_history_clear() - frees what is kept */
void denial_history_clear(DenialHistory *history);

/** denial_history_add() - counts one more; O(DENIAL_HISTORY_SIZE) */
void denial_history_add(DenialHistory *history, const Denial *denial);

/**
 * denial_history_write() - appends `a(ssssut)`: layer, message type, rule, its file and line,
 * count; the newest first
 */
void denial_history_write(const DenialHistory *history, Writer *writer);
