/* SPDX-License-Identifier: MIT */
/*
 * Takes rules apart into the features by which they are filed.
 *
 * The more of a rule is part of its key, the fewer others share that key with it. Left out is only
 * what cannot be looked up by equality: argNpath, which matches both ways, and further arguments,
 * of which there would be too many combinations.
 */
#include "bus/match-shape.h"

bool match_name_is_well_known(WireString name) {
        return name.data && name.data[0] != ':' && !wire_string_is(name, DBUS_BUS_NAME);
}

unsigned match_namespace_starts(WireString text, char separator,
                                WireString ret_starts[MATCH_MAX_PARTS + 1]) {
        unsigned n = 0, n_parts = 0;

        if (separator == '/')
                ret_starts[n++] = (WireString){ .data = text.data, .length = 1 };
        if (text.length <= 1 && separator == '/')
                return n;
        for (uint32_t i = 1;
             i <= MIN(text.length, MATCH_RULE_MAX_LENGTH) && n_parts < MATCH_MAX_PARTS; i++)
                if (i == text.length || text.data[i] == separator) {
                        ret_starts[n++] = (WireString){ .data = text.data, .length = i };
                        n_parts++;
                }
        return n;
}

/* The part of a rule's namespace that is in its key. */
static WireString namespace_in_key(WireString text, char separator) {
        WireString starts[MATCH_MAX_PARTS + 1];

        return starts[match_namespace_starts(text, separator, starts) - 1];
}

unsigned match_rule_first_arg(const MatchRule *rule) {
        unsigned i = 0;

        while (i < rule->n_args && rule->args[i].kind != MATCH_ARG_EQUAL)
                i++;
        return i;
}

static unsigned features_of_args(const MatchRule *rule) {
        unsigned features = 0, n_in_key = 0;

        if (rule->n_args > 0 && rule->args[0].kind == MATCH_ARG_NAMESPACE) {
                WireString value = match_rule_get_arg(rule, 0);

                features |= MATCH_BIT(MATCH_FEATURE_ARG0_NAMESPACE);
                n_in_key += namespace_in_key(value, '.').length == value.length;
        }
        if (match_rule_first_arg(rule) < rule->n_args) {
                features |= MATCH_BIT(MATCH_FEATURE_ARG);
                n_in_key++;
        }
        return rule->n_args > n_in_key ? features | MATCH_BIT(MATCH_FEATURE_ARGS) : features;
}

unsigned match_rule_features(const MatchRule *rule) {
        WireString sender = match_rule_get(rule, MATCH_SENDER);
        WireString destination = match_rule_get(rule, MATCH_DESTINATION);
        unsigned features = features_of_args(rule);

        if (rule->lengths[MATCH_INTERFACE] > 0)
                features |= MATCH_BIT(MATCH_FEATURE_INTERFACE);
        if (rule->lengths[MATCH_MEMBER] > 0)
                features |= MATCH_BIT(MATCH_FEATURE_MEMBER);
        if (sender.data)
                features |= match_name_is_well_known(sender) ? MATCH_BIT(MATCH_FEATURE_SENDER_NAME)
                                                             : MATCH_BIT(MATCH_FEATURE_SENDER);
        if (rule->lengths[MATCH_PATH] > 0)
                features |= rule->path_is_namespace ? MATCH_BIT(MATCH_FEATURE_PATH_NAMESPACE)
                                                    : MATCH_BIT(MATCH_FEATURE_PATH);
        if (destination.data)
                features |= match_name_is_well_known(destination)
                                    ? MATCH_BIT(MATCH_FEATURE_DESTINATION_NAME)
                                    : MATCH_BIT(MATCH_FEATURE_DESTINATION);
        if (rule->eavesdrop)
                features |= MATCH_BIT(MATCH_FEATURE_EAVESDROP);
        return features;
}

WireString match_rule_value(const MatchRule *rule, MatchFeature feature) {
        switch (feature) {
        case MATCH_FEATURE_INTERFACE:
                return match_rule_get(rule, MATCH_INTERFACE);
        case MATCH_FEATURE_MEMBER:
                return match_rule_get(rule, MATCH_MEMBER);
        case MATCH_FEATURE_SENDER:
        case MATCH_FEATURE_SENDER_NAME:
                return match_rule_get(rule, MATCH_SENDER);
        case MATCH_FEATURE_PATH:
                return match_rule_get(rule, MATCH_PATH);
        case MATCH_FEATURE_ARG:
                return match_rule_get_arg(rule, match_rule_first_arg(rule));
        case MATCH_FEATURE_DESTINATION:
        case MATCH_FEATURE_DESTINATION_NAME:
                return match_rule_get(rule, MATCH_DESTINATION);
        case MATCH_FEATURE_PATH_NAMESPACE:
                return namespace_in_key(match_rule_get(rule, MATCH_PATH), '/');
        case MATCH_FEATURE_ARG0_NAMESPACE:
                return namespace_in_key(match_rule_get_arg(rule, 0), '.');
        case MATCH_FEATURE_EAVESDROP:
        case MATCH_FEATURE_ARGS:
                break;
        }
        return (WireString){ 0 };
}

void match_shape_init(MatchShape *shape, const MatchRule *rule, unsigned features, uint64_t seed) {
        *shape = (MatchShape){ .features = (uint16_t)features, .type = rule->type };
        if (features & MATCH_BIT(MATCH_FEATURE_ARG))
                shape->arg = rule->args[match_rule_first_arg(rule)].index;
        shape->hash = hash_combine(
                seed, hash_u64((uint64_t)features << 16 | (uint64_t)shape->type << 8 | shape->arg));
}

uint64_t match_shape_key(const MatchShape *shape, const MatchRule *rule) {
        uint64_t key = shape->hash;

        for (unsigned feature = 0; feature < MATCH_FEATURE_REST; feature++)
                if (match_shape_has_value(shape, feature)) {
                        WireString value = match_rule_value(rule, (MatchFeature)feature);

                        key = hash_combine(key, hash_bytes(value.data, value.length));
                }
        return key;
}
