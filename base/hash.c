/* SPDX-License-Identifier: MIT */
/*
 * SipHash-1-3 (Aumasson and Bernstein's construction with one round per block and three at the end)
 * and the bucket array of the intrusive hash table. The seed comes from the kernel at first use;
 * one thread routes, and the first use is at start-up, so no lock is needed.
 */
#include "base/hash.h"

#include <string.h>
#include <sys/random.h>

#define MIN_BUCKETS 8
#define SPARSE_BUCKETS 64

static uint64_t seed[2];
static bool have_seed;

static void seed_draw(void) {
        if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
                seed[0] = ((uint64_t)g_random_int() << 32) | g_random_int();
                seed[1] = ((uint64_t)g_random_int() << 32) | g_random_int();
        }
        have_seed = true;
}

static inline uint64_t rotate_left(uint64_t x, unsigned n) {
        return (x << n) | (x >> (64 - n));
}

static inline void sip_round(uint64_t v[4]) {
        v[0] += v[1];
        v[1] = rotate_left(v[1], 13) ^ v[0];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[3];
        v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate_left(v[1], 17) ^ v[2];
        v[2] = rotate_left(v[2], 32);
}

static inline void sip_absorb(uint64_t v[4], uint64_t block) {
        v[3] ^= block;
        sip_round(v);
        v[0] ^= block;
}

static inline void sip_start(uint64_t v[4]) {
        if (G_UNLIKELY(!have_seed))
                seed_draw();
        v[0] = seed[0] ^ 0x736f6d6570736575u;
        v[1] = seed[1] ^ 0x646f72616e646f6du;
        v[2] = seed[0] ^ 0x6c7967656e657261u;
        v[3] = seed[1] ^ 0x7465646279746573u;
}

static inline uint64_t sip_finish(uint64_t v[4]) {
        v[2] ^= 0xff;
        sip_round(v);
        sip_round(v);
        sip_round(v);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(const void *data, size_t n_bytes) {
        const uint8_t *p = data;
        uint64_t v[4], block, last = (uint64_t)n_bytes << 56;

        sip_start(v);
        for (; n_bytes >= 8; p += 8, n_bytes -= 8) {
                memcpy(&block, p, 8);
                sip_absorb(v, block);
        }
        for (size_t i = 0; i < n_bytes; i++)
                last |= (uint64_t)p[i] << (8 * i);
        sip_absorb(v, last);
        return sip_finish(v);
}

uint64_t hash_u64(uint64_t value) {
        if (G_UNLIKELY(!have_seed))
                seed_draw();
        value = (value ^ seed[0]) * 0x9e3779b97f4a7c15u;
        value = (value ^ (value >> 32) ^ seed[1]) * 0xff51afd7ed558ccdu;
        return value ^ (value >> 29);
}

static void resize(HashTable *table, size_t n_buckets) {
        HashNode **buckets = g_new0(HashNode *, n_buckets);

        for (size_t i = 0; i < table->n_buckets; i++)
                for (HashNode *node = table->buckets[i], *next; node; node = next) {
                        next = node->next;
                        node->next = buckets[node->hash & (n_buckets - 1)];
                        buckets[node->hash & (n_buckets - 1)] = node;
                }
        g_free(table->buckets);
        table->buckets = buckets;
        table->n_buckets = n_buckets;
}

void hash_table_clear(HashTable *table) {
        g_assert(table->n_items == 0);
        g_clear_pointer(&table->buckets, g_free);
        table->n_buckets = 0;
}

void hash_table_add(HashTable *table, HashNode *node, uint64_t hash) {
        if (table->n_items >= table->n_buckets)
                resize(table, MAX(MIN_BUCKETS, table->n_buckets * 2));
        else if (table->n_buckets > SPARSE_BUCKETS && table->n_items < table->n_buckets / 8)
                resize(table, table->n_buckets / 4);
        HashNode **bucket = &table->buckets[hash & (table->n_buckets - 1)];
        node->hash = hash;
        node->next = *bucket;
        *bucket = node;
        table->n_items++;
}

void hash_table_remove(HashTable *table, HashNode *node) {
        HashNode **at = &table->buckets[node->hash & (table->n_buckets - 1)];

        while (*at != node)
                at = &(*at)->next;
        *at = node->next;
        node->next = NULL;
        table->n_items--;
}
