/* SPDX-License-Identifier: MIT */
/* The grammar of server addresses: transports, keys and escaped values ("Server Addresses"). */
#pragma once

#include <glib.h>

/* One alternative of an address: a transport with its keys. */
typedef struct AddressEntry {
        char *transport;    /* owned */
        GHashTable *values; /* owned; key → value, both strings, unescaped; never empty ones */
} AddressEntry;

/**
 * address_entries_parse() - splits an address into its alternatives
 * @text: alternatives, separated by ';'; one after the last is optional
 * @reason: set to a constant text when @text is malformed
 *
 * Nothing is known here about transports and keys. Of a key given twice the first counts. The
 * zero byte cannot be a part of a value.
 *
 * Return: array of AddressEntry *, at least one, owned by the array; NULL when malformed.
 */
GPtrArray *address_entries_parse(const char *text, const char **reason);

/** address_value_escape() - writes every byte that is not allowed as it is as %XX; newly allocated */
char *address_value_escape(const char *value);
