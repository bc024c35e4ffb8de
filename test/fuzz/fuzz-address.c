/* SPDX-License-Identifier: MIT */
/* Any text as the address of a server. What is accepted says where to listen, and reads the same again. */
#include "bus/address.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a socket is called, its printed address means that socket. */
static void check_printed(const char *key, const char *value) {
        g_autofree char *text = address_print(key, value);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) again = address_parse_all(text, &error);

        g_assert_no_error(error);
        g_assert_cmpuint(again->len, ==, 1);
        g_assert_cmpstr(((Address *)again->pdata[0])->value, ==, value);
}

static void check(const Address *address) {
        g_assert_nonnull(address->text);
        switch (address->kind) {
        case ADDRESS_PATH:
                check_printed("path", address->value);
                return;
        case ADDRESS_ABSTRACT:
                check_printed("abstract", address->value);
                return;
        case ADDRESS_DIRECTORY:
        case ADDRESS_UNSUPPORTED:
                g_assert_nonnull(address->value);
                return;
        case ADDRESS_SYSTEMD:
                return;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = g_strndup((const char *)data, size);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) addresses = address_parse_all(text, &error);

        g_assert_true((addresses == NULL) == (error != NULL));
        if (!addresses)
                return 0;
        g_assert_cmpuint(addresses->len, >, 0);
        for (guint i = 0; i < addresses->len; i++)
                check(addresses->pdata[i]);
        return 0;
}
