/* SPDX-License-Identifier: MIT */
/*
 * The rules of one container server, compiled: questions cost the same for one rule as for
 * thousands.
 */
#pragma once

#include "policy/container-rule.h"
#include "policy/names.h"
#include "wire/message.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A compiled, growing set. */
typedef struct ContainerRules ContainerRules;

ContainerRules *container_rules_new(void);
void container_rules_free(ContainerRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ContainerRules, container_rules_free)

/** container_rules_add() - compiles a checked rule in; it is copied */
void container_rules_add(ContainerRules *rules, const ContainerRule *rule);

/**
 * container_rules_get() - rules in the order in which they were added; array of ContainerRule *,
 * borrowed
 */
const GPtrArray *container_rules_get(const ContainerRules *rules);

/** container_rules_get_room() - how many more rules there may be, given a limit of them */
RuleRoom container_rules_get_room(const ContainerRules *rules, uint64_t max_rules);

/* What a message or name is asked about. Absent strings: data NULL. */
typedef struct ContainerRuleQuery {
        uint32_t need;         /* CALL or RECEIVE, perhaps with SEND_UNIX_FDS, all by one rule */
        WireString name;       /* well-known one that was addressed; absent: all of @names count */
        const NameSet *names;  /* of the other connection; NULL: it does not run (name decides) */
        WireString path, interface, member;
} ContainerRuleQuery;

/**
 * container_rules_allow() - whether one rule matches all of @query
 *
 * The unique name in @names counts always. The cost follows the number of names that count, the
 * dots in them, and the depth of path and interface; not the number of rules.
 */
bool container_rules_allow(const ContainerRules *rules, const ContainerRuleQuery *query);

/**
 * container_rules_may_send_fds() - for returns: any rule with SEND_UNIX_FDS whose bus_name matches
 * one of @names
 */
bool container_rules_may_send_fds(const ContainerRules *rules, const NameSet *names);

/**
 * container_rules_see_name() - whether any rule covers well-known or unique @name; also what OWN,
 * CALL, RECEIVE rules imply
 */
bool container_rules_see_name(const ContainerRules *rules, WireString name);

/** container_rules_see() - whether any rule covers a connection with @names */
bool container_rules_see(const ContainerRules *rules, const NameSet *names);

/** container_rules_call_name() - whether any CALL rule covers @name, for whatever path and interface */
bool container_rules_call_name(const ContainerRules *rules, WireString name);

/** container_rules_own() - whether @name may be requested */
bool container_rules_own(const ContainerRules *rules, WireString name);
