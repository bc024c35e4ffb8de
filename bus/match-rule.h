/* SPDX-License-Identifier: MIT */
/* One match rule: parsed, compared, printed ("Match Rules"). */
#pragma once

#include "base/hash.h"
#include "wire/message.h"

#include <glib.h>
#include <stdbool.h>

/*
 * Rules are at most this many bytes long, and arguments are numbered up to this, as in the
 * reference implementation.
 */
#define MATCH_RULE_MAX_LENGTH 1024
#define MATCH_RULE_MAX_ARG 63

typedef struct MatchOwner MatchOwner; /* bus/match-index.h */

#define MATCH_RULE_ERROR match_rule_error_quark()
GQuark match_rule_error_quark(void);

typedef enum MatchRuleError {
        MATCH_RULE_ERROR_INVALID,  /* the D-Bus error is MatchRuleInvalid */
        MATCH_RULE_ERROR_TOO_LONG, /* LimitsExceeded */
} MatchRuleError;

/*
 * Keys whose value is one text, in the order in which a rule keeps them. path_namespace= is a path,
 * too.
 */
typedef enum MatchKey {
        MATCH_SENDER,
        MATCH_INTERFACE,
        MATCH_MEMBER,
        MATCH_PATH,
        MATCH_DESTINATION,
        MATCH_KEYS,
} MatchKey;

typedef enum MatchArgKind { MATCH_ARG_EQUAL, MATCH_ARG_PATH, MATCH_ARG_NAMESPACE } MatchArgKind;

/* One of argN=, argNpath=, arg0namespace=. */
typedef struct MatchArg {
        uint8_t index;
        uint8_t kind;    /* MatchArgKind */
        uint16_t length; /* of its value */
} MatchArg;

/*
 * Immutable but for its place in an index, and small, because a session has thousands: one
 * allocation holds
 *
 *      the struct | arguments, sorted by number | text of sender, interface, ... | of each argument
 *
 * without NULs; where a text starts follows from the lengths of those before it.
 */
typedef struct MatchRule {
        /* Place in the index that it was added to, see bus/match-index.c. */
        HashNode by_key, by_equality;
        ListNode siblings;
        ListNode owned;     /* in MatchOwner.rules */
        MatchOwner *owner;  /* borrowed */
        uint32_t n_times;   /* how often its owner has added it */
        uint16_t shape;     /* which keys it is filed under */
        uint16_t rest;      /* what that leaves to be compared */
        bool is_leader;     /* of its siblings */

        /* What it says: from here to the end is what is hashed and compared. Has no padding. */
        uint16_t lengths[MATCH_KEYS]; /* 0: key is absent */
        uint8_t type;                 /* MESSAGE_TYPE_..., 0: any */
        bool eavesdrop;               /* eavesdrop='true' */
        bool path_is_namespace;
        uint8_t n_args;
        MatchArg args[];
} MatchRule;

/**
 * match_rule_parse() - reads the text of a rule
 * @text: as a client sent it, not necessarily valid
 *
 * Same grammar as the reference implementation, its oddities included: white space is skipped
 * before keys and before '=' but belongs to values; a backslash takes only an apostrophe's meaning
 * away, and none inside apostrophes; the number of an argument may be octal or hexadecimal; an
 * empty key ends the rule. A key that occurs twice is refused, but for eavesdrop, where the last
 * one counts. The empty rule is valid and matches all.
 *
 * Return: newly allocated; NULL with @error set, of MATCH_RULE_ERROR and with a text for the
 * client.
 */
MatchRule *match_rule_parse(WireString text, GError **error);

/**
 * match_rule_names_eavesdrop() - whether a rule, not necessarily valid, has the key eavesdrop, with
 * whatever value, before anything that is wrong with it
 */
bool match_rule_names_eavesdrop(WireString text);

void match_rule_free(MatchRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MatchRule, match_rule_free)

/** match_rule_get() - value of a key; absent when the rule lacks it. Not followed by a NUL */
WireString match_rule_get(const MatchRule *rule, MatchKey key);

/**
 * match_rule_get_arg() - value of the argument at position @i of rule->args. Not followed by a NUL
 */
WireString match_rule_get_arg(const MatchRule *rule, unsigned i);

/** match_rule_hash() - equal rules have equal hashes */
uint64_t match_rule_hash(const MatchRule *rule);

/**
 * match_rule_equal() - whether both have the same keys and values, in whatever order they were
 * written
 *
 * eavesdrop='false' is the same as no such key.
 */
bool match_rule_equal(const MatchRule *a, const MatchRule *b);

/** match_rule_to_text() - in canonical order, as GetAllMatchRules shows it; newly allocated */
char *match_rule_to_text(const MatchRule *rule);

/**
 * match_arg_path_matches() - argNpath: both are equal, or one ends in '/' and is how the other
 * starts
 */
bool match_arg_path_matches(WireString rule, WireString argument);

/**
 * match_namespace_contains() - whether @text is @top, or continues it after @separator. A top of
 * '/' contains all paths
 */
bool match_namespace_contains(WireString top, WireString text, char separator);
