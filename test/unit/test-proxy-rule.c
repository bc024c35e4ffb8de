/* SPDX-License-Identifier: MIT */
#include "tools/proxy-rule.h"

#include <string.h>

static const struct {
        const char *verb, *text;
        const char *rule; /* NULL: refused */
} cases[] = {
        { "see", "org.example.A", "see org.example.A" },
        { "talk", "org.example.A", "talk org.example.A" },
        { "talk", "org.example.*", "talk org.example.*" },
        { "own", "org.example.A.*", "call+receive+own org.example.A.* fds" },
        { "talk", ":1.5", "talk :1.5" },
        { "call", "org.example.A=*", "call org.example.A fds" },
        { "call", "org.example.A=", "call org.example.A fds" },
        { "call", "org.example.A=org.example.I.M@/a/b",
          "call org.example.A org.example.I.M @/a/b fds" },
        { "call", "org.example.*=org.example.I.*", "call org.example.* org.example.I fds" },
        { "call", "org.example.A=*.anything", "call org.example.A fds" },
        { "call", "org.example.A=@", "call org.example.A fds" },
        { "call", "org.example.A=I.*", NULL },
        { "broadcast", "org.example.A=@/a/*", "receive org.example.A @/a/* fds" },
        { "broadcast", "org.example.A=@/", "receive org.example.A @/ fds" },
        { "broadcast", "org.example.A=*@/*", "receive org.example.A fds" },
        { "see", "", NULL },
        { "see", ".*", NULL },
        { "talk", "nodots", NULL },
        { "talk", "org.example.A=*", NULL },
        { "talk", ":1.5.*", NULL },
        { "call", "org.example.A", NULL },
        { "call", "=*", NULL },
        { "call", "org.example.A=@relative", NULL },
        { "call", "org.example.A=two words", NULL },
        { "broadcast", "org.example.A=@/a//*", NULL },
};

static void check_case(ProxyVerb verb, size_t i) {
        g_auto(ContainerRule) rule = { 0 };
        g_autoptr(GError) error = NULL;

        if (!cases[i].rule) {
                g_assert_false(proxy_rule_parse(verb, cases[i].text, &rule, &error));
                g_assert_error(error, CONTAINER_RULE_ERROR, CONTAINER_RULE_ERROR_INVALID);
                g_assert_nonnull(strstr(error->message, "expected"));
                return;
        }
        g_assert_true(proxy_rule_parse(verb, cases[i].text, &rule, &error));
        g_autofree char *text = container_rule_to_text(&rule);
        g_assert_cmpstr(text, ==, cases[i].rule);
}

static void test_parse(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                ProxyVerb verb;

                g_assert_true(proxy_verb_find(cases[i].verb, &verb));
                check_case(verb, i);
        }
}

static void test_verbs(void) {
        ProxyVerb verb = PROXY_VERB_OWN;

        g_assert_false(proxy_verb_find("none", &verb));
        g_assert_false(proxy_verb_find("", &verb));
        g_assert_cmpint(verb, ==, PROXY_VERB_OWN);
}

static void test_open(void) {
        g_auto(ContainerRule) rule = { 0 };

        proxy_rule_set_open(&rule);
        g_autofree char *text = container_rule_to_text(&rule);
        g_assert_cmpstr(text, ==, "call+receive+own * fds");
        g_assert_true(container_rule_check(&rule, NULL));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/tools/proxy-rule/parse", test_parse);
        g_test_add_func("/tools/proxy-rule/verbs", test_verbs);
        g_test_add_func("/tools/proxy-rule/open", test_open);
        return g_test_run();
}
