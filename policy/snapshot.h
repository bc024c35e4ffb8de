/* SPDX-License-Identifier: MIT */
/*
 * The XML rules that apply to one class of connections, compiled: the last matching rule is found without looking at
 * those that are for other names or interfaces.
 */
#pragma once

#include "base/hash.h"
#include "policy/rules.h"
#include "policy/verdict.h"

/* Rules that can be found under one key, in the order in which they are applied. */
typedef struct RuleBucket {
        HashNode node;
        WireString key;  /* borrowed from one of the rules */
        GArray *entries; /* owned; of RuleEntry */
} RuleBucket;

typedef struct RuleEntry {
        const PolicyRule *rule; /* borrowed from the configuration */
        unsigned order;
} RuleEntry;

/* All rules of one kind. Each is in one place, but for <deny> with an interface, which is in two. */
typedef struct RuleTable {
        HashTable names;         /* RuleBucket of rules with a name */
        HashTable prefixes;      /* of rules with a prefix */
        HashTable interfaces;    /* of rules with an interface, but no name */
        RuleBucket no_interface; /* those of them that match messages without an interface */
        RuleBucket rest;
        unsigned n_rules;
        bool has_unique_names;   /* some name or prefix is one of a unique name */
        uint32_t open; /* bit per class of messages: all of them are allowed, and not logged */
} RuleTable;

struct PolicySnapshot {
        unsigned n_refs;
        uint64_t number; /* never reused in this process */
        Policy *policy;  /* ref; borrowed while nobody has one to the snapshot */
        GBytes *key;     /* owned; under which the policy finds it */
        RuleTable send, receive, own;
};

/* The other end of a message, as rules name it: by all its names, or by one. */
typedef struct RulePeer {
        const NameSet *names; /* NULL: it has no connection, text counts */
        WireString text;
} RulePeer;

/**
 * policy_snapshot_new() - compiles rules
 * @policy: a reference is taken
 * @key:    taken over
 * @rules:  of PolicyRule *, in the order in which they are applied; each outlives the policy
 */
PolicySnapshot *policy_snapshot_new(Policy *policy, GBytes *key, const GPtrArray *rules);

/** policy_snapshot_free() - for the policy only, which knows it; drops no reference to that */
void policy_snapshot_free(PolicySnapshot *snapshot);

/** rule_table_find() - the last send or receive rule that matches, NULL: none */
const PolicyRule *rule_table_find(const RuleTable *table, const PolicyMessage *message,
                                  const RulePeer *peer);

/** rule_table_find_own() - the last rule about owning @name, NULL: none */
const PolicyRule *rule_table_find_own(const RuleTable *table, WireString name);

/** rule_table_class() - bit in RuleTable.open of a message; 0 for types that are not known */
static inline uint32_t rule_table_class(uint8_t type, const PolicyMessage *message) {
        unsigned reply = message->reply ? 1 + !message->requested : 0;

        if (type < MESSAGE_TYPE_METHOD_CALL || type > MESSAGE_TYPE_SIGNAL)
                return 0;
        return 1u << (((type - 1u) * 3 + reply) * 2 + message->eavesdropping);
}
