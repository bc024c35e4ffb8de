/* SPDX-License-Identifier: MIT */
/*
 * A compiled set of container rules.
 *
 *     names:  (org.foo, exact) -> flags of its rules, targets
 *             (org.foo, below) -> ...
 *     all:    the same for rules without a name
 *
 * A name is looked up as exact key and, going up its dots, as namespace: at most one look-up per
 * element. The rules themselves are kept as they were given; the index borrows their strings.
 *
 * A connection may have very many names, and its next message asks for all of them again. What
 * most of them are not covered by is found out without a look-up: bits say which names, and which
 * starts of names, rules speak of at all.
 */
#include "policy/container-rules.h"

#include "base/hash.h"
#include "policy/rule-targets.h"

#include <string.h>

/* What the rules with one bus_name grant. */
typedef struct NameRules {
        uint32_t flags;      /* union of their flags */
        RuleTargets targets; /* of those with CALL or RECEIVE */
} NameRules;

typedef struct NameNode {
        HashNode node;
        const char *text; /* borrowed from a rule */
        uint32_t length;
        bool below;
        NameRules rules;
} NameNode;

/* A set that may hold more than was added, never less. */
typedef struct HashBits {
        uint64_t words[8];
} HashBits;

struct ContainerRules {
        GPtrArray *given;           /* of ContainerRule *, owned */
        size_t n_bytes;             /* of their texts */
        HashTable names;            /* NameNode */
        HashBits exact;             /* hashes of names */
        HashBits below;             /* of the longest start of each namespace */
        uint32_t longest_namespace; /* bytes; 0: there is none */
        NameRules all;              /* of rules without a name */
};

typedef bool (*NameTest)(const NameRules *rules, const void *argument);

static void free_rule(gpointer rule) {
        container_rule_free(rule);
}

ContainerRules *container_rules_new(void) {
        ContainerRules *rules = g_new0(ContainerRules, 1);

        rules->given = g_ptr_array_new_with_free_func(free_rule);
        return rules;
}

void container_rules_free(ContainerRules *rules) {
        if (!rules)
                return;
        for (size_t i = 0; i < rules->names.n_buckets; i++)
                while (rules->names.buckets[i]) {
                        NameNode *name = CONTAINER_OF(rules->names.buckets[i], NameNode, node);

                        hash_table_remove(&rules->names, &name->node);
                        rule_targets_clear(&name->rules.targets);
                        g_free(name);
                }
        hash_table_clear(&rules->names);
        rule_targets_clear(&rules->all.targets);
        g_ptr_array_unref(rules->given);
        g_free(rules);
}

const GPtrArray *container_rules_get(const ContainerRules *rules) {
        return rules->given;
}

RuleRoom container_rules_get_room(const ContainerRules *rules, uint64_t max_rules) {
        return rule_room_get(max_rules, rules->given->len, rules->n_bytes);
}

static void bits_add(HashBits *bits, uint64_t hash) {
        bits->words[hash % G_N_ELEMENTS(bits->words)] |= UINT64_C(1) << (hash >> 58);
}

static bool bits_has(const HashBits *bits, uint64_t hash) {
        return bits->words[hash % G_N_ELEMENTS(bits->words)] & (UINT64_C(1) << (hash >> 58));
}

/* Namespaces and names of the same text have different keys. */
static uint64_t name_hash(uint64_t text_hash, bool below) {
        return text_hash + below;
}

static NameNode *find_name(const ContainerRules *rules, WireString text, uint64_t text_hash,
                           bool below) {
        HASH_TABLE_FOREACH_MATCH(node, &rules->names, name_hash(text_hash, below)) {
                NameNode *name = CONTAINER_OF(node, NameNode, node);

                if (name->below == below && name->length == text.length &&
                    memcmp(name->text, text.data, text.length) == 0)
                        return name;
        }
        return NULL;
}

static void note_namespace(ContainerRules *rules, WireString text) {
        uint64_t starts[NAME_MAX_STARTS];
        unsigned n_starts = name_hash_starts(text, starts);

        bits_add(&rules->below, starts[n_starts - 1]);
        rules->longest_namespace = MAX(rules->longest_namespace, text.length);
}

static NameRules *get_name(ContainerRules *rules, const char *text, bool below) {
        WireString key = wire_string(text);
        uint64_t text_hash = hash_bytes(key.data, key.length);
        NameNode *name = find_name(rules, key, text_hash, below);

        if (name)
                return &name->rules;
        name = g_new0(NameNode, 1);
        name->text = text;
        name->length = key.length;
        name->below = below;
        hash_table_add(&rules->names, &name->node, name_hash(text_hash, below));
        if (below)
                note_namespace(rules, key);
        else
                bits_add(&rules->exact, text_hash);
        return &name->rules;
}

void container_rules_add(ContainerRules *rules, const ContainerRule *rule) {
        ContainerRule *kept = container_rule_copy(rule);
        NameRules *name = &rules->all;

        g_ptr_array_add(rules->given, kept);
        rules->n_bytes += container_rule_get_size(kept);
        if (kept->bus_name[0] != '\0')
                name = get_name(rules, kept->bus_name,
                                kept->flags & CONTAINER_RULE_NAME_IS_NAMESPACE);
        name->flags |= kept->flags;
        rule_targets_add(&name->targets, kept);
}

/* Whether rules of a namespace that @text lies in, or is itself, pass @test. */
static bool test_namespaces(const ContainerRules *rules, WireString text, NameTest test,
                            const void *argument) {
        size_t end = MIN(text.length, rules->longest_namespace);

        if (end == 0 || text.data[0] == ':')
                return false;
        for (size_t i = 1; i <= end; i++) {
                WireString prefix = { .data = text.data, .length = (uint32_t)i };

                if (i < text.length && text.data[i] != '.')
                        continue;
                NameNode *name = find_name(rules, prefix, hash_bytes(text.data, i), true);
                if (name && test(&name->rules, argument))
                        return true;
        }
        return false;
}

/* Whether rules that cover @text, whose hash_bytes() is @text_hash, pass @test; those without a
 * name left out. */
static bool test_name(const ContainerRules *rules, WireString text, uint64_t text_hash,
                      NameTest test, const void *argument) {
        if (!text.data || rules->names.n_items == 0)
                return false;
        NameNode *name = find_name(rules, text, text_hash, false);
        if (name && test(&name->rules, argument))
                return true;
        return test_namespaces(rules, text, test, argument);
}

/* Whether test_name() can find anything. */
static bool may_cover(const ContainerRules *rules, const OwnedName *owned) {
        if (owned->n_starts == 0 || bits_has(&rules->exact, owned->hash))
                return true;
        for (unsigned i = 0; i < owned->n_starts; i++)
                if (bits_has(&rules->below, owned->starts[i]))
                        return true;
        return false;
}

/* The same for a connection: its unique name and all names that it is the primary owner of. */
static bool test_names(const ContainerRules *rules, const NameSet *names, NameTest test,
                       const void *argument) {
        if (rules->names.n_items == 0)
                return false;
        if (names->unique.data &&
            test_name(rules, names->unique, hash_bytes(names->unique.data, names->unique.length),
                      test, argument))
                return true;
        for (unsigned i = 0; i < names->n_names; i++) {
                const OwnedName *owned = &names->names[i];

                if (owned->primary && may_cover(rules, owned) &&
                    test_name(rules, owned->name, owned->hash, test, argument))
                        return true;
        }
        return false;
}

static bool test_text(const ContainerRules *rules, WireString text, NameTest test,
                      const void *argument) {
        return test_name(rules, text, text.data ? hash_bytes(text.data, text.length) : 0, test,
                         argument);
}

static bool allows(const NameRules *rules, const void *argument) {
        const ContainerRuleQuery *query = argument;

        return rule_targets_allow(&rules->targets, query->need, query->path, query->interface,
                                  query->member);
}

bool container_rules_allow(const ContainerRules *rules, const ContainerRuleQuery *query) {
        if (allows(&rules->all, query))
                return true;
        if (!query->name.data)
                return query->names && test_names(rules, query->names, allows, query);
        if (test_text(rules, query->name, allows, query))
                return true;
        return query->names && test_text(rules, query->names->unique, allows, query);
}

static bool has_flags(const NameRules *rules, const void *argument) {
        return rules->flags & *(const uint32_t *)argument;
}

bool container_rules_may_send_fds(const ContainerRules *rules, const NameSet *names) {
        const uint32_t flags = CONTAINER_RULE_SEND_UNIX_FDS;

        return has_flags(&rules->all, &flags) ||
               (names && test_names(rules, names, has_flags, &flags));
}

bool container_rules_see_name(const ContainerRules *rules, WireString name) {
        const uint32_t flags = CONTAINER_RULE_VERBS;

        return has_flags(&rules->all, &flags) || test_text(rules, name, has_flags, &flags);
}

bool container_rules_see(const ContainerRules *rules, const NameSet *names) {
        const uint32_t flags = CONTAINER_RULE_VERBS;

        return has_flags(&rules->all, &flags) ||
               (names && test_names(rules, names, has_flags, &flags));
}

bool container_rules_call_name(const ContainerRules *rules, WireString name) {
        const uint32_t flags = CONTAINER_RULE_CALL;

        return has_flags(&rules->all, &flags) || test_text(rules, name, has_flags, &flags);
}

bool container_rules_own(const ContainerRules *rules, WireString name) {
        const uint32_t flags = CONTAINER_RULE_OWN;

        return has_flags(&rules->all, &flags) || test_text(rules, name, has_flags, &flags);
}
