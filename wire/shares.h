/* SPDX-License-Identifier: MIT */
/*
 * Who fills a queue: what each user, and each connection of a user, has waiting in the queue of one
 * receiver.
 *
 * No sender may take the whole of a receiver's limit from the others. Of what all other users leave
 * of it, one user may have three quarters; of what the user's other connections leave of those, one
 * connection may have half:
 *
 *      |<------------------------------ limit ------------------------------>|
 *      |  other users, the bus   |             left by them                  |
 *                                |      one user's three quarters  |
 *                                | its other connections |   half |
 *
 * So a single sender gets three eighths of an empty queue, and there is always something left for
 * the next one, and for what the bus itself has to say, which is bound by the limit alone. A
 * container counts as a user of its own.
 *
 * There are shares only while a receiver is congested.
 */
#pragma once

#include "base/hash.h"

#include <stdbool.h>
#include <stdint.h>

/* Whose share a message goes to. */
typedef struct ShareAccount {
        uint64_t user;   /* any number that tells users and containers apart */
        uint64_t sender; /* number of the connection, never used again and never UINT64_MAX */
} ShareAccount;

typedef enum ShareKind {
        SHARE_BYTES,
        SHARE_FDS,
        SHARE_KINDS,
} ShareKind;

/* What one sender has in the queue; of_user is that of all senders of its user together. */
typedef struct Share Share;
struct Share {
        HashNode node;
        ShareAccount account; /* sender is UINT64_MAX in that of a user */
        Share *of_user;       /* counted; NULL in that of a user */
        unsigned n_uses;
        uint64_t used[SHARE_KINDS];
};

/**
 * share_get() - what @account has in the queue whose shares are in @table; made if there is none
 *
 * Return: counted; share_put() it.
 */
Share *share_get(HashTable *table, ShareAccount account);

/** share_put() - one use less; the last one frees it, which must be empty then (asserted) */
void share_put(HashTable *table, Share *share);

void share_charge(Share *share, uint64_t n_bytes, uint64_t n_fds);

void share_refund(Share *share, uint64_t n_bytes, uint64_t n_fds);

/**
 * share_has_room() - whether @account may put one more message in the queue
 * @max:  the receiver's limit
 * @used: what all have in the queue together, the bus included
 *
 * Like the limit itself this is asked before a message is added, whatever its size: the last one
 * may go beyond. O(1).
 */
bool share_has_room(const HashTable *table, ShareAccount account, ShareKind kind, uint64_t max,
                    uint64_t used);
