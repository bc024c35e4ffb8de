/* SPDX-License-Identifier: MIT */
/* What is learned from denials, and how it is written as Flatpak metadata. */
#include "tools/flatpak-metadata.h"
#include "tools/flatpak-writer.h"
#include "tools/rule-learner.h"

#include <string.h>

/* Suggestions of the bus, one a line, and what is left of them. */
static const struct {
        const char *suggested, *learned;
} cases[] = {
        { "call a.b c.d.E @/x\ncall a.b c.d.E @/x", "call a.b c.d.E @/x\n" },
        { "call a.b c.d.E @/x\nreceive a.b c.d.E @/x", "call+receive a.b c.d.E @/x\n" },
        { "see a.b\nown a.b\nsee a.c", "own a.b\nsee a.c\n" },
        { "call a.b c.d.E @/x\nsee a.b", "call a.b c.d.E @/x\n" },
        { "call a.b c.d.E @/x\ncall a.b c.d.E @/x fds", "call a.b c.d.E @/x fds\n" },
        { "call a.b c.d.E @/x/17/y\ncall a.b c.d.E @/x/18", "call a.b c.d.E @/x/*\n" },
        { "call a.b c.d.E @/x/1_42/t\ncall a.b c.d.E @/x/t", "call a.b c.d.E @/x/*\n" },
        { "receive a.b c.d.E @/x/session4711z/t", "receive a.b c.d.E @/x/*\n" },
        { "call a.b c.d.E @/7", "call a.b c.d.E\n" },
        { "call a.b c.d.E @/UDisks2/x", "call a.b c.d.E @/UDisks2/x\n" },
        { "call :1.5 c.d.E @/x", "call * c.d.E @/x\n" },
        { "see :1.5 fds", "see * fds\n" },
        { "see :1.5", "" },
        { "call a.c\ncall a.b", "call a.b\ncall a.c\n" },
};

static void learn(RuleLearner *learner, const char *layer, const char *rule) {
        const DenialRecord record = { .layer = layer,
                                      .rule = rule,
                                      .sender = ":1.42",
                                      .receiver = ":1.5",
                                      .member = "M",
                                      .pid = 4711 };

        rule_learner_add(learner, &record);
}

static char *text_of(const RuleList *list) {
        const GPtrArray *rules = rule_list_get(list);
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < rules->len; i++) {
                g_autofree char *line =
                        container_rule_to_text(&((const SourcedRule *)rules->pdata[i])->rule);

                g_string_append_printf(text, "%s\n", line);
        }
        return g_string_free(text, FALSE);
}

static void test_rules(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(RuleLearner) learner = rule_learner_new();
                g_autoptr(RuleList) list = rule_list_new();
                g_auto(GStrv) lines = g_strsplit(cases[i].suggested, "\n", -1);

                for (char **line = lines; *line; line++)
                        learn(learner, "container", *line);
                rule_learner_finish(learner, list);
                g_autofree char *text = text_of(list);
                g_assert_cmpstr(text, ==, cases[i].learned);
        }
}

static void test_notes(void) {
        g_autoptr(RuleLearner) learner = rule_learner_new();
        g_autoptr(RuleList) list = rule_list_new();

        learn(learner, "xml", "deny x");
        learn(learner, "xml", "deny x");
        learn(learner, "container", NULL);
        learn(learner, "container", "no rule");
        rule_learner_finish(learner, list);
        g_assert_cmpuint(rule_list_get(list)->len, ==, 0);
        g_assert_cmpuint(rule_learner_get_notes(learner)->len, ==, 3);
        g_assert_cmpstr(rule_learner_get_notes(learner)->pdata[1], ==,
                        "container: M, which no rule can allow");
}

static void add(RuleList *list, const char *text) {
        g_assert_true(rule_list_add_text(list, text, "test", NULL));
}

static void test_metadata(void) {
        g_autoptr(RuleList) session = rule_list_new(), system = rule_list_new();
        g_auto(AppAccess) access = { 0 };

        add(session, "call org.b i.f.M @/x");
        add(session, "own org.b");
        add(session, "see org.a");
        add(session, "talk org.c.*");
        add(session, "own org.app.Part");
        add(session, "call org.freedesktop.portal.Desktop");
        add(session, "call * i.f.M");
        add(system, "call org.freedesktop.portal.Desktop");
        g_autofree char *text = flatpak_writer_write("org.app", session, system);
        g_assert_cmpstr(text, ==,
                        "[Application]\nname=org.app\n\n[Session Bus Policy]\n"
                        "# not to be said here: call * i.f.M\norg.a=see\norg.b=own\norg.c.*=talk\n"
                        "\n[System Bus Policy]\norg.freedesktop.portal.Desktop=talk\n");
        app_access_init(&access);
        g_assert_true(flatpak_metadata_parse(&access, text, "text", NULL));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/tools/rule-learner/rules", test_rules);
        g_test_add_func("/tools/rule-learner/notes", test_notes);
        g_test_add_func("/tools/flatpak-writer/metadata", test_metadata);
        return g_test_run();
}
