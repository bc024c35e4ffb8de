/* SPDX-License-Identifier: MIT */
/*
 * Rules with the places that they come from, on their way from files and arguments to the bus, and
 * back.
 */
#pragma once

#include "policy/container-rule.h"

#include <gio/gio.h>

/* A rule, and what to tell a person who wonders why it is there. */
typedef struct SourcedRule {
        ContainerRule rule;
        char *source; /* owned; "FILE:LINE", "--allow", or another word */
} SourcedRule;

typedef struct RuleList RuleList;

RuleList *rule_list_new(void);
void rule_list_free(RuleList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleList, rule_list_free)

/**
 * rule_list_get() - all rules in the order in which they were added; array of SourcedRule *,
 * borrowed
 */
const GPtrArray *rule_list_get(const RuleList *list);

/** rule_list_add() - adds a checked rule; it and @source are copied */
void rule_list_add(RuleList *list, const ContainerRule *rule, const char *source);

/** rule_list_add_all() - adds copies of all rules of @other */
void rule_list_add_all(RuleList *list, const RuleList *other);

/** rule_list_add_text() - adds the one rule in @text, given to the option @option */
bool rule_list_add_text(RuleList *list, const char *text, const char *option, GError **error);

/**
 * rule_list_add_file() - adds the rules in a file, one a line
 *
 * Return: false with @error, "FILE:LINE: what is wrong"; some rules may have been added.
 */
bool rule_list_add_file(RuleList *list, const char *file, GError **error);

/** rule_list_add_variant() - adds rules as the bus gives them, a(usos) */
void rule_list_add_variant(RuleList *list, GVariant *rules, const char *source);

/**
 * rule_list_add_grants() - adds what services allow by themselves as the bus gives it, a(usossu), as
 * rules for the service; the source is the service file, or AllowContainers
 */
void rule_list_add_grants(RuleList *list, GVariant *grants);

/** rule_list_sort() - by name, interface and path */
void rule_list_sort(RuleList *list);

/** rule_list_to_variant() - as the bus takes them; floating a(usos) */
GVariant *rule_list_to_variant(const RuleList *list);

/** rule_list_print() - one in text form per line, @indent before each */
void rule_list_print(const RuleList *list, const char *indent);
