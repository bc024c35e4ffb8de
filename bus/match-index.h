/* SPDX-License-Identifier: MIT */
/*
 * All match rules of the bus, filed so that the cost of a message follows the number of its
 * receivers, not the number of rules.
 *
 * Each rule is filed under all its keys at once, so that rules which differ from a message in any
 * of type, sender, destination, interface, member, path, path_namespace, arg0namespace or their
 * first argN are never looked at. A look-up costs one probe of a hash table (10-20 ns) for each
 * combination of keys that occurs in any rule: some ten on a desktop. Worst cases, all bounded by
 * limits of their causer:
 *
 *  - whoever adds rules can make about 200 such combinations occur, no more;
 *  - a combination with a well-known sender= or destination= takes a probe for each name of that
 *    connection which occurs in a rule; one with a namespace takes a probe for each part of the
 *    message's path or arg0;
 *  - rules that agree on all the above and differ only in argNpath, in a second argN, in a
 *    namespace beside an exact value, are compared one by one. It takes a flood on the very keys of
 *    the message (max_match_rules_per_connection) to be noticed; copies of one rule by one owner
 *    are a single entry.
 *
 * Adding and removing are O(1). A rule of 100 bytes takes about 200 bytes.
 */
#pragma once

#include "base/hash.h"
#include "bus/match-rule.h"
#include "policy/names.h"

/* Embedded in each connection, once for each index that it has rules in. */
struct MatchOwner {
        ListNode rules;   /* MatchRule.owned, in the order in which they were added */
        unsigned n_rules; /* each as often as it was added */
        uint64_t
                last_match; /* number of the last look-up that found it, so that it is found once */
};

typedef struct MatchIndex MatchIndex; /* one for clients, one for monitors */

typedef struct MatchQuery {
        const MessageView *message;
        WireString sender_unique;    /* ":1.5", or org.freedesktop.DBus */
        const NameSet *sender_names; /* NULL: the bus itself */
        /*
         * Of the addressed connection, for destination=. NULL: there is none; the message's own
         * field is compared, so that what goes to the bus, or to nobody, can be matched.
         */
        const NameSet *receiver_names;
        bool eavesdrop; /* only rules with eavesdrop='true': for messages that have a destination */
        /* Whether the owner of a rule with this sender= may know that the sender has the name, with
         * the user pointer of match_index_find(); NULL: everybody may. */
        bool (*knows_sender)(MatchOwner *owner, WireString name, void *user);
} MatchQuery;

MatchIndex *match_index_new(void);

/** match_index_free() - all rules must be gone (asserted); NULL is fine */
void match_index_free(MatchIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MatchIndex, match_index_free)

void match_owner_init(MatchOwner *owner);

/**
 * match_index_add() - files @rule, which it takes over, for @owner; the same rule may be added many
 * times and counts each time
 */
void match_index_add(MatchIndex *index, MatchRule *rule, MatchOwner *owner);

/** match_index_remove() - takes one rule equal to @rule away from @owner; false if there is none */
bool match_index_remove(MatchIndex *index, const MatchRule *rule, MatchOwner *owner);

/** match_index_remove_owner() - takes away all rules of @owner. O(1) for each */
void match_index_remove_owner(MatchIndex *index, MatchOwner *owner);

/** match_index_is_empty() - so that the caller can save itself the query */
bool match_index_is_empty(const MatchIndex *index);

/** match_index_has_eavesdroppers() - the same for queries with eavesdrop set */
bool match_index_has_eavesdroppers(const MatchIndex *index);

/**
 * match_index_get_n_rules() - rules of all owners, each as often as it was added; for statistics
 */
uint64_t match_index_get_n_rules(const MatchIndex *index);

typedef void (*MatchFound)(MatchOwner *owner, void *user);

/**
 * match_index_find() - calls @found once for each owner of at least one rule that matches
 *
 * A rule with eavesdrop='true' also matches in queries without eavesdrop. In the order in which the
 * owners' first matching rules come up, which is stable but otherwise unspecified. All are found
 * before @found is called for the first, so it may look for others in turn; owners must not go. Arguments of the message are read at most once, and only if a rule wants them.
 */
void match_index_find(MatchIndex *index, const MatchQuery *query, MatchFound found, void *user);

/**
 * match_owner_foreach() - all rules of @owner in the order in which they were added, for
 * GetAllMatchRules
 *
 * A rule that was added many times is visited as often. owner->n_rules says how many come;
 * match_rule_to_text() is what is shown of each.
 */
void match_owner_foreach(const MatchOwner *owner, void (*visit)(const MatchRule *rule, void *user),
                         void *user);
