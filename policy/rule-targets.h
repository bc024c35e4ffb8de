/* SPDX-License-Identifier: MIT */
/*
 * The paths and interfaces that rules for one peer cover: what is left of container rules once
 * names are compared. Shared by the rules of containers and the opt-ins of services.
 */
#pragma once

#include "base/hash.h"
#include "policy/container-rule.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

/* CONTAINER_RULE_CALL and _RECEIVE as granted by some rule, and by some rule that also has
 * SEND_UNIX_FDS. */
typedef struct RuleGrant {
        uint8_t plain, with_fds;
} RuleGrant;

/* Embedded; zeroed it is a valid empty one. */
typedef struct RuleTargets {
        RuleGrant anywhere;       /* for all paths and interfaces */
        RuleGrant somewhere;      /* union of everything, for a quick no */
        HashTable paths;
        uint32_t longest_subtree; /* bytes; no longer prefix of a path needs a look */
} RuleTargets;

/** rule_targets_clear() - frees the index */
void rule_targets_clear(RuleTargets *targets);

/**
 * rule_targets_add() - indexes a checked rule; its strings are borrowed and must stay as long as
 * @targets
 */
void rule_targets_add(RuleTargets *targets, const ContainerRule *rule);

/**
 * rule_targets_allow() - whether one rule has the flags @need and covers path, interface and member
 * @need: CALL or RECEIVE, perhaps with SEND_UNIX_FDS
 *
 * Absent path or interface is covered by rules for all paths or all interfaces only. The cost
 * follows the depth of the path up to the deepest rule and that of the interface, not the number of
 * rules.
 */
bool rule_targets_allow(const RuleTargets *targets, uint32_t need, WireString path,
                        WireString interface, WireString member);
