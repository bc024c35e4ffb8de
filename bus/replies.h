/* SPDX-License-Identifier: MIT */
/*
 * Which calls may still be answered. A call reserves a slot, its return or error consumes it;
 * nobody can send a return that was not asked for.
 */
#pragma once

#include "base/hash.h"
#include "base/quota.h"

#include <stdbool.h>
#include <stdint.h>

/* Embedded in each connection. */
typedef struct ReplyPeer {
        ListNode waiting; /* slots of calls that it made */
        ListNode owing;   /* slots of calls that it has received */
        Quota *quota;     /* borrowed; charged for the calls it made */
        uint64_t id;      /* number of the connection */
} ReplyPeer;

typedef struct ReplySlot {
        HashNode node;       /* in Replies.slots, by caller, callee and serial */
        ListNode waiting;    /* in caller->waiting */
        ListNode owing;      /* in callee->owing */
        ListNode expiry;     /* in Replies.expiry, only with a timeout; or in Replies.free */
        ReplyPeer *caller;   /* borrowed */
        ReplyPeer *callee;   /* borrowed */
        uint32_t serial;     /* of the call */
        uint64_t start_usec; /* when the call was made; only with a timeout */
} ReplySlot;

typedef struct Replies {
        HashTable slots;
        ListNode expiry; /* slots that time out, oldest first */
        ListNode free;   /* slots to be used again, linked by expiry */
        unsigned n_free;
        uint64_t timeout_usec; /* UINT64_MAX: never */
} Replies;

void replies_init(Replies *replies, uint64_t timeout_usec);

/** replies_clear() - all slots must have been consumed (asserted) */
void replies_clear(Replies *replies);

/**
 * reply_peer_init() - @quota is borrowed; @id is never reused while any slot of this peer is open
 */
void reply_peer_init(ReplyPeer *peer, Quota *quota, uint64_t id);

typedef enum ReplyResult { REPLY_OK, REPLY_DUPLICATE, REPLY_QUOTA } ReplyResult;

/**
 * replies_reserve() - remembers that a call may be answered once
 * @serial:   of the call, never 0
 * @now_usec: of this turn of the loop, never less than at the call before; only used with a timeout
 *
 * Charges one of QUOTA_REPLIES to @caller. O(1), no allocation once warm.
 *
 * Return: REPLY_OK; REPLY_DUPLICATE when @caller still waits for this serial from @callee;
 * REPLY_QUOTA when it
 *         waits for too many. On others than REPLY_OK nothing has changed.
 */
ReplyResult replies_reserve(Replies *replies, ReplyPeer *caller, ReplyPeer *callee, uint32_t serial,
                            uint64_t now_usec);

/** replies_find() - the open slot for this answer, NULL if the caller does not wait for it. O(1) */
ReplySlot *replies_find(const Replies *replies, const ReplyPeer *caller, const ReplyPeer *callee,
                        uint32_t serial);

/**
 * replies_consume() - the answer has been sent, or will never come: the slot is free again and
 * refunded
 */
void replies_consume(Replies *replies, ReplySlot *slot);

/** replies_next_deadline() - when the oldest slot is over, UINT64_MAX: never */
uint64_t replies_next_deadline(const Replies *replies);

/**
 * replies_first_expired() - oldest slot whose time is over, NULL if none; the caller answers and
 * consumes it
 */
ReplySlot *replies_first_expired(const Replies *replies, uint64_t now_usec);

/**
 * replies_set_timeout() - also for calls that are already waiting, but not for those that were made
 * without a timeout
 */
void replies_set_timeout(Replies *replies, uint64_t timeout_usec);

/**
 * replies_first_waiting() - oldest call of a peer that goes, which nobody needs to answer any more;
 * NULL if none
 */
ReplySlot *replies_first_waiting(const ReplyPeer *peer);

/**
 * replies_first_owing() - oldest call that a peer which goes has not answered, so that somebody
 * else must; NULL if none
 */
ReplySlot *replies_first_owing(const ReplyPeer *peer);
