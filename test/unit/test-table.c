/* SPDX-License-Identifier: MIT */
#include "tools/table.h"

#include "tools/printable.h"

static void test_printable(void) {
        static const struct {
                const char *text, *shown;
        } cases[] = {
                { "", "" },
                { "ä b", "ä b" },
                { "a\nb\x1b[2J", "a\\u{a}b\\u{1b}[2J" },
                { "\\", "\\\\" },
                { "\xe2\x80\xae"
                  "x",
                  "\\u{202e}x" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *shown = printable_text(cases[i].text);

                g_assert_cmpstr(shown, ==, cases[i].shown);
        }
}

static void test_message(void) {
        g_autofree char *shown = printable_message("a\\b\xff\x1b[31mc\n");

        g_assert_cmpstr(shown, ==, "a\\b\xef\xbf\xbd\\u{1b}[31mc\\u{a}");
}

static void test_pad(void) {
        g_autofree char *same = printable_pad("äöü", 3);
        g_autofree char *wider = printable_pad("äöü", 5);
        g_autofree char *cut = printable_pad("äöüx", 3);

        g_assert_cmpstr(same, ==, "äöü");
        g_assert_cmpstr(wider, ==, "äöü  ");
        g_assert_cmpstr(cut, ==, "äö…");
}

static void add(Table *table, const char *first, const char *second) {
        const char *const cells[] = { first, second, NULL };

        table_add(table, g_strdupv((char **)cells));
}

static void test_table(void) {
        static const char *const titles[] = { "ONE", "TWO", NULL };
        g_autoptr(Table) table = table_new(titles);
        g_autofree char *text = NULL, *narrow = NULL;

        add(table, "längeres", "x");
        add(table, "", "a\nb");
        text = table_to_text(table, 0);
        g_assert_cmpstr(text, ==, "ONE       TWO\nlängeres  x\n-         a\\u{a}b\n");
        narrow = table_to_text(table, 6);
        g_assert_cmpstr(narrow, ==, "ONE  …\nlänge…\n-    …\n");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/tools/printable/text", test_printable);
        g_test_add_func("/tools/printable/message", test_message);
        g_test_add_func("/tools/printable/pad", test_pad);
        g_test_add_func("/tools/table/text", test_table);
        return g_test_run();
}
