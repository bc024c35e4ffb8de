/* SPDX-License-Identifier: MIT */
/*
 * Splits server addresses. libdbus could as well, but it brings a dozen libraries into the process,
 * which cost a bus that has nothing to do more memory than all the rest of it.
 */
#include "wire/address-entry.h"

#include <stdbool.h>
#include <string.h>

/* What may stand in a value without being escaped. */
static bool is_plain(char c) {
        return g_ascii_isalnum(c) || (c != '\0' && strchr("-_/\\.*", c));
}

char *address_value_escape(const char *value) {
        GString *escaped = g_string_new(NULL);

        for (; *value != '\0'; value++) {
                if (is_plain(*value))
                        g_string_append_c(escaped, *value);
                else
                        g_string_append_printf(escaped, "%%%02x", (unsigned char)*value);
        }
        return g_string_free(escaped, FALSE);
}

/* Return: the bytes meant, NULL with @reason set when @value is not properly escaped. */
static char *unescape(const char *value, const char **reason) {
        g_autoptr(GString) bytes = g_string_new(NULL);

        for (; *value != '\0'; value++) {
                char byte = *value;

                if (byte == '%') {
                        if (!g_ascii_isxdigit(value[1]) || !g_ascii_isxdigit(value[2])) {
                                *reason = "% is not followed by two hexadecimal digits";
                                return NULL;
                        }
                        byte = (char)(g_ascii_xdigit_value(value[1]) << 4 |
                                      g_ascii_xdigit_value(value[2]));
                        if (byte == '\0') {
                                *reason = "a value contains the zero byte";
                                return NULL;
                        }
                        value += 2;
                } else if (!is_plain(byte)) {
                        *reason = "a value contains a byte that has to be escaped";
                        return NULL;
                }
                g_string_append_c(bytes, byte);
        }
        return g_string_free(g_steal_pointer(&bytes), FALSE);
}

static bool parse_pair(AddressEntry *entry, const char *pair, const char **reason) {
        const char *equals = strchr(pair, '=');
        g_autofree char *value = NULL;

        if (!equals || equals == pair || equals[1] == '\0') {
                *reason = "KEY=VALUE is expected between the commas";
                return false;
        }
        value = unescape(equals + 1, reason);
        if (!value)
                return false;
        g_autofree char *key = g_strndup(pair, (size_t)(equals - pair));
        if (!g_hash_table_contains(entry->values, key))
                g_hash_table_insert(entry->values, g_steal_pointer(&key), g_steal_pointer(&value));
        return true;
}

static void entry_free(void *data) {
        AddressEntry *entry = data;

        g_free(entry->transport);
        g_hash_table_unref(entry->values);
        g_free(entry);
}

static bool parse_entry(AddressEntry *entry, const char *text, const char **reason) {
        const char *colon = strchr(text, ':');

        if (!colon) {
                *reason = "TRANSPORT: is expected first";
                return false;
        }
        entry->transport = g_strndup(text, (size_t)(colon - text));
        g_auto(GStrv) pairs = g_strsplit(colon + 1, ",", -1);
        for (char **pair = pairs; *pair; pair++) {
                if (**pair == '\0' && !pair[1])
                        break; /* the comma after the last pair is optional */
                if (!parse_pair(entry, *pair, reason))
                        return false;
        }
        return true;
}

GPtrArray *address_entries_parse(const char *text, const char **reason) {
        g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(entry_free);
        g_auto(GStrv) alternatives = g_strsplit(text, ";", -1);

        for (char **alternative = alternatives; *alternative; alternative++) {
                AddressEntry *entry;

                if (**alternative == '\0' && !alternative[1])
                        break;
                entry = g_new0(AddressEntry, 1);
                entry->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
                g_ptr_array_add(entries, entry);
                if (!parse_entry(entry, *alternative, reason))
                        return NULL;
        }
        if (entries->len > 0)
                return g_steal_pointer(&entries);
        *reason = "it is empty";
        return NULL;
}
