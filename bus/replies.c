/* SPDX-License-Identifier: MIT */
/*
 * Slots of open calls: found by caller, callee and serial, listed at both ends, and in the order in
 * which they time out.
 *
 * All have the same timeout, so the order in which they were made is the order in which they end,
 * and no sorting is needed. Used slots go to a free list, for a slot comes and goes with every
 * call.
 */
#include "bus/replies.h"

/*
 * Enough for what is open at a time on a busy bus; what a crowd leaves behind beyond that is given
 * back.
 */
#define MAX_FREE 1024

void replies_init(Replies *replies, uint64_t timeout_usec) {
        *replies = (Replies){ .timeout_usec = timeout_usec };
        list_init(&replies->expiry);
        list_init(&replies->free);
}

void replies_clear(Replies *replies) {
        LIST_FOREACH(node, &replies->free)
                g_free(CONTAINER_OF(node, ReplySlot, expiry));
        list_init(&replies->free);
        replies->n_free = 0;
        hash_table_clear(&replies->slots);
}

void reply_peer_init(ReplyPeer *peer, Quota *quota, uint64_t id) {
        *peer = (ReplyPeer){ .quota = quota, .id = id };
        list_init(&peer->waiting);
        list_init(&peer->owing);
}

static uint64_t slot_hash(const ReplyPeer *caller, const ReplyPeer *callee, uint32_t serial) {
        return hash_combine(hash_combine(hash_u64(caller->id), hash_u64(callee->id)),
                            hash_u64(serial));
}

static ReplySlot *find_hashed(const Replies *replies, const ReplyPeer *caller,
                              const ReplyPeer *callee, uint32_t serial, uint64_t hash) {
        HASH_TABLE_FOREACH_MATCH(node, &replies->slots, hash) {
                ReplySlot *slot = CONTAINER_OF(node, ReplySlot, node);

                if (slot->caller == caller && slot->callee == callee && slot->serial == serial)
                        return slot;
        }
        return NULL;
}

ReplySlot *replies_find(const Replies *replies, const ReplyPeer *caller, const ReplyPeer *callee,
                        uint32_t serial) {
        return find_hashed(replies, caller, callee, serial, slot_hash(caller, callee, serial));
}

static ReplySlot *take_slot(Replies *replies) {
        if (list_is_empty(&replies->free))
                return g_new0(ReplySlot, 1);
        ReplySlot *slot = CONTAINER_OF(replies->free.next, ReplySlot, expiry);
        list_remove(&slot->expiry);
        replies->n_free--;
        return slot;
}

static void give_back_slot(Replies *replies, ReplySlot *slot) {
        if (replies->n_free >= MAX_FREE) {
                g_free(slot);
                return;
        }
        list_prepend(&replies->free, &slot->expiry);
        replies->n_free++;
}

ReplyResult replies_reserve(Replies *replies, ReplyPeer *caller, ReplyPeer *callee, uint32_t serial,
                            uint64_t now_usec) {
        uint64_t hash = slot_hash(caller, callee, serial);

        if (find_hashed(replies, caller, callee, serial, hash))
                return REPLY_DUPLICATE;
        if (!quota_charge(caller->quota, QUOTA_REPLIES, 1))
                return REPLY_QUOTA;

        ReplySlot *slot = take_slot(replies);
        slot->caller = caller;
        slot->callee = callee;
        slot->serial = serial;
        slot->start_usec = now_usec;
        hash_table_add(&replies->slots, &slot->node, hash);
        list_append(&caller->waiting, &slot->waiting);
        list_append(&callee->owing, &slot->owing);
        if (replies->timeout_usec != UINT64_MAX)
                list_append(&replies->expiry, &slot->expiry);
        return REPLY_OK;
}

void replies_consume(Replies *replies, ReplySlot *slot) {
        hash_table_remove(&replies->slots, &slot->node);
        list_remove(&slot->waiting);
        list_remove(&slot->owing);
        list_remove(&slot->expiry);
        quota_refund(slot->caller->quota, QUOTA_REPLIES, 1);
        give_back_slot(replies, slot);
}

static ReplySlot *get_oldest(const Replies *replies) {
        return list_is_empty(&replies->expiry)
                       ? NULL
                       : CONTAINER_OF(replies->expiry.next, ReplySlot, expiry);
}

uint64_t replies_next_deadline(const Replies *replies) {
        const ReplySlot *oldest = get_oldest(replies);

        /* also never: a timeout that reaches beyond the end of the clock */
        if (!oldest || replies->timeout_usec > UINT64_MAX - oldest->start_usec)
                return UINT64_MAX;
        return oldest->start_usec + replies->timeout_usec;
}

ReplySlot *replies_first_expired(const Replies *replies, uint64_t now_usec) {
        uint64_t deadline = replies_next_deadline(replies);

        return deadline != UINT64_MAX && deadline <= now_usec ? get_oldest(replies) : NULL;
}

void replies_set_timeout(Replies *replies, uint64_t timeout_usec) {
        replies->timeout_usec = timeout_usec;
}

ReplySlot *replies_first_waiting(const ReplyPeer *peer) {
        return list_is_empty(&peer->waiting) ? NULL
                                             : CONTAINER_OF(peer->waiting.next, ReplySlot, waiting);
}

ReplySlot *replies_first_owing(const ReplyPeer *peer) {
        return list_is_empty(&peer->owing) ? NULL
                                           : CONTAINER_OF(peer->owing.next, ReplySlot, owing);
}
