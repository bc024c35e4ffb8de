/* SPDX-License-Identifier: MIT */
/*
 * Which keys a match rule has, and the hash of their values under which an index files it. For
 * bus/match-index.
 */
#pragma once

#include "base/hash.h"
#include "bus/match-rule.h"

/*
 * What a rule may ask for, alone or together with others. Values of features below
 * MATCH_FEATURE_REST can be part of a key, in this order.
 */
typedef enum MatchFeature {
        MATCH_FEATURE_INTERFACE,
        MATCH_FEATURE_MEMBER,
        MATCH_FEATURE_SENDER, /* unique name, or that of the bus */
        MATCH_FEATURE_PATH,
        MATCH_FEATURE_ARG,         /* the first argN= */
        MATCH_FEATURE_DESTINATION, /* unique name, or that of the bus */
        MATCH_FEATURE_SINGLE, /* of each of these a message has one value at most, of others many */
        MATCH_FEATURE_PATH_NAMESPACE = MATCH_FEATURE_SINGLE,
        MATCH_FEATURE_ARG0_NAMESPACE,
        MATCH_FEATURE_DESTINATION_NAME, /* well-known name */
        MATCH_FEATURE_EAVESDROP,        /* has no value */
        MATCH_FEATURE_REST,
        MATCH_FEATURE_SENDER_NAME = MATCH_FEATURE_REST, /* well-known name */
        MATCH_FEATURE_ARGS, /* arguments beyond, or namespaces longer than, what is in the key */
} MatchFeature;

#define MATCH_BIT(feature) (1u << (feature))

/*
 * A namespace is part of a key up to this many of its parts, which bounds the probes that a long
 * path can cause.
 */
#define MATCH_MAX_PARTS 8

/* What rules with the same features have in common. */
typedef struct MatchShape {
        uint64_t hash;     /* keys start from it */
        uint32_t n_rules;  /* the index's count of rules that are filed so */
        uint16_t features; /* MATCH_BIT() of each */
        uint8_t type;      /* MESSAGE_TYPE_..., 0: any */
        uint8_t arg;       /* number of MATCH_FEATURE_ARG; 0 without it */
} MatchShape;

/**
 * match_name_is_well_known() - false for unique names and that of the bus, which are one connection
 * each, and absent ones
 */
bool match_name_is_well_known(WireString name);

/** match_rule_features() - MATCH_BIT() of all that @rule asks for but its type */
unsigned match_rule_features(const MatchRule *rule);

/**
 * match_rule_value() - value of a feature that @rule has, as far as it is part of a key;
 * MATCH_FEATURE_ARGS has none
 */
WireString match_rule_value(const MatchRule *rule, MatchFeature feature);

/** match_rule_first_arg() - position in rule->args of the first argN=, n_args if there is none */
unsigned match_rule_first_arg(const MatchRule *rule);

/**
 * match_namespace_starts() - the starts of a path or name which a namespace in a key can be,
 * shortest first
 * @text: not empty; for "/a/b" these are "/", "/a" and "/a/b", for "a.b" they are "a" and "a.b"
 *
 * Return: how many of @ret_starts are set.
 */
unsigned match_namespace_starts(WireString text, char separator,
                                WireString ret_starts[MATCH_MAX_PARTS + 1]);

/**
 * match_shape_init() - the shape of rules that are filed like @rule under @features
 * @seed: the same for all rules that share a list of shapes
 */
void match_shape_init(MatchShape *shape, const MatchRule *rule, unsigned features, uint64_t seed);

/** match_shape_equal() - whether rules of both are filed together, given the same seed */
static inline bool match_shape_equal(const MatchShape *a, const MatchShape *b) {
        return a->features == b->features && a->type == b->type && a->arg == b->arg;
}

/** match_shape_has_value() - whether a value of @feature is part of the key */
static inline bool match_shape_has_value(const MatchShape *shape, unsigned feature) {
        return (shape->features & MATCH_BIT(feature)) && feature != MATCH_FEATURE_EAVESDROP;
}

/**
 * match_shape_key() - the key of a rule of this shape: its hash combined with that of each value,
 * in the order of features
 */
uint64_t match_shape_key(const MatchShape *shape, const MatchRule *rule);
