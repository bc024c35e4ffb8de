/* SPDX-License-Identifier: MIT */
/*
 * Shares are found by user and sender in the hash table of the receiver. A use is a block of the
 * queue, or for the share of a user that of a sender. They outlive their senders: what a connection
 * has sent before it went counts for its user as long as it waits.
 */
#include "wire/shares.h"

#define ALL_SENDERS UINT64_MAX

static uint64_t account_hash(ShareAccount account) {
        return hash_combine(hash_u64(account.user), hash_u64(account.sender));
}

static Share *find(const HashTable *table, ShareAccount account) {
        HASH_TABLE_FOREACH_MATCH(node, table, account_hash(account)) {
                Share *share = CONTAINER_OF(node, Share, node);

                if (share->account.user == account.user && share->account.sender == account.sender)
                        return share;
        }
        return NULL;
}

static ShareAccount account_of_user(ShareAccount account) {
        return (ShareAccount){ .user = account.user, .sender = ALL_SENDERS };
}

static Share *get_one(HashTable *table, ShareAccount account) {
        Share *share = find(table, account);

        if (!share) {
                share = g_new0(Share, 1);
                share->account = account;
                hash_table_add(table, &share->node, account_hash(account));
        }
        share->n_uses++;
        return share;
}

Share *share_get(HashTable *table, ShareAccount account) {
        Share *share = get_one(table, account);

        if (!share->of_user)
                share->of_user = get_one(table, account_of_user(account));
        return share;
}

static void put_one(HashTable *table, Share *share) {
        if (--share->n_uses > 0)
                return;
        for (unsigned i = 0; i < SHARE_KINDS; i++)
                g_assert(share->used[i] == 0);
        hash_table_remove(table, &share->node);
        g_free(share);
}

void share_put(HashTable *table, Share *share) {
        Share *of_user = share->of_user;

        if (share->n_uses == 1)
                put_one(table, of_user);
        put_one(table, share);
        if (table->n_items == 0)
                hash_table_clear(table);
}

void share_charge(Share *share, uint64_t n_bytes, uint64_t n_fds) {
        for (; share; share = share->of_user) {
                share->used[SHARE_BYTES] += n_bytes;
                share->used[SHARE_FDS] += n_fds;
        }
}

void share_refund(Share *share, uint64_t n_bytes, uint64_t n_fds) {
        for (; share; share = share->of_user) {
                g_assert(share->used[SHARE_BYTES] >= n_bytes && share->used[SHARE_FDS] >= n_fds);
                share->used[SHARE_BYTES] -= n_bytes;
                share->used[SHARE_FDS] -= n_fds;
        }
}

static uint64_t used_by(const HashTable *table, ShareAccount account, ShareKind kind) {
        const Share *share = find(table, account);

        return share ? share->used[kind] : 0;
}

static uint64_t without(uint64_t amount, uint64_t n) {
        return amount > n ? amount - n : 0;
}

bool share_has_room(const HashTable *table, ShareAccount account, ShareKind kind, uint64_t max,
                    uint64_t used) {
        uint64_t of_user = used_by(table, account_of_user(account), kind);
        uint64_t of_sender = used_by(table, account, kind);
        uint64_t left = without(max, used - of_user);
        uint64_t for_user = left - left / 4;
        uint64_t for_sender = without(for_user, of_user - of_sender) / 2;

        return of_user <= for_user && of_sender <= for_sender;
}
