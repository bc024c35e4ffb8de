/* SPDX-License-Identifier: MIT */
/* One match rule: parsed, compared, printed ("Match Rules"). */
#pragma once

#include "base/hash.h"
#include "wire/message.h"

#include <glib.h>
#include <stdbool.h>

/* Rules are at most this long (as in the reference implementation). */
#define MATCH_RULE_MAX_LENGTH 1024
#define MATCH_RULE_MAX_ARG 63

typedef enum MatchArgKind { MATCH_ARG_EQUAL, MATCH_ARG_PATH, MATCH_ARG_NAMESPACE } MatchArgKind;

typedef struct MatchArg {
        uint8_t index;
        uint8_t kind; /* MatchArgKind */
        WireString value;
} MatchArg;

/*
 * Immutable; one allocation holds the struct, its arguments (sorted by index) and all text. Absent keys have
 * data NULL. Which keys are there decides how MatchIndex files it.
 */
typedef struct MatchRule {
        uint8_t type;      /* MESSAGE_TYPE_..., 0: any */
        bool eavesdrop;    /* eavesdrop='true' */
        bool has_eavesdrop; /* the key was given, with whatever value */
        bool path_is_namespace;
        uint8_t n_args;
        WireString sender, interface, member, path, destination;
        uint64_t hash;     /* of all keys: equal rules have equal hashes */
        MatchArg args[];
} MatchRule;

/**
 * match_rule_parse() - reads the text of a rule
 * @text: as a client sent it, not necessarily valid
 *
 * Return: newly allocated; NULL with @error set (text for the client; the D-Bus error is MatchRuleInvalid).
 */
MatchRule *match_rule_parse(WireString text, GError **error);
void match_rule_free(MatchRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MatchRule, match_rule_free)

/** match_rule_equal() - whether both have the same keys and values, in whatever order they were written */
bool match_rule_equal(const MatchRule *a, const MatchRule *b);

/** match_rule_to_text() - in canonical order; newly allocated */
char *match_rule_to_text(const MatchRule *rule);
