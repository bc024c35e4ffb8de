/* SPDX-License-Identifier: MIT */
/*
 * The bus suggests for each message the rule for just that message. What is left to do is to see
 * that two suggestions are the same but for a number of this run, that one includes another, or
 * that call and receive go together.
 */
#include "tools/rule-learner.h"

#include "policy/container-rules.h"

#include <string.h>

struct RuleLearner {
        GPtrArray *rules; /* owned; of ContainerRule *, owned, none twice */
        GPtrArray *notes; /* owned; of char *, owned, none twice */
};

static void free_rule(void *rule) {
        container_rule_free(rule);
}

RuleLearner *rule_learner_new(void) {
        RuleLearner *learner = g_new0(RuleLearner, 1);

        learner->rules = g_ptr_array_new_with_free_func(free_rule);
        learner->notes = g_ptr_array_new_with_free_func(g_free);
        return learner;
}

void rule_learner_free(RuleLearner *learner) {
        if (!learner)
                return;
        g_ptr_array_unref(learner->rules);
        g_ptr_array_unref(learner->notes);
        g_free(learner);
}

static void add_note(RuleLearner *learner, const char *note) {
        for (guint i = 0; i < learner->notes->len; i++)
                if (strcmp(learner->notes->pdata[i], note) == 0)
                        return;
        g_ptr_array_add(learner->notes, g_strdup(note));
}

/* ":1.42" is "1_42" in a path. */
static bool has_unique_name(const char *element, const char *name) {
        g_autofree char *part = NULL;

        if (!name || name[0] != ':')
                return false;
        part = g_strdelimit(g_strdup(name + 1), ".", '_');
        return strstr(element, part) != NULL;
}

static bool is_number(const char *element) {
        return g_ascii_isdigit(element[0]) && element[strspn(element, "0123456789_")] == '\0';
}

static bool is_of_this_run(const char *element, const DenialRecord *record) {
        g_autofree char *pid = g_strdup_printf("%u", record->pid);

        return is_number(element) || has_unique_name(element, record->sender) ||
               has_unique_name(element, record->receiver) ||
               (record->pid > 9 && strstr(element, pid));
}

/* Everything below the last element that stays the same. */
static void generalise_path(ContainerRule *rule, const DenialRecord *record) {
        g_auto(GStrv) elements = g_strsplit(rule->object_path + 1, "/", -1);
        size_t n_bytes = 0;

        for (char **element = elements; *element; element++) {
                if (is_of_this_run(*element, record)) {
                        /* "/" stays, else the slash before the element goes, too */
                        rule->object_path[MAX(n_bytes, 1)] = '\0';
                        rule->flags |= CONTAINER_RULE_PATH_IS_SUBTREE;
                        return;
                }
                n_bytes += 1 + strlen(*element);
        }
}

/* Two rules that differ in what they allow only are one. */
static bool is_same_target(const ContainerRule *a, const ContainerRule *b) {
        const uint32_t shape = CONTAINER_RULE_NAME_IS_NAMESPACE | CONTAINER_RULE_PATH_IS_SUBTREE;

        return (a->flags & shape) == (b->flags & shape) && strcmp(a->bus_name, b->bus_name) == 0 &&
               strcmp(a->object_path, b->object_path) == 0 &&
               strcmp(a->interface, b->interface) == 0;
}

static void merge_rule(RuleLearner *learner, const ContainerRule *rule) {
        for (guint i = 0; i < learner->rules->len; i++) {
                ContainerRule *known = learner->rules->pdata[i];

                if (!is_same_target(known, rule))
                        continue;
                known->flags |= rule->flags;
                /* the others imply it */
                if (known->flags & (CONTAINER_RULE_VERBS & ~CONTAINER_RULE_SEE))
                        known->flags &= ~(uint32_t)CONTAINER_RULE_SEE;
                return;
        }
        g_ptr_array_add(learner->rules, container_rule_copy(rule));
}

void rule_learner_add(RuleLearner *learner, const DenialRecord *record) {
        g_auto(ContainerRule) rule = { 0 };
        g_autofree char *what = denial_record_describe(record);
        g_autofree char *note = NULL;

        if (g_strcmp0(record->layer, "container") != 0 || !record->rule ||
            !container_rule_parse(record->rule, &rule, NULL) || rule.flags == 0) {
                note = g_strdup_printf("%s: %s", record->layer ? record->layer : "?", what);
                add_note(learner, note);
                return;
        }
        if (rule.bus_name[0] == ':') {
                /* to be seen alone is nothing to give to all */
                if ((rule.flags & CONTAINER_RULE_VERBS) == CONTAINER_RULE_SEE &&
                    !(rule.flags & CONTAINER_RULE_SEND_UNIX_FDS)) {
                        note = g_strdup_printf("container: %s, which has no other name",
                                               record->rule);
                        add_note(learner, note);
                        return;
                }
                rule.bus_name[0] = '\0';
        }
        generalise_path(&rule, record);
        merge_rule(learner, &rule);
}

/* What @rule allows, asked as one message of each kind. */
static bool is_allowed(const ContainerRules *rules, const ContainerRule *rule, uint32_t verb) {
        uint32_t fds = rule->flags & CONTAINER_RULE_SEND_UNIX_FDS;
        ContainerRuleQuery query = { .need = verb | fds,
                                     .name = wire_string(rule->bus_name),
                                     .path = wire_string(rule->object_path) };
        const char *dot = strrchr(rule->interface, '.');

        if (!(rule->flags & verb))
                return true;
        if (dot) {
                query.interface = (WireString){ .data = rule->interface,
                                                .length = (uint32_t)(dot - rule->interface) };
                query.member = wire_string(dot + 1);
        }
        return container_rules_allow(rules, &query);
}

/* Whether @rules allow all that @rule does. Rules for subtrees are left to themselves. */
static bool is_included(const ContainerRules *rules, const ContainerRule *rule) {
        WireString name = wire_string(rule->bus_name);
        uint32_t messages = CONTAINER_RULE_CALL | CONTAINER_RULE_RECEIVE;

        if (rule->bus_name[0] == '\0' || rule->flags & CONTAINER_RULE_NAME_IS_NAMESPACE)
                return false;
        if ((rule->flags & CONTAINER_RULE_OWN) && !container_rules_own(rules, name))
                return false;
        if (!(rule->flags & messages))
                return !(rule->flags & CONTAINER_RULE_SEND_UNIX_FDS) &&
                       container_rules_see_name(rules, name);
        return !(rule->flags & CONTAINER_RULE_PATH_IS_SUBTREE) &&
               is_allowed(rules, rule, CONTAINER_RULE_CALL) &&
               is_allowed(rules, rule, CONTAINER_RULE_RECEIVE);
}

void rule_learner_finish(const RuleLearner *learner, RuleList *list) {
        g_autoptr(GPtrArray) kept = g_ptr_array_new();

        for (guint i = 0; i < learner->rules->len; i++)
                g_ptr_array_add(kept, learner->rules->pdata[i]);
        for (guint i = kept->len; i-- > 0;) {
                g_autoptr(ContainerRules) others = container_rules_new();

                for (guint j = 0; j < kept->len; j++)
                        if (j != i)
                                container_rules_add(others, kept->pdata[j]);
                if (is_included(others, kept->pdata[i]))
                        g_ptr_array_remove_index(kept, i);
        }
        for (guint i = 0; i < kept->len; i++)
                rule_list_add(list, kept->pdata[i], "learned");
        rule_list_sort(list);
}

const GPtrArray *rule_learner_get_notes(const RuleLearner *learner) {
        return learner->notes;
}
