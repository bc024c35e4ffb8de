/* SPDX-License-Identifier: MIT */
/*
 * Rules are parsed here, before the bus is asked, so that a mistake is answered with the place that
 * it is in. The bus checks them again.
 */
#include "tools/rule-list.h"

#include "tools/small-file.h"

#include <string.h>

struct RuleList {
        GPtrArray *rules; /* owned; of SourcedRule *, owned */
};

static void sourced_rule_free(void *data) {
        SourcedRule *sourced = data;

        container_rule_clear(&sourced->rule);
        g_free(sourced->source);
        g_free(sourced);
}

RuleList *rule_list_new(void) {
        RuleList *list = g_new0(RuleList, 1);

        list->rules = g_ptr_array_new_with_free_func(sourced_rule_free);
        return list;
}

void rule_list_free(RuleList *list) {
        if (!list)
                return;
        g_ptr_array_unref(list->rules);
        g_free(list);
}

const GPtrArray *rule_list_get(const RuleList *list) {
        return list->rules;
}

void rule_list_add(RuleList *list, const ContainerRule *rule, const char *source) {
        SourcedRule *sourced = g_new0(SourcedRule, 1);

        sourced->rule = (ContainerRule){ .flags = rule->flags,
                                         .bus_name = g_strdup(rule->bus_name),
                                         .object_path = g_strdup(rule->object_path),
                                         .interface = g_strdup(rule->interface) };
        sourced->source = g_strdup(source);
        g_ptr_array_add(list->rules, sourced);
}

void rule_list_add_all(RuleList *list, const RuleList *other) {
        for (guint i = 0; i < other->rules->len; i++) {
                const SourcedRule *sourced = other->rules->pdata[i];

                rule_list_add(list, &sourced->rule, sourced->source);
        }
}

bool rule_list_add_text(RuleList *list, const char *text, const char *option, GError **error) {
        g_auto(ContainerRule) rule = { 0 };

        if (strchr(text, '\n')) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "%s takes one rule, several in one argument are not understood; "
                            "give it more than once",
                            option);
                return false;
        }
        if (!container_rule_parse(text, &rule, error)) {
                g_prefix_error(error, "%s '%s': ", option, text);
                return false;
        }
        if (rule.flags == 0) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "%s '%s': no rule in it; expected for instance 'talk "
                            "org.example.Service'",
                            option, text);
                return false;
        }

        rule_list_add(list, &rule, option);
        return true;
}

static bool add_line(RuleList *list, const char *line, const char *source, GError **error) {
        g_auto(ContainerRule) rule = { 0 };

        if (!container_rule_parse(line, &rule, error)) {
                g_prefix_error(error, "%s: ", source);
                return false;
        }
        if (rule.flags != 0)
                rule_list_add(list, &rule, source);
        return true;
}

bool rule_list_add_file(RuleList *list, const char *file, GError **error) {
        g_autofree char *text = small_file_read(file, NULL, error);
        g_auto(GStrv) lines = NULL;

        if (!text)
                return false;
        lines = g_strsplit(text, "\n", -1);
        for (unsigned i = 0; lines[i]; i++) {
                g_autofree char *source = g_strdup_printf("%s:%u", file, i + 1);

                if (!add_line(list, lines[i], source, error))
                        return false;
        }
        return true;
}

void rule_list_add_variant(RuleList *list, GVariant *rules, const char *source) {
        GVariantIter iter;
        ContainerRule rule;

        g_variant_iter_init(&iter, rules);
        while (g_variant_iter_next(&iter, "(u&s&o&s)", &rule.flags, &rule.bus_name,
                                   &rule.object_path, &rule.interface))
                rule_list_add(list, &rule, source);
}

void rule_list_add_grants(RuleList *list, GVariant *grants) {
        GVariantIter iter;
        ContainerRule rule;
        const char *file;
        guint32 line;

        g_variant_iter_init(&iter, grants);
        while (g_variant_iter_next(&iter, "(u&s&o&s&su)", &rule.flags, &rule.bus_name,
                                   &rule.object_path, &rule.interface, &file, &line)) {
                g_autofree char *source =
                        *file ? g_strdup_printf("%s:%u", file, line) : g_strdup("AllowContainers");

                rule_list_add(list, &rule, source);
        }
}

static int compare_rules(const void *a, const void *b) {
        const SourcedRule *const *left = a, *const *right = b;
        int order = strcmp((*left)->rule.bus_name, (*right)->rule.bus_name);

        if (order == 0)
                order = strcmp((*left)->rule.interface, (*right)->rule.interface);
        return order != 0 ? order : strcmp((*left)->rule.object_path, (*right)->rule.object_path);
}

void rule_list_sort(RuleList *list) {
        g_ptr_array_sort(list->rules, compare_rules);
}

GVariant *rule_list_to_variant(const RuleList *list) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(usos)"));

        for (guint i = 0; i < list->rules->len; i++) {
                const ContainerRule *rule = &((const SourcedRule *)list->rules->pdata[i])->rule;

                g_variant_builder_add(&builder, "(usos)", rule->flags, rule->bus_name,
                                      rule->object_path, rule->interface);
        }
        return g_variant_builder_end(&builder);
}

void rule_list_print(const RuleList *list, const char *indent) {
        for (guint i = 0; i < list->rules->len; i++) {
                const SourcedRule *sourced = list->rules->pdata[i];
                g_autofree char *text = container_rule_to_text(&sourced->rule);

                g_print("%s%s\n", indent, text);
        }
}
