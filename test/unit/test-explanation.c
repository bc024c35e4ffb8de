/* SPDX-License-Identifier: MIT */
/* Questions as they are typed, and answers of the decision code to them. */
#include "tools/explanation.h"

#include "policy/xml-loader.h"

#include <string.h>
#include <unistd.h>

static bool parse(const char *text, Question *ret_question, GError **error) {
        g_auto(GStrv) words = g_strsplit(text, " ", -1);

        return question_parse(words, ret_question, error);
}

static void test_questions(void) {
        static const char *const bad[] = {
                "",
                "call",
                "talk a.b",
                "call nodots c.d.E",
                "call a.b",
                "own a.b x",
                "call a.b c..d",
                "call a.b c.d.E @x",
                "call a.b c.d.E f.g.H",
                "signal a.b Member",
        };
        g_auto(Question) question = { 0 };

        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_auto(Question) refused = { 0 };
                g_autoptr(GError) error = NULL;

                g_assert_false(parse(bad[i], &refused, &error));
                g_assert_nonnull(strstr(error->message, "expected"));
        }
        g_assert_true(parse("call a.b c.d.E fds @/x", &question, NULL));
        g_assert_cmpint(question.kind, ==, QUESTION_CALL);
        g_assert_cmpstr(question.interface, ==, "c.d");
        g_assert_cmpstr(question.member, ==, "E");
        g_assert_cmpstr(question.path, ==, "/x");
        g_assert_true(question.has_fds);
}

static const struct {
        const char *rules; /* one a line */
        const char *question;
        bool allowed;
        const char *
                rule; /* denied: what would do, or denies; allowed: the number of the rule, or NULL */
        const char *layer;
} cases[] = {
        { "see x.y\ncall a.b c.d", "call a.b c.d.E", true, "2", "none" },
        { "see x.y", "call a.b c.d.E @/x", false, "call a.b c.d.E @/x", "container" },
        { "call a.b", "call a.b c.d.E fds", false, "call a.b c.d.E @/ fds", "container" },
        { "receive a.b", "receive a.b c.d.E", true, "1", "none" },
        { "call a.b", "receive a.b c.d.E @/x", false, "receive a.b c.d.E @/x", "container" },
        { "own a.*", "own a.b", true, "1", "none" },
        { "", "own a.b", false, "own a.b", "container" },
        { "receive a.b", "see a.b", true, "1", "none" },
        { "", "see a.b", false, "see a.b", "container" },
        { "call a.*", "start a.b", true, "1", "none" },
        { "", "call org.freedesktop.DBus org.freedesktop.DBus.GetId @/org/freedesktop/DBus", true,
          NULL, "none" },
        { "talk *", "call org.freedesktop.DBus org.freedesktop.DBus.ReloadConfig", false, NULL,
          "container" },
        { "talk *", "call a.b no.way.M", false, "deny send_interface=\"no.way\"", "xml" },
        { "own *", "own a.never", false, "deny own=\"a.never\"", "xml" },
};

static const char config_text[] =
        "<busconfig><policy context='default'><allow user='*'/><allow send_type='method_call'/>\n"
        "<allow own='*'/><allow send_type='signal'/><allow receive_type='signal'/>\n"
        "<allow receive_type='method_call'/>\n"
        "<deny send_interface='no.way'/>\n<deny own='a.never'/></policy></busconfig>";

static void check_case(size_t i, Policy *policy) {
        g_autoptr(RuleList) rules = rule_list_new();
        g_auto(GStrv) lines = g_strsplit(cases[i].rules, "\n", -1);
        g_auto(Explanation) explanation = { 0 };
        g_auto(Question) question = { 0 };
        g_auto(SceneEnd) other = { 0 };
        Scene scene = { .rules = rules, .policy = policy, .uid = getuid() };

        for (char **line = lines; *line && **line; line++)
                g_assert_true(rule_list_add_text(rules, *line, "test", NULL));
        g_assert_true(parse(cases[i].question, &question, NULL));
        scene_end_init(&other);
        other.is_bus = strcmp(question.name, "org.freedesktop.DBus") == 0;
        other.unique = g_strdup(":0.2");
        other.uid = getuid();
        g_ptr_array_add(other.names, g_strdup(question.name));
        scene.other = other;
        explanation_make(&scene, &question, &explanation);
        g_test_message("%s", cases[i].question);
        g_assert_cmpint(explanation.allowed, ==, cases[i].allowed);
        g_assert_cmpstr(explanation.layer, ==, cases[i].layer);
        if (!cases[i].allowed) {
                g_assert_cmpstr(explanation.rule, ==, cases[i].rule);
                return;
        }
        g_assert_true((explanation.by == NULL) == (cases[i].rule == NULL));
        if (explanation.by)
                g_assert_true(explanation.by ==
                              rule_list_get(rules)->pdata[atoi(cases[i].rule) - 1]);
}

static void test_answers(void) {
        g_autoptr(Config) config = config_new();
        g_autoptr(Policy) policy = NULL;
        g_autoptr(GError) error = NULL;

        g_assert_true(xml_loader_parse(config, "test", config_text, strlen(config_text), &error));
        policy = policy_new(config);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                check_case(i, policy);
                if (strcmp(cases[i].layer, "xml") != 0)
                        check_case(i, NULL);
        }
}

/* A rule of the container, and one that a service allows by itself. */
static const struct {
        const char *rule, *grant, *question;
        bool allowed, by_service;
} opt_ins[] = {
        { "see x.y", "call :0.2 c.d", "call a.b c.d.E", true, true },
        { "see x.y", "call a.b c.d", "call a.b c.d.E", true, true },
        { "call a.b", "call a.b c.d", "call a.b c.d.E", true, false },
        { "see x.y", "call :0.3 c.d", "call a.b c.d.E", false, false },
        { "see x.y", "call x.y c.d", "call a.b c.d.E", false, false },
        { "see x.y", "call a.b c.d", "call a.b c.d.E fds", false, false },
        { "see x.y", "call a.b c.d", "receive a.b c.d.E", false, false },
        { "see x.y", "receive :0.2 @/x/*", "receive a.b c.d.E @/x/y", true, true },
        { "see x.y", "call a.b c.d", "start a.b", true, true },
        { "see x.y", "receive a.b", "see a.b", true, true },
        { "see x.y", "call a.b", "own a.b", false, false },
};

static void test_opt_ins(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(opt_ins); i++) {
                g_autoptr(RuleList) rules = rule_list_new(), grants = rule_list_new();
                g_auto(Explanation) explanation = { 0 };
                g_auto(Question) question = { 0 };
                g_auto(SceneEnd) other = { 0 };
                Scene scene = { .rules = rules, .grants = grants, .uid = getuid() };

                g_test_message("%s: %s", opt_ins[i].grant, opt_ins[i].question);
                g_assert_true(rule_list_add_text(rules, opt_ins[i].rule, "test", NULL));
                g_assert_true(rule_list_add_text(grants, opt_ins[i].grant, "test", NULL));
                g_assert_true(parse(opt_ins[i].question, &question, NULL));
                scene_end_init(&other);
                other.unique = g_strdup(":0.2");
                other.uid = getuid();
                g_ptr_array_add(other.names, g_strdup(question.name));
                scene.other = other;
                explanation_make(&scene, &question, &explanation);
                g_assert_cmpint(explanation.allowed, ==, opt_ins[i].allowed);
                g_assert_cmpint(explanation.by_service, ==, opt_ins[i].by_service);
                if (opt_ins[i].allowed)
                        g_assert_true(
                                explanation.by ==
                                rule_list_get(opt_ins[i].by_service ? grants : rules)->pdata[0]);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/tools/question/parse", test_questions);
        g_test_add_func("/tools/explanation/answers", test_answers);
        g_test_add_func("/tools/explanation/opt-ins", test_opt_ins);
        return g_test_run();
}
