/* SPDX-License-Identifier: MIT */
/*
 * Rows of text in columns that are as wide as what is in them.
 */
#pragma once

#include <glib.h>

typedef struct Table Table;

/** table_new() - @titles: of the columns, NULL-terminated; borrowed for good */
Table *table_new(const char *const *titles);
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/**
 * table_add() - adds a row; takes @cells, as many as there are columns, NULL-terminated. Empty
 * ones become "-"
 */
void table_add(Table *table, GStrv cells);

/**
 * table_to_text() - titles and all rows, two spaces between columns
 * @width: cut lines to as many columns; 0: as wide as they are
 */
char *table_to_text(const Table *table, unsigned width);
