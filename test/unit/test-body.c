/* SPDX-License-Identifier: MIT */
#include "wire/message.h"
#include "wire/body.h"

#include <glib.h>
#include <stdlib.h>

static void check_body(const char *signature, const void *body, size_t n, bool big_endian,
                       bool expected) {
        /* In memory of exactly its size, so that a sanitizer sees a byte read too far. */
        g_autofree uint8_t *exact = g_memdup2(body, n);

        if (body_is_valid(exact, n, wire_string(signature), big_endian) != expected)
                g_error("%zu bytes of '%s' should be %s", n, signature,
                        expected ? "valid" : "invalid");
}

typedef struct BodyCase {
        const char *signature, *bytes;
        size_t n;
        bool valid;
} BodyCase;

#define BYTES(text) text, sizeof(text) - 1

static void check_cases(const BodyCase *cases, size_t n_cases) {
        for (size_t i = 0; i < n_cases; i++)
                check_body(cases[i].signature, cases[i].bytes, cases[i].n, false, cases[i].valid);
}

/* "Marshalling basic types" */
static void test_fixed(void) {
        static const BodyCase cases[] = {
                { "", BYTES(""), true },
                { "", BYTES("\0"), false },
                { "y", BYTES("\377"), true },
                { "y", BYTES(""), false },
                { "y", BYTES("\1\1"), false },
                { "nq", BYTES("\1\2\3\4"), true },
                { "n", BYTES("\1"), false },
                { "yq", BYTES("\1\0\3\4"), true },
                { "yq", BYTES("\1\1\3\4"), false },
                { "iu", BYTES("\1\2\3\4\5\6\7\0"), true },
                { "yu", BYTES("\1\0\0\0\5\6\7\0"), true },
                { "yu", BYTES("\1\0\1\0\5\6\7\0"), false },
                { "yu", BYTES("\1\5\6\7\0"), false },
                { "h", BYTES("\377\0\0\0"), true },
                { "xtd", BYTES("\1\1\1\1\1\1\1\1\2\2\2\2\2\2\2\2\3\3\3\3\3\3\3\3"), true },
                { "ux", BYTES("\1\1\1\1\0\0\0\0\2\2\2\2\2\2\2\2"), true },
                { "ux", BYTES("\1\1\1\1\0\0\0\1\2\2\2\2\2\2\2\2"), false },
                { "ux", BYTES("\1\1\1\1\0\0\0\0\2\2\2\2\2\2\2"), false },
                { "b", BYTES("\0\0\0\0"), true },
                { "b", BYTES("\1\0\0\0"), true },
                { "b", BYTES("\2\0\0\0"), false },
                { "b", BYTES("\0\0\0\1"), false },
        };

        check_cases(cases, G_N_ELEMENTS(cases));
}

static void test_text(void) {
        static const BodyCase cases[] = {
                { "s", BYTES("\0\0\0\0\0"), true },
                { "s", BYTES("\3\0\0\0abc\0"), true },
                { "s", BYTES("\3\0\0\0abc\1"), false },
                { "s", BYTES("\3\0\0\0abc"), false },
                { "s", BYTES("\4\0\0\0abc\0"), false },
                { "s", BYTES("\3\0\0\0a\0c\0"), false },
                { "s", BYTES("\2\0\0\0abc\0"), false },
                { "s", BYTES("\2\0\0\0\303\251\0"), true },
                { "s", BYTES("\2\0\0\0\303a\0"), false },
                { "s", BYTES("\377\377\377\377a\0"), false },
                { "s", BYTES("\0\0\0"), false },
                { "ss", BYTES("\1\0\0\0a\0\0\0\1\0\0\0b\0"), true },
                { "ss", BYTES("\1\0\0\0a\0\0\1\1\0\0\0b\0"), false },
                { "o", BYTES("\2\0\0\0/a\0"), true },
                { "o", BYTES("\2\0\0\0a/\0"), false },
                { "o", BYTES("\0\0\0\0\0"), false },
                { "g", BYTES("\0\0"), true },
                { "g", BYTES("\2as\0"), true },
                { "g", BYTES("\1a\0"), false },
                { "g", BYTES("\1s"), false },
                { "g", BYTES("\1"), false },
                { "g", BYTES(""), false },
                { "g", BYTES("\1ss\0"), false },
        };

        check_cases(cases, G_N_ELEMENTS(cases));
}

/* "Marshalling containers" */
static void test_array(void) {
        static const BodyCase cases[] = {
                { "ay", BYTES("\0\0\0\0"), true },
                { "ay", BYTES("\3\0\0\0abc"), true },
                { "ay", BYTES("\4\0\0\0abc"), false },
                { "ay", BYTES("\2\0\0\0abc"), false },
                { "ay", BYTES("\0\0\0"), false },
                { "aq", BYTES("\4\0\0\0abcd"), true },
                { "aq", BYTES("\3\0\0\0abc"), false },
                { "at", BYTES("\0\0\0\0\0\0\0\0"), true },
                { "at", BYTES("\0\0\0\0"), false }, /* padding also in front of no elements */
                { "at", BYTES("\0\0\0\0\0\0\0\1"), false },
                { "at", BYTES("\10\0\0\0\0\0\0\0aaaaaaaa"), true },
                { "at", BYTES("\4\0\0\0\0\0\0\0aaaa"), false },
                { "uat", BYTES("\0\0\0\0\10\0\0\0aaaaaaaa"), true },
                { "ab", BYTES("\10\0\0\0\0\0\0\0\1\0\0\0"), true },
                { "ab", BYTES("\10\0\0\0\0\0\0\0\2\0\0\0"), false },
                { "ab", BYTES("\2\0\0\0\0\0"), false },
                { "as", BYTES("\0\0\0\0"), true },
                { "as", BYTES("\16\0\0\0\1\0\0\0a\0\0\0\1\0\0\0b\0"), true },
                { "as", BYTES("\15\0\0\0\1\0\0\0a\0\0\0\1\0\0\0b\0"), false },
                { "as", BYTES("\20\0\0\0\1\0\0\0a\0\0\0\1\0\0\0b\0\0\0"), false },
                { "asy", BYTES("\6\0\0\0\1\0\0\0a\0\1"), true },
                { "asy", BYTES("\7\0\0\0\1\0\0\0a\0\1"), false }, /* beyond the array only */
                { "aay", BYTES("\11\0\0\0\0\0\0\0\1\0\0\0a"), true },
                { "aas", BYTES("\4\0\0\0\0\0\0\0"), true },
                { "a(y)", BYTES("\0\0\0\0\0\0\0\0"), true },
                { "a(y)", BYTES("\1\0\0\0\0\0\0\0a"), true },
                { "a(y)", BYTES("\11\0\0\0\0\0\0\0a\0\0\0\0\0\0\0b"), true },
                { "a(y)", BYTES("\10\0\0\0\0\0\0\0a\0\0\0\0\0\0\0"), false },
                { "aa(y)u", BYTES("\14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0"), true },
                { "aa(y)u", BYTES("\10\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0"), false },
                { "aa(yas)u", BYTES("\4\0\0\0\0\0\0\0\5\0\0\0"), true },
                { "aa{y(y)}u", BYTES("\4\0\0\0\0\0\0\0\5\0\0\0"), true },
                { "aaaau", BYTES("\4\0\0\0\0\0\0\0"), true },
                { "a{ys}", BYTES("\12\0\0\0\0\0\0\0\7\0\0\0\1\0\0\0a\0"), true },
                { "a{ys}", BYTES("\12\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\0\0"), false },
                { "a{ys}", BYTES("\11\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\0"), true },
                { "ay", BYTES("\377\377\377\377a"), false },
        };

        check_cases(cases, G_N_ELEMENTS(cases));
}

static void test_struct(void) {
        static const BodyCase cases[] = {
                { "(y)", BYTES("a"), true },
                { "(y)", BYTES(""), false },
                { "y(y)", BYTES("a\0\0\0\0\0\0\0b"), true },
                { "y(y)", BYTES("a\0\0\0\0\0\0\1b"), false },
                { "y((y))", BYTES("a\0\0\0\0\0\0\0b"), true },
                { "(yu)", BYTES("a\0\0\0bbbb"), true },
                { "(yu)", BYTES("a\0\0\0bbb"), false },
                { "(y)y", BYTES("ab"), true },
                { "(s(ay)o)", BYTES("\1\0\0\0a\0\0\0\1\0\0\0b\0\0\0\1\0\0\0/\0"), true },
        };

        check_cases(cases, G_N_ELEMENTS(cases));
}

static void test_variant(void) {
        static const BodyCase cases[] = {
                { "v", BYTES("\1y\0a"), true },
                { "v", BYTES("\1u\0\0aaaa"), true },
                { "v", BYTES("\1u\0\1aaaa"), false },
                { "v", BYTES("\1u\0aaaa"), false },
                { "v", BYTES("\2as\0\0\0\0\0"), true },
                { "v", BYTES("\1v\0\1y\0a"), true },
                { "v", BYTES("\3(y)\0\0\0\0a"), true },
                { "v", BYTES("\3(y)\0\0\0\1a"), false },
                { "v", BYTES("\3(y)\0\0\0\0"), false },
                { "v", BYTES("\3(y)\0\0\0"), false },
                { "v", BYTES("\3(y)\0\0\0\0ab"), false },
                { "v", BYTES("\3(v)\0\0\0\0\1y\0a"), true },
                { "v", BYTES("\0\0"), false },
                { "v", BYTES("\2yy\0ab"), false },
                { "v", BYTES("\1a\0a"), false },
                { "v", BYTES("\4{ys}\0\0\0\0"), false },
                { "v", BYTES("\1yxa"), false },
                { "v", BYTES(""), false },
                { "v", BYTES("\5"), false },
                { "av", BYTES("\10\0\0\0\1y\0a\1y\0b"), true },
                { "av", BYTES("\7\0\0\0\1y\0a\1y\0"), false },
        };

        check_cases(cases, G_N_ELEMENTS(cases));
}

static void test_big_endian(void) {
        check_body("s", "\0\0\0\1a\0", 6, true, true);
        check_body("s", "\1\0\0\0a\0", 6, true, false);
        check_body("ab", "\0\0\0\4\0\0\0\1", 8, true, true);
        check_body("b", "\1\0\0\0", 4, true, false);
        check_body("v", "\1s\0\0\0\0\0\1x\0", 10, true, true);
}

/* @n variants inside each other, a byte in the innermost. */
static void check_variants(unsigned n, bool expected) {
        g_autoptr(GByteArray) body = g_byte_array_new();

        for (unsigned i = 1; i < n; i++)
                g_byte_array_append(body, (const uint8_t *)"\1v", 3);
        g_byte_array_append(body, (const uint8_t *)"\1y\0a", 4);
        check_body("v", body->data, body->len, false, expected);
}

/* 32 arrays, then what is innermost: each length counts all that follows. */
static void check_arrays(const char *signature, const char *inside, size_t n_inside,
                         bool expected) {
        uint32_t body[34] = { 0 };

        g_assert_cmpuint(n_inside, <=, 8);
        for (unsigned i = 0; i < 32; i++)
                body[i] = (uint32_t)(4 * (31 - i) + n_inside);
        memcpy(&body[32], inside, n_inside);
        check_body(signature, body, 32 * 4 + n_inside, G_BYTE_ORDER == G_BIG_ENDIAN, expected);
}

/* "Use of variants may not cause a total message depth to be larger than 64" */
static void test_depth(void) {
        g_autofree char *arrays = g_strnfill(32, 'a');
        g_autofree char *structs = g_strnfill(32, '('), *ends = g_strnfill(32, ')');
        g_autofree char *variant = g_strconcat(arrays, structs, "v", ends, NULL);
        g_autofree char *byte = g_strconcat(arrays, structs, "y", ends, NULL);
        g_autofree char *shallower = g_strconcat(arrays, structs + 1, "v", ends + 1, NULL);

        check_variants(64, true);
        check_variants(65, false);
        check_arrays(byte, "x", 1, true);
        check_arrays(variant, "\1y\0a", 4, false);
        check_arrays(shallower, "\1y\0a", 4, true);
}

/* "Arrays have a maximum length defined to be 2 to the 26th power or 67108864 (64 MiB)." */
static void test_array_limit(void) {
        const size_t max = 64u << 20;
        g_autofree uint8_t *body = calloc(1, max + 5);
        uint32_t length = max;

        g_assert_nonnull(body);
        memcpy(body, &length, 4);
        g_assert_true(body_is_valid(body, max + 4, wire_string("ay"),
                                            G_BYTE_ORDER == G_BIG_ENDIAN));
        length++;
        memcpy(body, &length, 4);
        g_assert_false(body_is_valid(body, max + 5, wire_string("ay"),
                                             G_BYTE_ORDER == G_BIG_ENDIAN));
}

/* Behind every empty array the long rest of its type is skipped, at no cost worth mentioning. */
static void test_many_empty_arrays(void) {
        const uint32_t n_arrays = 1u << 20;
        g_autofree char *fields = g_strnfill(250, 'y');
        g_autofree char *signature = g_strconcat("aa(", fields, ")", NULL);
        g_autofree uint8_t *body = calloc(1, 8 + 8 * n_arrays);
        uint32_t length = 8 * n_arrays - 4;

        g_assert_nonnull(body);
        memcpy(body, &length, 4);
        g_assert_false(body_is_valid(body, 4 + length - 4, wire_string(signature), false));
        length = 8 * n_arrays - 4;
        memcpy(body, &length, 4);
        g_assert_true(body_is_valid(body, 4 + length, wire_string(signature),
                                            G_BYTE_ORDER == G_BIG_ENDIAN));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/body/fixed", test_fixed);
        g_test_add_func("/wire/body/text", test_text);
        g_test_add_func("/wire/body/array", test_array);
        g_test_add_func("/wire/body/struct", test_struct);
        g_test_add_func("/wire/body/variant", test_variant);
        g_test_add_func("/wire/body/big-endian", test_big_endian);
        g_test_add_func("/wire/body/depth", test_depth);
        g_test_add_func("/wire/body/array-limit", test_array_limit);
        g_test_add_func("/wire/body/many-empty-arrays", test_many_empty_arrays);
        return g_test_run();
}
