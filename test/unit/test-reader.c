/* SPDX-License-Identifier: MIT */
#include "wire/reader.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

#define assert_text(text, expected)                                                                \
        g_assert_cmpmem((text).data, (text).length, (expected), strlen(expected))

static Reader make_reader(const char *signature, const uint8_t *bytes, size_t n, bool big_endian) {
        Reader reader;

        reader_init_bytes(&reader, bytes, n, wire_string(signature), big_endian);
        return reader;
}

static void test_basic(void) {
        static const char body[] = "\7\0\0\0\1\0\0\0\4\3\2\1\5\0\0\0"
                                   "\10\7\6\5\4\3\2\1"
                                   "\2\0\0\0hi\0\0\2\0\0\0/p\0\2as\0";
        Reader reader = make_reader("ybuhtsog", BYTES(body), false);
        WireString text;
        uint8_t byte;
        uint32_t number;
        uint64_t large;
        bool flag;

        g_assert_true(reader_get_byte(&reader, &byte));
        g_assert_cmpuint(byte, ==, 7);
        g_assert_true(reader_get_bool(&reader, &flag));
        g_assert_true(flag);
        g_assert_true(reader_get_u32(&reader, &number));
        g_assert_cmphex(number, ==, 0x01020304);
        g_assert_true(reader_get_fd(&reader, &number));
        g_assert_cmpuint(number, ==, 5);
        g_assert_true(reader_get_u64(&reader, &large));
        g_assert_cmphex(large, ==, 0x0102030405060708);
        g_assert_true(reader_get_string(&reader, &text));
        assert_text(text, "hi");
        g_assert_true(reader_get_path(&reader, &text));
        assert_text(text, "/p");
        g_assert_false(reader_finish(&reader));
        g_assert_true(reader_get_signature(&reader, &text));
        assert_text(text, "as");
        g_assert_cmpint(reader_peek(&reader), ==, '\0');
        g_assert_true(reader_finish(&reader));
}

static void test_big_endian(void) {
        static const char body[] = "\1\2\3\4\0\0\0\0\1\2\3\4\5\6\7\10\0\0\0\2hi\0";
        Reader reader = make_reader("uts", BYTES(body), true);
        WireString text;
        uint32_t number;
        uint64_t large;

        g_assert_true(reader_get_u32(&reader, &number));
        g_assert_cmphex(number, ==, 0x01020304);
        g_assert_true(reader_get_u64(&reader, &large));
        g_assert_cmphex(large, ==, 0x0102030405060708);
        g_assert_true(reader_get_string(&reader, &text));
        assert_text(text, "hi");
        g_assert_true(reader_finish(&reader));
}

/* Once failed, all fails, and what a getter would set stays as it was. */
static void test_wrong_type(void) {
        Reader reader = make_reader("uu", BYTES("\1\0\0\0\2\0\0\0"), false);
        uint32_t number = 99;
        WireString text;

        g_assert_true(reader_get_u32(&reader, &number));
        g_assert_cmpuint(number, ==, 1);
        g_assert_false(reader_get_string(&reader, &text));
        g_assert_false(reader_get_u32(&reader, &number));
        g_assert_cmpuint(number, ==, 1);
        g_assert_cmpint(reader_peek(&reader), ==, '\0');
        g_assert_false(reader_skip(&reader));
        g_assert_false(reader_finish(&reader));
}

static void test_behind_end(void) {
        Reader reader = make_reader("y", BYTES("\1"), false);
        uint8_t byte;

        g_assert_true(reader_get_byte(&reader, &byte));
        g_assert_false(reader_get_byte(&reader, &byte));
        g_assert_false(reader_finish(&reader));
}

/* Bytes that were not validated must fail, nothing worse. */
static void test_bounds(void) {
        static const struct {
                const char *signature, *bytes;
                size_t n;
        } cases[] = {
                { "u", "\1\0\0", 3 },
                { "t", "\1\0\0\0\0\0\0", 7 },
                { "s", "\1\0\0", 3 },
                { "s", "\1\0\0\0a", 5 },
                { "s", "\1\0\0\0ab", 6 },
                { "s", "\377\377\377\377ab", 6 },
                { "g", "", 0 },
                { "g", "\2a\0", 3 },
                { "ay", "\3\0\0\0ab", 6 },
                { "at", "\0\0\0\0", 4 },
                { "v", "", 0 },
                { "v", "\1a\0", 3 },
                { "v", "\2yy\0ab", 6 },
                { "v", "\1u\0\0\1\0", 6 },
                { "(yu)", "\1\0\0\0\1\0", 6 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree uint8_t *exact = g_memdup2(cases[i].bytes, cases[i].n);
                Reader reader = make_reader(cases[i].signature, exact, cases[i].n, false);

                g_assert_false(reader_skip(&reader));
                g_assert_false(reader_finish(&reader));
        }
}

static void test_array(void) {
        static const char body[] = "\16\0\0\0\1\0\0\0a\0\0\0\1\0\0\0b\0\7";
        Reader reader = make_reader("asy", BYTES(body), false), inside;
        WireString text;
        uint8_t byte;

        g_assert_true(reader_enter(&reader, 'a', &inside));
        g_assert_cmpint(reader_peek(&inside), ==, 's');
        g_assert_true(reader_get_string(&inside, &text));
        assert_text(text, "a");
        g_assert_false(reader_finish(&inside));
        g_assert_true(reader_get_string(&inside, &text));
        assert_text(text, "b");
        g_assert_cmpint(reader_peek(&inside), ==, '\0');
        g_assert_true(reader_finish(&inside));
        g_assert_true(reader_get_byte(&reader, &byte));
        g_assert_cmpuint(byte, ==, 7);
        g_assert_true(reader_finish(&reader));
}

static void test_empty_array(void) {
        Reader reader = make_reader("at(y)", BYTES("\0\0\0\0\0\0\0\0\7"), false), inside;
        uint8_t byte;

        g_assert_true(reader_enter(&reader, 'a', &inside));
        g_assert_cmpint(reader_peek(&inside), ==, '\0');
        g_assert_true(reader_finish(&inside));
        g_assert_true(reader_enter(&reader, '(', &inside));
        g_assert_true(reader_get_byte(&inside, &byte));
        g_assert_true(reader_finish(&inside));
        g_assert_true(reader_finish(&reader));
}

/* a{sv}, read as a handler would. */
static void test_dict(void) {
        Reader reader;
        Reader entries, entry, value;
        WireString key;
        uint32_t number;
        uint8_t byte;

        reader = make_reader("a{sv}",
                             BYTES("\32\0\0\0\0\0\0\0"
                                   "\1\0\0\0x\0\1u\0\0\0\0\5\0\0\0"
                                   "\1\0\0\0y\0\1y\0\6"),
                             false);
        g_assert_true(reader_enter(&reader, 'a', &entries));
        g_assert_true(reader_finish(&reader));
        g_assert_true(reader_enter(&entries, '{', &entry));
        g_assert_true(reader_get_string(&entry, &key));
        assert_text(key, "x");
        g_assert_true(reader_enter(&entry, 'v', &value));
        g_assert_true(reader_finish(&entry));
        g_assert_true(reader_get_u32(&value, &number));
        g_assert_cmpuint(number, ==, 5);
        g_assert_true(reader_finish(&value));

        g_assert_true(reader_enter(&entries, '{', &entry));
        g_assert_true(reader_get_string(&entry, &key));
        g_assert_true(reader_enter(&entry, 'v', &value));
        g_assert_cmpint(reader_peek(&value), ==, 'y');
        g_assert_true(reader_get_byte(&value, &byte));
        g_assert_cmpuint(byte, ==, 6);
        g_assert_cmpint(reader_peek(&entries), ==, '\0');
        g_assert_true(reader_finish(&entries));
}

static void test_enter_wrong(void) {
        Reader reader = make_reader("y", BYTES("\1"), false), inside;

        g_assert_false(reader_enter(&reader, 'a', &inside));
        reader = make_reader("y", BYTES("\1"), false);
        g_assert_false(reader_enter(&reader, 'y', &inside));
}

/* What is not read inside is skipped all the same. */
static void test_skip(void) {
        Reader reader = make_reader("(say)vq",
                                    BYTES("\1\0\0\0a\0\0\0\2\0\0\0\1\2\2ay\0\0\0"
                                          "\2\0\0\0xx\7\0"),
                                    false);
        Reader inside;

        g_assert_true(reader_enter(&reader, '(', &inside));
        g_assert_true(reader_skip(&reader));
        g_assert_cmpint(reader_peek(&reader), ==, 'q');
        g_assert_true(reader_skip(&reader));
        g_assert_true(reader_finish(&reader));
        g_assert_true(reader_skip(&inside));
        g_assert_true(reader_skip(&inside));
        g_assert_true(reader_finish(&inside));
}

static void test_raw(void) {
        Reader reader = make_reader("yas", BYTES("\1\0\0\0\6\0\0\0\1\0\0\0a\0"), false);
        const uint8_t *bytes;
        WireString signature;
        size_t n;

        g_assert_true(reader_skip(&reader));
        g_assert_true(reader_raw(&reader, &bytes, &n, &signature));
        g_assert_cmpmem(bytes, n, "\6\0\0\0\1\0\0\0a\0", 10);
        assert_text(signature, "as");
        g_assert_true(reader_finish(&reader));
        g_assert_false(reader_raw(&reader, &bytes, &n, &signature));
}

/* Variants in variants, deeper than any message. */
static void test_depth(void) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        Reader reader;

        for (unsigned i = 0; i < 100000; i++)
                g_byte_array_append(bytes, (const uint8_t *)"\1v", 3);
        g_byte_array_append(bytes, (const uint8_t *)"\1y\0x", 4);
        reader = make_reader("v", bytes->data, bytes->len, false);
        g_assert_false(reader_skip(&reader));
}

static void test_no_signature(void) {
        MessageView view = { .bytes = (const uint8_t *)"" };
        Reader reader;

        reader_init(&reader, &view);
        g_assert_cmpint(reader_peek(&reader), ==, '\0');
        g_assert_true(reader_finish(&reader));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/reader/basic", test_basic);
        g_test_add_func("/wire/reader/big-endian", test_big_endian);
        g_test_add_func("/wire/reader/wrong-type", test_wrong_type);
        g_test_add_func("/wire/reader/behind-end", test_behind_end);
        g_test_add_func("/wire/reader/bounds", test_bounds);
        g_test_add_func("/wire/reader/array", test_array);
        g_test_add_func("/wire/reader/empty-array", test_empty_array);
        g_test_add_func("/wire/reader/dict", test_dict);
        g_test_add_func("/wire/reader/enter-wrong", test_enter_wrong);
        g_test_add_func("/wire/reader/skip", test_skip);
        g_test_add_func("/wire/reader/raw", test_raw);
        g_test_add_func("/wire/reader/depth", test_depth);
        g_test_add_func("/wire/reader/no-signature", test_no_signature);
        return g_test_run();
}
