/* SPDX-License-Identifier: MIT */
/*
 * Index of paths, and below each path of interfaces. Both levels are hash tables whose keys carry
 * how they cover:
 *
 *     call NAME a.b.* @/x and below -> paths: (/x, below) -> interfaces: (a.b, below) -> call
 *     call NAME a.b.C @/x           -> paths: (/x, exact) -> interfaces: (a.b.C, exact) -> call
 *     receive NAME @/x              -> paths: (/x, exact).all -> receive
 *
 * A question looks up its path as exact key, and each prefix of it as subtree key; then the
 * interface, INTERFACE.MEMBER, and each prefix of the interface. Rules that cover everything never
 * get here: they are two bytes in RuleTargets.
 */
#include "policy/rule-targets.h"

#include <string.h>

/* Added to hashes, so that the two ways to cover do not share keys. */
typedef enum Cover { COVER_EXACT = 0, COVER_BELOW = 1 } Cover;

typedef struct Key {
        HashNode node;
        const char *text; /* borrowed from the rule */
        uint32_t length;
        Cover cover;
} Key;

typedef struct InterfaceNode {
        Key key;
        RuleGrant grant;
} InterfaceNode;

typedef struct PathNode {
        Key key;
        RuleGrant all; /* for all interfaces */
        HashTable interfaces;
} PathNode;

typedef struct Question {
        uint32_t need;
        WireString interface, member;
} Question;

static bool granted(RuleGrant grant, uint32_t need) {
        uint32_t verb = need & ~(uint32_t)CONTAINER_RULE_SEND_UNIX_FDS;
        uint8_t flags = (need & CONTAINER_RULE_SEND_UNIX_FDS) ? grant.with_fds : grant.plain;

        return (flags & verb) == verb;
}

static void grant_add(RuleGrant *grant, uint32_t flags) {
        uint8_t messages = flags & (CONTAINER_RULE_CALL | CONTAINER_RULE_RECEIVE);

        grant->plain |= messages;
        if (flags & CONTAINER_RULE_SEND_UNIX_FDS)
                grant->with_fds |= messages;
}

static Key *key_find(const HashTable *table, const char *text, size_t length, Cover cover) {
        if (table->n_items == 0)
                return NULL;
        HASH_TABLE_FOREACH_MATCH(node, table, hash_bytes(text, length) + cover) {
                Key *key = CONTAINER_OF(node, Key, node);

                if (key->length == length && key->cover == cover &&
                    memcmp(key->text, text, length) == 0)
                        return key;
        }
        return NULL;
}

/* The key, made with @size bytes for its struct when it is new. */
static Key *key_get(HashTable *table, const char *text, size_t length, Cover cover, size_t size) {
        Key *key = key_find(table, text, length, cover);

        if (key)
                return key;
        key = g_malloc0(size);
        key->text = text;
        key->length = (uint32_t)length;
        key->cover = cover;
        hash_table_add(table, &key->node, hash_bytes(text, length) + cover);
        return key;
}

/* Takes the keys out one by one; NULL when there are none left. */
static Key *key_take(HashTable *table, size_t *bucket) {
        for (; table->n_items > 0 && *bucket < table->n_buckets; (*bucket)++) {
                HashNode *node = table->buckets[*bucket];

                if (node) {
                        hash_table_remove(table, node);
                        return CONTAINER_OF(node, Key, node);
                }
        }
        return NULL;
}

static void path_node_free(PathNode *path) {
        size_t bucket = 0;

        for (Key *key = key_take(&path->interfaces, &bucket); key;
             key = key_take(&path->interfaces, &bucket))
                g_free(CONTAINER_OF(key, InterfaceNode, key));
        hash_table_clear(&path->interfaces);
        g_free(path);
}

void rule_targets_clear(RuleTargets *targets) {
        size_t bucket = 0;

        for (Key *key = key_take(&targets->paths, &bucket); key;
             key = key_take(&targets->paths, &bucket))
                path_node_free(CONTAINER_OF(key, PathNode, key));
        hash_table_clear(&targets->paths);
        memset(targets, 0, sizeof *targets);
}

static void add_interface(PathNode *path, const ContainerRule *rule) {
        size_t length = strlen(rule->interface);
        Cover cover = COVER_EXACT;

        if (length == 0) {
                grant_add(&path->all, rule->flags);
                return;
        }
        if (rule->interface[length - 1] == '*') {
                cover = COVER_BELOW;
                length -= 2;
        }
        Key *key =
                key_get(&path->interfaces, rule->interface, length, cover, sizeof(InterfaceNode));
        grant_add(&CONTAINER_OF(key, InterfaceNode, key)->grant, rule->flags);
}

void rule_targets_add(RuleTargets *targets, const ContainerRule *rule) {
        bool subtree = rule->flags & CONTAINER_RULE_PATH_IS_SUBTREE;
        size_t length = strlen(rule->object_path);

        if (!(rule->flags & (CONTAINER_RULE_CALL | CONTAINER_RULE_RECEIVE)))
                return;
        grant_add(&targets->somewhere, rule->flags);
        if (subtree && length == 1 && rule->interface[0] == '\0') {
                grant_add(&targets->anywhere, rule->flags);
                return;
        }
        Key *key = key_get(&targets->paths, rule->object_path, length,
                           subtree ? COVER_BELOW : COVER_EXACT, sizeof(PathNode));
        if (subtree)
                targets->longest_subtree = MAX(targets->longest_subtree, (uint32_t)length);
        add_interface(CONTAINER_OF(key, PathNode, key), rule);
}

static bool interface_grants(const PathNode *path, const char *text, size_t length, Cover cover,
                             uint32_t need) {
        Key *key = key_find(&path->interfaces, text, length, cover);

        return key && granted(CONTAINER_OF(key, InterfaceNode, key)->grant, need);
}

/* INTERFACE.MEMBER as one word, which rules spell like an interface. */
static bool member_grants(const PathNode *path, const Question *question) {
        char text[2 * PROTOCOL_MAX_NAME + 2];
        WireString interface = question->interface, member = question->member;

        if (!member.data || interface.length > PROTOCOL_MAX_NAME ||
            member.length > PROTOCOL_MAX_NAME)
                return false;
        memcpy(text, interface.data, interface.length);
        text[interface.length] = '.';
        memcpy(text + interface.length + 1, member.data, member.length);
        return interface_grants(path, text, interface.length + 1 + member.length, COVER_EXACT,
                                question->need);
}

static bool path_allows(const PathNode *path, const Question *question) {
        WireString interface = question->interface;

        if (granted(path->all, question->need))
                return true;
        if (!interface.data || path->interfaces.n_items == 0)
                return false;
        if (interface_grants(path, interface.data, interface.length, COVER_EXACT, question->need) ||
            member_grants(path, question))
                return true;
        for (size_t i = 1; i <= interface.length; i++)
                if ((i == interface.length || interface.data[i] == '.') &&
                    interface_grants(path, interface.data, i, COVER_BELOW, question->need))
                        return true;
        return false;
}

static bool prefix_allows(const RuleTargets *targets, WireString path, size_t length,
                          const Question *question) {
        Key *key = key_find(&targets->paths, path.data, length, COVER_BELOW);

        return key && path_allows(CONTAINER_OF(key, PathNode, key), question);
}

/* The root, every parent, and the path itself. */
static bool subtrees_allow(const RuleTargets *targets, WireString path, const Question *question) {
        if (targets->longest_subtree == 0)
                return false;
        if (prefix_allows(targets, path, 1, question))
                return true;
        for (size_t i = 2; i <= path.length && i <= targets->longest_subtree; i++)
                if ((i == path.length || path.data[i] == '/') &&
                    prefix_allows(targets, path, i, question))
                        return true;
        return false;
}

bool rule_targets_allow(const RuleTargets *targets, uint32_t need, WireString path,
                        WireString interface, WireString member) {
        const Question question = { .need = need, .interface = interface, .member = member };

        if (!granted(targets->somewhere, need))
                return false;
        if (granted(targets->anywhere, need))
                return true;
        if (!path.data || path.length == 0 || targets->paths.n_items == 0)
                return false;
        Key *key = key_find(&targets->paths, path.data, path.length, COVER_EXACT);
        if (key && path_allows(CONTAINER_OF(key, PathNode, key), &question))
                return true;
        return subtrees_allow(targets, path, &question);
}
