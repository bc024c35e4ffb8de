/* SPDX-License-Identifier: MIT */
/*
 * Rules are parsed here, before the bus is asked, so that a mistake is answered with the argument
 * that it is in. The bus checks them again.
 */
#include "tools/rule-arguments.h"

#include "policy/container-rule.h"

static void builder_add_rule(GVariantBuilder *builder, const ContainerRule *rule) {
        g_variant_builder_add(builder, "(usos)", rule->flags, rule->bus_name, rule->object_path,
                              rule->interface);
}

static bool builder_add_argument(GVariantBuilder *builder, const char *text, GError **error) {
        g_auto(ContainerRule) rule = {};

        if (strchr(text, '\n')) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "--allow takes one rule, several in one argument are not understood; "
                            "give it more than once");
                return false;
        }
        if (!container_rule_parse(text, &rule, error)) {
                g_prefix_error(error, "--allow '%s': ", text);
                return false;
        }
        if (rule.flags == 0) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "--allow '%s': no rule in it; expected for instance 'talk "
                            "org.example.Service'",
                            text);
                return false;
        }

        builder_add_rule(builder, &rule);
        return true;
}

static bool builder_add_file(GVariantBuilder *builder, const char *name, GError **error) {
        g_autofree char *text = NULL;
        g_autoptr(GPtrArray) rules = NULL;

        if (!g_file_get_contents(name, &text, NULL, error)) {
                g_prefix_error(error, "--allow-file: ");
                return false;
        }

        rules = container_rule_parse_text(text, name, 1, error);
        if (!rules)
                return false;

        for (size_t i = 0; i < rules->len; i++)
                builder_add_rule(builder, rules->pdata[i]);
        return true;
}

GVariant *rule_arguments_parse(const char *const *rules, const char *const *files, GError **error) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(usos)"));

        for (; rules && *rules; rules++)
                if (!builder_add_argument(&builder, *rules, error))
                        return NULL;
        for (; files && *files; files++)
                if (!builder_add_file(&builder, *files, error))
                        return NULL;

        return g_variant_builder_end(&builder);
}

void rule_arguments_print(GVariant *rules, const char *indent) {
        GVariantIter iter;
        ContainerRule rule;

        g_variant_iter_init(&iter, rules);
        while (g_variant_iter_next(&iter, "(u&s&o&s)", &rule.flags, &rule.bus_name,
                                   &rule.object_path, &rule.interface)) {
                g_autofree char *text = container_rule_to_text(&rule);

                g_print("%s%s\n", indent, text);
        }
}
