/* SPDX-License-Identifier: MIT */
/* Cells are escaped here, so that whoever fills a table need not think of it. */
#include "tools/table.h"

#include "tools/printable.h"

struct Table {
        const char *const *titles; /* borrowed */
        guint n_columns;
        GPtrArray *rows; /* owned; of GStrv, owned */
};

static void row_free(void *row) {
        g_strfreev(row);
}

Table *table_new(const char *const *titles) {
        Table *table = g_new0(Table, 1);

        table->titles = titles;
        table->n_columns = g_strv_length((GStrv)titles);
        table->rows = g_ptr_array_new_with_free_func(row_free);
        return table;
}

void table_free(Table *table) {
        if (!table)
                return;
        g_ptr_array_unref(table->rows);
        g_free(table);
}

void table_add(Table *table, GStrv cells) {
        for (guint i = 0; i < table->n_columns; i++) {
                g_autofree char *cell = cells[i];

                cells[i] = *cell ? printable_text(cell) : g_strdup("-");
        }
        g_ptr_array_add(table->rows, cells);
}

static unsigned column_width(const Table *table, guint column) {
        glong width = g_utf8_strlen(table->titles[column], -1);

        for (guint i = 0; i < table->rows->len; i++) {
                char **row = table->rows->pdata[i];

                width = MAX(width, g_utf8_strlen(row[column], -1));
        }
        return (unsigned)width;
}

static void append_row(const Table *table, const char *const *row, const unsigned *widths,
                       GString *text) {
        for (guint i = 0; i < table->n_columns; i++) {
                g_autofree char *cell = printable_pad(row[i], widths[i]);

                g_string_append_printf(text, "%s%s", i > 0 ? "  " : "", cell);
        }
        while (text->str[text->len - 1] == ' ')
                g_string_truncate(text, text->len - 1);
        g_string_append_c(text, '\n');
}

static char *cut_lines(const char *text, unsigned width) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line; line++)
                if (g_utf8_strlen(*line, -1) > (glong)width) {
                        g_autofree char *whole = *line;

                        *line = printable_pad(whole, width);
                }
        return g_strjoinv("\n", lines);
}

char *table_to_text(const Table *table, unsigned width) {
        g_autofree unsigned *widths = g_new(unsigned, table->n_columns);
        g_autoptr(GString) text = g_string_new(NULL);

        for (guint i = 0; i < table->n_columns; i++)
                widths[i] = column_width(table, i);
        append_row(table, table->titles, widths, text);
        for (guint i = 0; i < table->rows->len; i++)
                append_row(table, table->rows->pdata[i], widths, text);
        return width > 0 ? cut_lines(text->str, width) : g_strdup(text->str);
}
