/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <string.h>

typedef struct Item {
        unsigned number;
        HashNode node;
        ListNode link;
} Item;

static unsigned count_bits(uint64_t value) {
        return (unsigned)__builtin_popcountll(value);
}

/* Every length and every byte counts. */
static void test_bytes(void) {
        uint8_t data[40] = { 0 };
        uint64_t hashes[G_N_ELEMENTS(data) + 1];

        for (size_t n = 0; n <= sizeof(data); n++) {
                hashes[n] = hash_bytes(data, n);
                for (size_t i = 0; i < n; i++)
                        g_assert_cmphex(hashes[i], !=, hashes[n]);
        }
        for (size_t i = 0; i < sizeof(data); i++) {
                uint64_t before = hash_bytes(data, sizeof(data)), after;

                data[i] = 1;
                after = hash_bytes(data, sizeof(data));
                data[i] = 0;
                /* Half of the bits are expected to change. */
                g_assert_cmpuint(count_bits(before ^ after), >, 8);
        }
        g_assert_cmphex(hash_bytes(data, 40), ==, hash_bytes(data, 40));
        g_assert_cmphex(hash_bytes(&"xabc"[1], 3), ==, hash_bytes("abc", 3));
}

static void test_u64(void) {
        for (uint64_t i = 0; i < 1000; i++) {
                g_assert_cmphex(hash_u64(i), ==, hash_u64(i));
                g_assert_cmphex(hash_u64(i), !=, hash_u64(i + 1));
        }
}

static void test_combine(void) {
        uint64_t a = hash_u64(1), b = hash_u64(2);

        g_assert_cmphex(hash_combine(a, b), ==, hash_combine(a, b));
        g_assert_cmphex(hash_combine(a, b), !=, hash_combine(b, a));
        g_assert_cmphex(hash_combine(a, b), !=, hash_combine(a, a));
}

/* The seed is the process's own: another one hashes differently. */
static void test_seed(void) {
        g_autofree char *hash = NULL;

        if (g_test_subprocess()) {
                g_printerr("%" G_GINT64_MODIFIER "x\n", hash_bytes("name", 4));
                return;
        }
        hash = g_strdup_printf("%" G_GINT64_MODIFIER "x\n", hash_bytes("name", 4));
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr_unmatched(hash);
}

static void test_list(void) {
        Item items[4] = { { .number = 0 }, { .number = 1 }, { .number = 2 }, { .number = 3 } };
        ListNode list, other;
        unsigned seen = 0;

        list_init(&list);
        list_init(&other);
        g_assert_true(list_is_empty(&list));
        list_append(&list, &items[2].link);
        list_append(&list, &items[3].link);
        list_prepend(&list, &items[1].link);
        list_prepend(&list, &items[0].link);
        g_assert_true(list_is_linked(&items[0].link));
        LIST_FOREACH(node, &list) {
                Item *item = CONTAINER_OF(node, Item, link);

                g_assert_cmpuint(item->number, ==, seen++);
                if (item->number == 1)
                        list_remove(node);
        }
        g_assert_cmpuint(seen, ==, 4);
        g_assert_false(list_is_linked(&items[1].link));
        list_remove(&items[1].link);

        list_move_all(&other, &list);
        g_assert_true(list_is_empty(&list));
        g_assert_true(other.next == &items[0].link);
        g_assert_true(other.prev == &items[3].link);
        seen = 0;
        LIST_FOREACH(node, &other) {
                seen++;
                list_remove(node);
        }
        g_assert_cmpuint(seen, ==, 3);
        list_move_all(&list, &other);
        g_assert_true(list_is_empty(&list));
        g_assert_true(list_is_empty(&other));
}

static Item *find(const HashTable *table, unsigned number) {
        HASH_TABLE_FOREACH_MATCH(node, table, hash_u64(number)) {
                Item *item = CONTAINER_OF(node, Item, node);

                if (item->number == number)
                        return item;
        }
        return NULL;
}

/* A crowd comes and goes, then another. */
static void test_table(void) {
        const unsigned n = 5000;
        g_autofree Item *items = g_new0(Item, n);
        HashTable table = { 0 };

        g_assert_null(hash_table_find(&table, 5));
        for (unsigned round = 0; round < 2; round++) {
                for (unsigned i = 0; i < n; i++) {
                        items[i].number = i;
                        hash_table_add(&table, &items[i].node, hash_u64(i));
                        g_assert_cmpuint(table.n_items, <=, table.n_buckets);
                }
                g_assert_cmpuint(table.n_items, ==, n);
                for (unsigned i = 0; i < n; i++)
                        g_assert_true(find(&table, i) == &items[i]);
                g_assert_null(find(&table, n));
                for (unsigned i = 0; i < n; i += 2)
                        hash_table_remove(&table, &items[i].node);
                for (unsigned i = 0; i < n; i++)
                        g_assert_true(find(&table, i) == (i % 2 ? &items[i] : NULL));
                for (unsigned i = 1; i < n; i += 2)
                        hash_table_remove(&table, &items[i].node);
                g_assert_cmpuint(table.n_items, ==, 0);
        }
        hash_table_clear(&table);
        g_assert_null(table.buckets);
        hash_table_clear(&table);
}

/* Some few that remain of a crowd do not keep its memory for good. */
static void test_shrink(void) {
        const unsigned n = 5000;
        g_autofree Item *items = g_new0(Item, n);
        HashTable table = { 0 };
        size_t most;

        for (unsigned i = 0; i < n; i++)
                hash_table_add(&table, &items[i].node, hash_u64(i));
        most = table.n_buckets;
        for (unsigned i = 0; i < n; i++)
                hash_table_remove(&table, &items[i].node);
        for (unsigned i = 0; i < 50; i++) {
                items[i].number = i;
                hash_table_add(&table, &items[i].node, hash_u64(i));
        }
        g_assert_cmpuint(table.n_buckets, <, most / 8);
        for (unsigned i = 0; i < 50; i++) {
                g_assert_true(find(&table, i) == &items[i]);
                hash_table_remove(&table, &items[i].node);
        }
        hash_table_clear(&table);
}

static void test_equal_hashes(void) {
        Item items[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
        HashTable table = { 0 };
        unsigned seen = 0;

        hash_table_add(&table, &items[0].node, 99);
        hash_table_add(&table, &items[1].node, 99);
        hash_table_add(&table, &items[2].node, 99 + 8); /* same bucket, other hash */
        HASH_TABLE_FOREACH_MATCH(node, &table, 99)
        seen += CONTAINER_OF(node, Item, node)->number;
        g_assert_cmpuint(seen, ==, 3);
        for (unsigned i = 0; i < 3; i++)
                hash_table_remove(&table, &items[i].node);
        hash_table_clear(&table);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/base/hash/bytes", test_bytes);
        g_test_add_func("/base/hash/u64", test_u64);
        g_test_add_func("/base/hash/combine", test_combine);
        g_test_add_func("/base/hash/seed", test_seed);
        g_test_add_func("/base/hash/list", test_list);
        g_test_add_func("/base/hash/table", test_table);
        g_test_add_func("/base/hash/shrink", test_shrink);
        g_test_add_func("/base/hash/equal-hashes", test_equal_hashes);
        return g_test_run();
}
