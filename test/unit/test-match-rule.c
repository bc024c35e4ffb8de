/* SPDX-License-Identifier: MIT */
/*
 * Grammar, equality and text of match rules. What is accepted and how it is shown was compared with
 * dbus-daemon 1.14.
 */
#include "bus/match-rule.h"

#include <glib.h>
#include <malloc.h>
#include <string.h>

/* Text of a rule and, in the canonical form, what it means. */
static const struct {
        const char *text, *canonical;
} good[] = {
        { "", "" },
        { " ", "" },
        { "type='signal'", "type='signal'" },
        { "type='method_call'", "type='method_call'" },
        { "type='method_return'", "type='method_return'" },
        { "type='error'", "type='error'" },
        { "type=signal", "type='signal'" },
        { "type='signal',", "type='signal'" },
        { "type='signal', ", "type='signal'" },
        { "\r\n\t type='signal'", "type='signal'" },
        { "type ='signal'", "type='signal'" },
        { "type\n\t=signal", "type='signal'" },
        { "type='signal',\n\tmember='X'", "type='signal',member='X'" },
        /* apostrophes may stand anywhere in a value */
        { "type='si'g'nal'", "type='signal'" },
        { "type=si'gn'al", "type='signal'" },
        { "arg0='a'x", "arg0='ax'" },
        { "arg0=a,arg1=b", "arg0='a',arg1='b'" },
        { "arg0='a,b'", "arg0='a,b'" },
        { "arg0=  a b  ", "arg0='  a b  '" },
        { "arg0=x=y", "arg0='x=y'" },
        { "arg0=", "arg0=''" },
        { "arg0='',arg1=''", "arg0='',arg1=''" },
        /* backslashes, outside and inside of apostrophes */
        { "arg0=a\\'b", "arg0='a'\\''b'" },
        { "arg0='a'\\''b'", "arg0='a'\\''b'" },
        { "arg0=a\\b", "arg0='a\\b'" },
        { "arg0=a\\\\b", "arg0='a\\\\b'" },
        { "arg0=a\\,b", "arg0='a\\,b'" },
        { "arg0=a\\", "arg0='a\\'" },
        { "arg0='a\\'", "arg0='a\\'" },
        { "arg0='a\\'b", "arg0='a\\b'" },
        { "arg0=a\\\\'b'", "arg0='a\\\\b'" },
        /* every key, put in order */
        { "arg3=c,destination=':1.5',eavesdrop=true,arg0path='/a',sender='a.b',path='/"
          "x',arg1=x,member='X',"
          "interface='a.b',type='signal'",
          "type='signal',interface='a.b',member='X',path='/"
          "x',sender='a.b',destination=':1.5',eavesdrop='true',"
          "arg0path='/a',arg1='x',arg3='c'" },
        { "arg0namespace='a.b',path_namespace='/a'", "path_namespace='/a',arg0namespace='a.b'" },
        { "path_namespace='/'", "path_namespace='/'" },
        { "arg0namespace='a'", "arg0namespace='a'" },
        { "sender='org.freedesktop.DBus'", "sender='org.freedesktop.DBus'" },
        { "arg0namespace=':1.5'", "arg0namespace=':1.5'" },
        { "arg0path='/x/'", "arg0path='/x/'" },
        { "arg0path=''", "arg0path=''" },
        { "arg0path='x'", "arg0path='x'" },
        { "arg63='x'", "arg63='x'" },
        { "arg63path='/x'", "arg63path='/x'" },
        /* numbers as strtoul() reads them */
        { "arg01='x'", "arg1='x'" },
        { "arg010=x", "arg8='x'" },
        { "arg0x10path=x", "arg16path='x'" },
        { "arg+1=x", "arg1='x'" },
        { "arg-0='x'", "arg0='x'" },
        { "arg000000000000000='x'", "arg0='x'" },
        { "eavesdrop=false", "" },
        { "eavesdrop=true,eavesdrop=false", "" },
        { "eavesdrop=false,eavesdrop=true", "eavesdrop='true'" },
        /* an empty key ends the rule */
        { "=x", "" },
        { "=x,foo=bar", "" },
        { "type='signal',=,member='X'", "type='signal'" },
};

static const char *const bad[] = {
        ",",
        ",,",
        "type='signal',,",
        ",type='signal'",
        "type='signal', ,member='X'",
        "type='signal',foo",
        "type",
        "type,",
        "foo='bar'",
        "Type='signal'",
        "'type'='signal'",
        "ty\\pe='signal'",
        "a b='c'",
        "\vtype=signal",
        "\ftype=signal",
        "type=",
        "type=''",
        "type= signal",
        "type='signal' ",
        "type='signal' ,member='X'",
        "type='signal'member='X'",
        "type='invalid'",
        "type='SIGNAL'",
        "type==signal",
        "type='signal",
        "type='",
        "arg0='a\\'b'",
        "type='signal',type='signal'",
        "interface='a'",
        "interface=''",
        "interface=' a.b'",
        "interface='a.b',interface='a.b'",
        "member='1'",
        "member='X.Y'",
        "member=''",
        "member=X=Y",
        "member='X','Y'",
        "member=X,member=X",
        "path='a'",
        "path='/a/'",
        "path=''",
        "path='/a',path='/a'",
        "path='/a',path_namespace='/a'",
        "path_namespace='/a',path='/a'",
        "path_namespace='/a/'",
        "path_namespace='/a',path_namespace='/b'",
        "sender='a'",
        "sender=''",
        "sender='.a.b'",
        "sender='::'",
        "sender=:1.5,sender=:1.5",
        "destination='a'",
        "destination=''",
        "destination='a.b',destination='a.b'",
        "eavesdrop='TRUE'",
        "eavesdrop=''",
        "eavesdrop=1",
        "arg64='x'",
        "arg64path='/'",
        "arg='x'",
        "arg-1='x'",
        "arg 1='x'",
        "arg0x='x'",
        "arg08='x'",
        "arg0b1='x'",
        "arg99999999999='x'",
        "arg4294967296='x'",
        "arg18446744073709551616='x'",
        "argpath='/'",
        "arg0='x',arg0='x'",
        "arg0='x',arg00='x'",
        "arg0='x',arg0path='/x'",
        "arg0path='/x',arg0path='/y'",
        "arg0namespace='a',arg0='a'",
        "arg0='a',arg0namespace='a'",
        "arg0pathx='/'",
        "arg0pat='/'",
        "arg0namespace=''",
        "arg0namespace='a.'",
        "arg1namespace='a'",
        "arg0namespacex='a'",
};

/* Whether both say the same. */
static const struct {
        const char *a, *b;
        bool equal;
} pairs[] = {
        { "type='signal',member='X'", "member='X',type='signal'", true },
        { "arg0='a',arg1='b'", "arg1='b',arg0='a'", true },
        { "type='signal'", "type=signal", true },
        { "eavesdrop=false", "", true },
        { "member='X',eavesdrop='true',eavesdrop='false'", "member='X'", true },
        { "eavesdrop=true", "", false },
        { "path='/a'", "path_namespace='/a'", false },
        { "arg0='/a'", "arg0path='/a'", false },
        { "arg0='a'", "arg0namespace='a'", false },
        { "arg1='a'", "arg2='a'", false },
        { "arg0='a'", "arg0='a',arg1='b'", false },
        { "arg0='ab',arg1='c'", "arg0='a',arg1='bc'", false },
        { "arg0=''", "", false },
        { "sender='a.b'", "destination='a.b'", false },
        { "sender='a.b',interface='c.d'", "sender='a.b',interface='c.e'", false },
        { "type='signal'", "type='error'", false },
        { "arg0path='/a'", "arg0path='/a/'", false },
};

static MatchRule *parse(const char *text) {
        g_autoptr(GError) error = NULL;
        MatchRule *rule = match_rule_parse(wire_string(text), &error);

        g_assert_no_error(error);
        g_assert_nonnull(rule);
        return rule;
}

static void test_good(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
                g_autoptr(MatchRule) rule = parse(good[i].text);
                g_autofree char *text = match_rule_to_text(rule);

                g_assert_cmpstr(text, ==, good[i].canonical);

                /* what is shown means the same */
                g_autoptr(MatchRule) again = parse(text);
                g_assert_true(match_rule_equal(rule, again));
                g_assert_cmpuint(match_rule_hash(rule), ==, match_rule_hash(again));
        }
}

static void test_bad(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_autoptr(GError) error = NULL;
                MatchRule *rule = match_rule_parse(wire_string(bad[i]), &error);

                if (rule)
                        g_error("accepted: %s", bad[i]);
                g_assert_error(error, MATCH_RULE_ERROR, MATCH_RULE_ERROR_INVALID);
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
        }
}

static void test_length(void) {
        g_autofree char *value = g_strnfill(MATCH_RULE_MAX_LENGTH - strlen("arg0="), 'a');
        g_autofree char *longest = g_strconcat("arg0=", value, NULL);
        g_autofree char *too_long = g_strconcat(longest, "a", NULL);
        g_autoptr(MatchRule) rule = parse(longest);
        g_autoptr(GError) error = NULL;

        g_assert_cmpuint(match_rule_get_arg(rule, 0).length, ==, strlen(value));
        g_assert_null(match_rule_parse(wire_string(too_long), &error));
        g_assert_error(error, MATCH_RULE_ERROR, MATCH_RULE_ERROR_TOO_LONG);
}

static void test_all_args(void) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (unsigned i = 0; i <= MATCH_RULE_MAX_ARG; i++)
                g_string_append_printf(text, "arg%u=%u,", MATCH_RULE_MAX_ARG - i, i);
        g_autoptr(MatchRule) rule = parse(text->str);
        g_assert_cmpuint(rule->n_args, ==, MATCH_RULE_MAX_ARG + 1);
        for (unsigned i = 0; i < rule->n_args; i++) {
                g_autofree char *value = g_strdup_printf("%u", MATCH_RULE_MAX_ARG - i);

                g_assert_cmpuint(rule->args[i].index, ==, i);
                g_assert_true(wire_string_is(match_rule_get_arg(rule, i), value));
        }
}

static void test_equal(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(pairs); i++) {
                g_autoptr(MatchRule) a = parse(pairs[i].a);
                g_autoptr(MatchRule) b = parse(pairs[i].b);

                if (match_rule_equal(a, b) != pairs[i].equal ||
                    match_rule_equal(b, a) != pairs[i].equal)
                        g_error("%s and %s: expected %d", pairs[i].a, pairs[i].b, pairs[i].equal);
                g_assert_cmpint(match_rule_hash(a) == match_rule_hash(b), ==, pairs[i].equal);
        }
}

static void test_values(void) {
        g_autoptr(MatchRule) rule = parse("sender=':1.5',path_namespace='/a',arg2path='/b',arg1=x");

        g_assert_true(wire_string_is(match_rule_get(rule, MATCH_SENDER), ":1.5"));
        g_assert_true(wire_string_is(match_rule_get(rule, MATCH_PATH), "/a"));
        g_assert_true(rule->path_is_namespace);
        g_assert_null(match_rule_get(rule, MATCH_INTERFACE).data);
        g_assert_null(match_rule_get(rule, MATCH_MEMBER).data);
        g_assert_null(match_rule_get(rule, MATCH_DESTINATION).data);
        g_assert_cmpuint(rule->n_args, ==, 2);
        g_assert_cmpuint(rule->args[1].kind, ==, MATCH_ARG_PATH);
        g_assert_true(wire_string_is(match_rule_get_arg(rule, 1), "/b"));
}

/* Contained connections may not even say eavesdrop='false'. */
static void test_names_eavesdrop(void) {
        static const struct {
                const char *rule;
                bool names;
        } cases[] = {
                { "", false },
                { "type='signal'", false },
                { "eavesdrop='false'", true },
                { "eavesdrop='true'", true },
                { "type='signal', eavesdrop = 'true'", true },
                { "eavesdrop='maybe'", true },
                { "eavesdrop=,nonsense", true },
                { "nonsense,eavesdrop='true'", false },
                { "arg0='eavesdrop=true'", false },
                { "eavesdrop", false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpint(match_rule_names_eavesdrop(wire_string(cases[i].rule)), ==,
                                cases[i].names);
        g_autofree char *long_rule = g_strnfill(MATCH_RULE_MAX_LENGTH + 1, ' ');
        g_assert_false(match_rule_names_eavesdrop(wire_string(long_rule)));
}

static void test_size(void) {
        g_autoptr(MatchRule) rule =
                parse("type='signal',sender='org.freedesktop.NetworkManager',"
                      "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
                      "path='/org/freedesktop/NetworkManager/Devices/5',arg0='org.example.Wifi'");

        /* together with its share of two tables and the allocator's header below 300 bytes */
        g_assert_cmpuint(malloc_usable_size(rule), <=,
                         300 - 2 * 2 * sizeof(void *) - sizeof(size_t));
}

static void test_paths(void) {
        static const struct {
                const char *rule, *argument;
                bool matches;
        } cases[] = {
                { "/x/", "/x/y", true }, { "/x/y", "/x/", true }, { "/x/y", "/", true },
                { "/", "/foo", true },   { "/x", "/x", true },    { "/x/y", "/x", false },
                { "/x", "/x/y", false }, { "/x/", "/x", false },  { "/x", "/x/", false },
                { "a/", "a/b", true },   { "", "", true },        { "", "/", false },
                { "/", "", false },      { "/", "foo", false },   { "/x/", "/y/z", false },
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
                if (match_arg_path_matches(wire_string(cases[i].rule),
                                           wire_string(cases[i].argument)) != cases[i].matches)
                        g_error("argNpath='%s' and '%s': expected %d", cases[i].rule,
                                cases[i].argument, cases[i].matches);
}

static void test_namespaces(void) {
        static const struct {
                const char *top, *text;
                char separator;
                bool contains;
        } cases[] = {
                { "a", "a.b", '.', true },   { "a", "a", '.', true },
                { "a", "ab", '.', false },   { "a", "a.", '.', true },
                { "a.b", "a", '.', false },  { "a.b", "a.c", '.', false },
                { "/", "/", '/', true },     { "/", "/x/y", '/', true },
                { "/x", "/x/y", '/', true }, { "/x", "/x", '/', true },
                { "/x", "/xy", '/', false }, { "/x", "/", '/', false },
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
                if (match_namespace_contains(wire_string(cases[i].top), wire_string(cases[i].text),
                                             cases[i].separator) != cases[i].contains)
                        g_error("%s and %s: expected %d", cases[i].top, cases[i].text,
                                cases[i].contains);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/match-rule/good", test_good);
        g_test_add_func("/bus/match-rule/bad", test_bad);
        g_test_add_func("/bus/match-rule/length", test_length);
        g_test_add_func("/bus/match-rule/all-args", test_all_args);
        g_test_add_func("/bus/match-rule/equal", test_equal);
        g_test_add_func("/bus/match-rule/values", test_values);
        g_test_add_func("/bus/match-rule/names-eavesdrop", test_names_eavesdrop);
        g_test_add_func("/bus/match-rule/size", test_size);
        g_test_add_func("/bus/match-rule/arg-path", test_paths);
        g_test_add_func("/bus/match-rule/namespace", test_namespaces);
        return g_test_run();
}
