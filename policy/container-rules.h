/* SPDX-License-Identifier: MIT */
/*
 * Rules of container servers (containers1, section 3): values, text form, and a compiled set of them whose
 * questions cost the same for one rule as for thousands.
 */
#pragma once

#include "policy/names.h"
#include "wire/message.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum {
        CONTAINER_RULE_SEE = 0x01,
        CONTAINER_RULE_CALL = 0x02,
        CONTAINER_RULE_RECEIVE = 0x04,
        CONTAINER_RULE_OWN = 0x08,
        CONTAINER_RULE_SEND_UNIX_FDS = 0x10,
        CONTAINER_RULE_NAME_IS_NAMESPACE = 0x100,
        CONTAINER_RULE_PATH_IS_SUBTREE = 0x200,
};

#define CONTAINER_RULE_VERBS \
        (CONTAINER_RULE_SEE | CONTAINER_RULE_CALL | CONTAINER_RULE_RECEIVE | CONTAINER_RULE_OWN)

/* One rule as given: (usos). */
typedef struct ContainerRule {
        uint32_t flags;
        char *bus_name, *object_path, *interface; /* owned; empty, never NULL */
} ContainerRule;

void container_rule_clear(ContainerRule *rule);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ContainerRule, container_rule_clear)

/** container_rule_check() - whether flags and strings are a rule; the error says which part is wrong and what was expected */
bool container_rule_check(const ContainerRule *rule, GError **error);

/**
 * container_rule_parse() - reads one line of the text form
 * @line:     without newline; a comment after # is ignored
 * @ret_rule: set on success; caller clears it. An empty or comment line gives flags 0.
 */
bool container_rule_parse(const char *line, ContainerRule *ret_rule, GError **error);

/**
 * container_rule_parse_nameless() - the same for opt-ins in service files, which have no name
 *
 * Empty text is an error.
 */
bool container_rule_parse_nameless(const char *text, ContainerRule *ret_rule, GError **error);

/** container_rule_to_text() - the text form, as container_rule_parse() reads it back; newly allocated */
char *container_rule_to_text(const ContainerRule *rule);

/**
 * container_rules_parse_text() - reads many lines
 * @name: of the source, for errors: "NAME:LINE: what is wrong"
 * @first_line: number of the first line
 *
 * Return: array of ContainerRule * (owned), NULL with @error set.
 */
GPtrArray *container_rules_parse_text(const char *text, const char *name, unsigned first_line, GError **error);

/** container_rule_copy() - newly allocated; free with container_rule_free() */
ContainerRule *container_rule_copy(const ContainerRule *rule);
void container_rule_free(ContainerRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ContainerRule, container_rule_free)

/* A compiled, growing set. */
typedef struct ContainerRules ContainerRules;

ContainerRules *container_rules_new(void);
void container_rules_free(ContainerRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ContainerRules, container_rules_free)

/** container_rules_add() - compiles a checked rule in; it is copied */
void container_rules_add(ContainerRules *rules, const ContainerRule *rule);

/** container_rules_get() - rules in the order in which they were added; array of ContainerRule *, borrowed */
const GPtrArray *container_rules_get(const ContainerRules *rules);

/* What a message or name is asked about. Absent strings: data NULL. */
typedef struct ContainerRuleQuery {
        uint32_t need;         /* CALL or RECEIVE, or one of them with SEND_UNIX_FDS: one rule must grant both */
        WireString name;       /* well-known name that was addressed; absent: all primary names of @names count */
        const NameSet *names;  /* of the other connection; NULL: it does not run (name decides) */
        WireString path, interface, member;
} ContainerRuleQuery;

/**
 * container_rules_allow() - whether one rule matches all of @query
 *
 * The unique name in @names counts always. The cost follows the number of names that count, the dots in them, and the
 * depth of path and interface; not the number of rules.
 */
bool container_rules_allow(const ContainerRules *rules, const ContainerRuleQuery *query);

/** container_rules_may_send_fds() - for returns: any rule with SEND_UNIX_FDS whose bus_name matches one of @names */
bool container_rules_may_send_fds(const ContainerRules *rules, const NameSet *names);

/** container_rules_see_name() - whether any rule covers well-known or unique @name; also what OWN, CALL, RECEIVE rules imply */
bool container_rules_see_name(const ContainerRules *rules, WireString name);

/** container_rules_see() - whether any rule covers a connection with @names */
bool container_rules_see(const ContainerRules *rules, const NameSet *names);

/** container_rules_own() - whether @name may be requested */
bool container_rules_own(const ContainerRules *rules, WireString name);
