/* SPDX-License-Identifier: MIT */
#include "wire/syntax.h"

#include <glib.h>
#include <string.h>

typedef bool (*Validator)(const char *text, size_t n);

typedef struct Case {
        const char *text;
        bool valid;
} Case;

static void check_one(Validator validator, const char *text, size_t n, bool expected) {
        /* Without anything behind the text, so that a sanitizer sees a byte read too far. */
        g_autofree char *exact = g_memdup2(text, n);

        if (validator(exact ? exact : "", n) != expected)
                g_error("'%s' (%zu bytes) should be %s", text, n, expected ? "valid" : "invalid");
}

static void check_all(Validator validator, const Case *cases, size_t n_cases) {
        for (size_t i = 0; i < n_cases; i++)
                check_one(validator, cases[i].text, strlen(cases[i].text), cases[i].valid);
}

/* Every byte at places [from, to) of a text that is valid: only what @allowed has is valid. */
static void check_bytes(Validator validator, const char *valid, size_t from, size_t to,
                        const char *allowed) {
        size_t n = strlen(valid);

        g_assert_cmpuint(to, <=, n);
        for (size_t i = from; i < to; i++) {
                for (unsigned byte = 0; byte < 256; byte++) {
                        g_autofree char *text = g_strdup(valid);

                        text[i] = (char)byte;
                        check_one(validator, text, n, byte && strchr(allowed, (int)byte) != NULL);
                }
        }
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS "0123456789"

/* "Valid Object Paths" */
static void test_object_path(void) {
        static const Case cases[] = {
                { "/", true },
                { "/a", true },
                { "/0", true },
                { "/_/A9", true },
                { "/org/a/b/c/d", true },
                { "/a/b/c/d/e/f/g/h", true },
                { "", false },
                { "a", false },
                { "//", false },
                { "/a/", false },
                { "/a//b", false },
                { "//a", false },
                { "/a-b", false },
                { "/a.b", false },
                { "/\303\251", false },
                { "/abcdefg//hijklmn", false },
                { "/abcdefgh/", false },
                { "/abcdefghi//", false },
        };
        g_autofree char *huge = g_strnfill(100000, 'a');

        check_all(syntax_is_object_path, cases, G_N_ELEMENTS(cases));
        check_bytes(syntax_is_object_path, "/aaaaaaaaaaaaaaaaaaaaaaaaa", 2, 25, LETTERS DIGITS "/");
        /* "The path may be of any length." */
        huge[0] = '/';
        check_one(syntax_is_object_path, huge, 100000, true);
}

static void check_max_name(Validator validator, const char *start) {
        g_autofree char *filler = g_strnfill(256 - strlen(start), 'a');
        g_autofree char *name = g_strconcat(start, filler, NULL);

        check_one(validator, name, 255, true);
        check_one(validator, name, 256, false);
}

static const Case interface_cases[] = {
        { "a.b", true },
        { "org.freedesktop.DBus", true },
        { "_._", true },
        { "a1.b2.c3.d4.e5.f6", true },
        { "", false },
        { ".", false },
        { "a", false },
        { ".a.b", false },
        { "a.b.", false },
        { "a..b", false },
        { "a.1b", false },
        { "1a.b", false },
        { "a-b.c", false },
        { "a.b/c", false },
        { ":1.2", false },
        { "abcdefg..h", false },
        { "abcdefg.1", false },
        { "abcdefgh.1a", false },
        { "abcdefghijklmnopq", false },
        { "abcdefgh.ijklmnop.", false },
};

/* "Interface names" */
static void test_interface(void) {
        check_all(syntax_is_interface, interface_cases, G_N_ELEMENTS(interface_cases));
        check_max_name(syntax_is_interface, "a.b");
        check_bytes(syntax_is_interface, "aa.aaaaaaaaaaaaaaaaaaa", 4, 21, LETTERS DIGITS ".");
}

/* "Error names": as interfaces */
static void test_error_name(void) {
        check_all(syntax_is_error_name, interface_cases, G_N_ELEMENTS(interface_cases));
        check_max_name(syntax_is_error_name, "a.b");
}

/* "Member names" */
static void test_member(void) {
        static const Case cases[] = {
                { "a", true },    { "_", true },         { "GetNameOwner", true },
                { "a1", true },   { "", false },         { "1a", false },
                { "a.b", false }, { "a-b", false },      { "abcdefghijk.lmn", false },
                { "a b", false }, { "\303\251", false },
        };

        check_all(syntax_is_member, cases, G_N_ELEMENTS(cases));
        check_max_name(syntax_is_member, "A");
        check_bytes(syntax_is_member, "aaaaaaaaaaaaaaaaaaa", 1, 19, LETTERS DIGITS);
        check_bytes(syntax_is_member, "a", 0, 1, LETTERS);
}

/* "Bus names" */
static void test_bus_name(void) {
        static const Case well_known[] = {
                { "a.b", true },    { "org.example-org._b", true },
                { "-.-", true },    { "", false },
                { "a", false },     { "a.1", false },
                { "1.a", false },   { "a.b.", false },
                { ".a.b", false },  { "a..b", false },
                { "a.b:c", false },
        };
        static const Case unique[] = {
                { ":1.0", true },    { ":1.123456789", true },
                { ":a-b.0c", true }, { ":", true },
                { ":1", true },      { ":.1", true },
                { ":1.", false },    { ":1..0", false },
                { ":1.0/", false },  { ":1:0", false },
                { "", false },       { "1.0", false },
        };

        check_all(syntax_is_well_known_name, well_known, G_N_ELEMENTS(well_known));
        check_all(syntax_is_bus_name, well_known, G_N_ELEMENTS(well_known));
        check_all(syntax_is_unique_name, unique, G_N_ELEMENTS(unique));
        check_one(syntax_is_bus_name, ":1.0", 4, true);
        check_one(syntax_is_bus_name, ":1..0", 5, false);
        check_one(syntax_is_well_known_name, ":1.0", 4, false);
        check_max_name(syntax_is_bus_name, "a.b");
        check_max_name(syntax_is_bus_name, ":1.b");
        check_bytes(syntax_is_bus_name, "aa.aaaaaaaaaaaaaaaaaaa", 4, 21, LETTERS DIGITS "-.");
}

/* "Match Rules", arg0namespace */
static void test_bus_namespace(void) {
        static const Case cases[] = {
                { "a", true },   { "a.b", true }, { ":1.0", true },
                { "a-b", true }, { "", false },   { "a.", false },
                { ".a", false }, { "1", false },  { "a..b", false },
        };

        check_all(syntax_is_bus_namespace, cases, G_N_ELEMENTS(cases));
        check_max_name(syntax_is_bus_namespace, "a");
}

static char *nested(const char *open, unsigned n, const char *inside, const char *close) {
        GString *text = g_string_new(NULL);

        for (unsigned i = 0; i < n; i++)
                g_string_append(text, open);
        g_string_append(text, inside);
        for (unsigned i = 0; i < n; i++)
                g_string_append(text, close);
        return g_string_free(text, FALSE);
}

static void check_nested(const char *open, unsigned n, const char *close, bool expected) {
        g_autofree char *text = nested(open, n, "y", close);

        check_one(syntax_is_signature, text, strlen(text), expected);
}

/* "Valid Signatures" */
static void test_signature(void) {
        static const Case cases[] = {
                { "", true },
                { "ybnqiuxtdhsogv", true },
                { "as", true },
                { "a{sv}", true },
                { "a{s(ii)}", true },
                { "(y)", true },
                { "((y)(a(v)))", true },
                { "aaas", true },
                { "a{sa{sa{sv}}}", true },
                { "a", false },
                { "aa", false },
                { "(", false },
                { "()", false },
                { "(y", false },
                { "y)", false },
                { "a()", false },
                { "{sv}", false },
                { "({sv})", false },
                { "a{}", false },
                { "a{s}", false },
                { "a{svv}", false },
                { "a{vs}", false },
                { "a{(y)s}", false },
                { "a{ass}", false },
                { "a{sv", false },
                { "a{sv)", false },
                { "(y}", false },
                { "r", false },
                { "e", false },
                { "m", false },
                { "*", false },
                { "?", false },
                { " ", false },
                { "(a)", false },
                { "a{sa}", false },
                { "s\303\251", false },
        };
        g_autofree char *longest = g_strnfill(256, 'y');

        check_all(syntax_is_signature, cases, G_N_ELEMENTS(cases));
        check_bytes(syntax_is_signature, "y", 0, 1, "ybnqiuxtdhsogv");
        check_one(syntax_is_signature, longest, 255, true);
        check_one(syntax_is_signature, longest, 256, false);
        check_one(syntax_is_signature, "y\0y", 3, false);
        /* "32 array type codes and 32 open parentheses" */
        check_nested("a", 32, "", true);
        check_nested("a", 33, "", false);
        check_nested("(", 32, ")", true);
        check_nested("(", 33, ")", false);
        check_nested("a(", 32, ")", true);
        check_nested("a(", 33, ")", false);
        check_nested("a{s", 32, "}", true);
        check_nested("a{s", 33, "}", false);
}

static void test_single_type(void) {
        static const Case cases[] = {
                { "y", true },   { "a{sv}", true },  { "(ii)", true }, { "v", true },
                { "aas", true }, { "", false },      { "yy", false },  { "asas", false },
                { "a", false },  { "(ii)i", false },
        };

        check_all(syntax_is_single_type, cases, G_N_ELEMENTS(cases));
}

static void test_type_length(void) {
        static const struct {
                const char *signature;
                size_t length;
        } cases[] = {
                { "y", 1 },           { "ss", 1 },     { "as", 2 },
                { "aass", 3 },        { "a{sv}u", 5 }, { "(i(i)i)i", 7 },
                { "aa(a{sv})as", 9 }, { "{sv}", 4 },   { "v(", 1 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpuint(syntax_type_length(cases[i].signature), ==, cases[i].length);
}

/* "Summary of D-Bus marshalling" */
static void test_alignment(void) {
        static const struct {
                const char *codes;
                unsigned alignment;
        } cases[] = { { "ygv", 1 }, { "nq", 2 }, { "biuhsoa", 4 }, { "xtd({", 8 } };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                for (const char *code = cases[i].codes; *code; code++)
                        g_assert_cmpuint(syntax_type_alignment(*code), ==, cases[i].alignment);
        for (const char *code = "ynqbiuhxtd"; *code; code++)
                g_assert_cmpuint(syntax_type_fixed_size(*code), ==, syntax_type_alignment(*code));
        for (const char *code = "sogav({"; *code; code++)
                g_assert_cmpuint(syntax_type_fixed_size(*code), ==, 0);
        for (const char *code = "av({)}rem"; *code; code++)
                g_assert_false(syntax_type_is_basic(*code));
}

static void test_utf8(void) {
        static const Case cases[] = {
                { "", true },
                { "plain text that is longer than sixteen bytes", true },
                { "\302\200\337\277", true },                 /* U+0080, U+07FF */
                { "\340\240\200\357\277\277", true },         /* U+0800, U+FFFF */
                { "\360\220\200\200\364\217\277\277", true }, /* U+10000, U+10FFFF */
                { "\355\237\277\356\200\200", true },         /* around the surrogates */
                { "\357\267\220\357\277\276", true },         /* noncharacters U+FDD0, U+FFFE */
                { "\200", false },
                { "\277", false },
                { "\300\200", false }, /* NUL in two bytes */
                { "\301\277", false },
                { "\302", false },
                { "\302a", false },
                { "\340\237\277", false },
                { "\340\240", false },
                { "\355\240\200", false }, /* U+D800 */
                { "\355\277\277", false },
                { "\360\217\277\277", false },
                { "\360\220\200", false },
                { "\364\220\200\200", false }, /* U+110000 */
                { "\365\200\200\200", false },
                { "\376", false },
                { "\377", false },
        };

        for (size_t shift = 0; shift < 17; shift++) {
                g_autofree char *before = g_strnfill(shift, 'x');

                for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                        g_autofree char *text = g_strconcat(before, cases[i].text, NULL);
                        g_autofree char *longer = g_strconcat(text, "12345678", NULL);

                        check_one(syntax_is_utf8, text, strlen(text), cases[i].valid);
                        check_one(syntax_is_utf8, longer, strlen(longer), cases[i].valid);
                }
        }
        /* "none of which may be U+0000" */
        for (size_t i = 0; i < 20; i++) {
                char text[20];

                memset(text, 'a', sizeof(text));
                text[i] = '\0';
                check_one(syntax_is_utf8, text, sizeof(text), false);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/syntax/object-path", test_object_path);
        g_test_add_func("/wire/syntax/interface", test_interface);
        g_test_add_func("/wire/syntax/error-name", test_error_name);
        g_test_add_func("/wire/syntax/member", test_member);
        g_test_add_func("/wire/syntax/bus-name", test_bus_name);
        g_test_add_func("/wire/syntax/bus-namespace", test_bus_namespace);
        g_test_add_func("/wire/syntax/signature", test_signature);
        g_test_add_func("/wire/syntax/single-type", test_single_type);
        g_test_add_func("/wire/syntax/type-length", test_type_length);
        g_test_add_func("/wire/syntax/alignment", test_alignment);
        g_test_add_func("/wire/syntax/utf8", test_utf8);
        return g_test_run();
}
