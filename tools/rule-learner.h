/* SPDX-License-Identifier: MIT */
/*
 * From what a permissive container is told that it lacks to the smallest set of rules.
 */
#pragma once

#include "tools/denial-record.h"
#include "tools/rule-list.h"

typedef struct RuleLearner RuleLearner;

RuleLearner *rule_learner_new(void);
void rule_learner_free(RuleLearner *learner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleLearner, rule_learner_free)

/**
 * rule_learner_add() - takes note of a denial, or the report of one
 *
 * Parts that differ from run to run are generalised: elements of a path that are numbers, or have
 * the pid or a unique name in them, and receivers that have no name but a unique one.
 */
void rule_learner_add(RuleLearner *learner, const DenialRecord *record);

/** rule_learner_finish() - adds the rules that are missing, none of which another one includes */
void rule_learner_finish(const RuleLearner *learner, RuleList *list);

/** rule_learner_get_notes() - what no rule can allow; array of char *, borrowed */
const GPtrArray *rule_learner_get_notes(const RuleLearner *learner);
