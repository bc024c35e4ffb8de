/* SPDX-License-Identifier: MIT */
/*
 * All match rules of the bus, filed so that the cost of a message follows the number of its receivers, not the
 * number of rules.
 */
#pragma once

#include "base/hash.h"
#include "bus/match-rule.h"
#include "policy/names.h"

/* Embedded in each connection. */
typedef struct MatchOwner {
        ListNode rules;      /* its rules, of MatchEntry */
        unsigned n_rules;
        uint64_t last_match; /* number of the last look-up that found it, so that it is found once */
} MatchOwner;

typedef struct MatchIndex MatchIndex; /* one for broadcasts, one for eavesdroppers, one for monitors */

typedef struct MatchQuery {
        const MessageView *message;
        WireString sender_unique;      /* ":1.5", or org.freedesktop.DBus */
        const NameSet *sender_names;   /* NULL: the bus itself */
        const NameSet *receiver_names; /* of the addressed connection, for destination=; NULL: none */
} MatchQuery;

MatchIndex *match_index_new(void);
void match_index_free(MatchIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MatchIndex, match_index_free)

void match_owner_init(MatchOwner *owner);

/** match_index_add() - files @rule, which it takes over, for @owner; the same rule may be added many times and counts each time */
void match_index_add(MatchIndex *index, MatchRule *rule, MatchOwner *owner);

/** match_index_remove() - takes one rule equal to @rule away from @owner; false if there is none */
bool match_index_remove(MatchIndex *index, const MatchRule *rule, MatchOwner *owner);

/** match_index_remove_owner() - takes away all rules of @owner */
void match_index_remove_owner(MatchIndex *index, MatchOwner *owner);

/** match_index_is_empty() - so that the caller can save itself the query */
bool match_index_is_empty(const MatchIndex *index);

typedef void (*MatchFound)(MatchOwner *owner, void *user);

/**
 * match_index_find() - calls @found once for each owner of at least one rule that matches
 *
 * In the order in which the owners' first matching rules come up, which is stable but otherwise unspecified. @found must not
 * change the index. Arguments of the message are read at most once, and only if a rule wants them.
 */
void match_index_find(MatchIndex *index, const MatchQuery *query, MatchFound found, void *user);

/** match_owner_foreach() - all rules of @owner in the order in which they were added, for GetAllMatchRules */
void match_owner_foreach(const MatchOwner *owner, void (*visit)(const MatchRule *rule, void *user), void *user);
