/* SPDX-License-Identifier: MIT */
/*
 * Seeded hashing and the two intrusive containers of the bus: a doubly linked list and a hash
 * table.
 *
 * Text from peers is only ever hashed with the process's secret seed, so that nobody can choose
 * strings that collide. The containers are intrusive: a member is part of its own struct, adding it
 * cannot fail and allocates nothing but, now and then, the bucket array.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** CONTAINER_OF() - the struct of type @type whose member @member is at @pointer */
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

/**
 * hash_bytes() - keyed hash of @n_bytes at @data
 *
 * SipHash-1-3 under a seed drawn once per process. Not stable between runs: never store or show it.
 * About 20 ns for 30 bytes.
 */
uint64_t hash_bytes(const void *data, size_t n_bytes);

/** hash_u64() - keyed hash of one number, for serials and connection numbers; a few cycles */
uint64_t hash_u64(uint64_t value);

/** hash_combine() - mixes two hashes into one; order matters */
static inline uint64_t hash_combine(uint64_t a, uint64_t b) {
        return (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccdu;
}

/* A list head is a ListNode that points to itself; a node in no list has next == NULL. */
typedef struct ListNode {
        struct ListNode *next, *prev;
} ListNode;

static inline void list_init(ListNode *head) {
        head->next = head->prev = head;
}

static inline bool list_is_empty(const ListNode *head) {
        return head->next == head;
}

static inline bool list_is_linked(const ListNode *node) {
        return node->next != NULL;
}

/** list_append() - puts @node, which must be in no list, behind the last member */
static inline void list_append(ListNode *head, ListNode *node) {
        node->prev = head->prev;
        node->next = head;
        head->prev->next = node;
        head->prev = node;
}

/** list_prepend() - puts @node, which must be in no list, before the first member */
static inline void list_prepend(ListNode *head, ListNode *node) {
        list_append(head->next, node);
}

/** list_remove() - takes @node out; a node in no list is left alone */
static inline void list_remove(ListNode *node) {
        if (!node->next)
                return;
        node->next->prev = node->prev;
        node->prev->next = node->next;
        node->next = node->prev = NULL;
}

/** list_move_all() - moves every member of @from to the empty, initialised list @to */
static inline void list_move_all(ListNode *to, ListNode *from) {
        if (list_is_empty(from))
                return;
        *to = *from;
        to->next->prev = to;
        to->prev->next = to;
        list_init(from);
}

/* Safe against removal of the current node, not of the next one. */
#define LIST_FOREACH(node, head)                                                                   \
        for (ListNode *node = (head)->next, *node##_next = node->next; node != (head);             \
             node = node##_next, node##_next = node->next)

typedef struct HashNode {
        struct HashNode *next; /* in the same bucket */
        uint64_t hash;
} HashNode;

/* A zeroed HashTable is a valid empty one. */
typedef struct HashTable {
        HashNode **buckets; /* owned; power of two, NULL while empty */
        size_t n_buckets;
        size_t n_items;
} HashTable;

/** hash_table_clear() - frees the bucket array; the table must be empty (asserted) */
void hash_table_clear(HashTable *table);

/**
 * hash_table_add() - adds @node under @hash; equal hashes may be added many times
 *
 * Grows the bucket array at a load of one, and shrinks one that a crowd has left, so O(1)
 * amortised. @node must be in no table.
 */
void hash_table_add(HashTable *table, HashNode *node, uint64_t hash);

/**
 * hash_table_remove() - takes @node out; it must be in @table, whose bucket array stays as it is
 */
void hash_table_remove(HashTable *table, HashNode *node);

/** hash_node_next_match() - @node or the next node of its bucket that has @hash, NULL if none */
static inline HashNode *hash_node_next_match(HashNode *node, uint64_t hash) {
        while (node && node->hash != hash)
                node = node->next;
        return node;
}

/**
 * hash_table_find() - first node under @hash, NULL if none
 *
 * The caller compares keys and goes on with HASH_TABLE_FOREACH_MATCH where hashes may be shared.
 */
static inline HashNode *hash_table_find(const HashTable *table, uint64_t hash) {
        if (table->n_items == 0)
                return NULL;
        return hash_node_next_match(table->buckets[hash & (table->n_buckets - 1)], hash);
}

/* Visits all nodes under @hash; the current one must not be removed inside. */
#define HASH_TABLE_FOREACH_MATCH(node, table, key_hash)                                            \
        for (HashNode *node = hash_table_find((table), (key_hash)); node;                          \
             node = hash_node_next_match(node->next, (key_hash)))
