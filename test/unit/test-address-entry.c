/* SPDX-License-Identifier: MIT */
/* The grammar of addresses; libdbus says the same of each. */
#include "wire/address-entry.h"

#include <dbus/dbus.h>

static const char *const texts[] = {
        "unix:path=/a",
        "unix:path=/a,guid=00",
        "unix:path=/a;tcp:host=b,port=1",
        "unix:path=/a;",
        "unix:path=/a,",
        "unix:",
        "x:k=%41%7e%ff",
        "x:k=a.b\\c*d-e_f/g",
        "x:k=1,k=2",
        "",
        ";",
        ":",
        ":k=v",
        "unix",
        "unix;path=/a",
        "x:k",
        "x:k=",
        "x:=v",
        "x:k=v,,",
        "x:k=v;;x:k=v",
        "x:k=a b",
        "x:k=a~b",
        "x:k=%",
        "x:k=%4",
        "x:k=%4g",
        "x:k=a=b",
        "x:k=%3d",
};

static void compare(DBusAddressEntry *theirs, const AddressEntry *ours) {
        GHashTableIter iter;
        gpointer key, value;

        g_assert_cmpstr(ours->transport, ==, dbus_address_entry_get_method(theirs));
        g_hash_table_iter_init(&iter, ours->values);
        while (g_hash_table_iter_next(&iter, &key, &value))
                g_assert_cmpstr(value, ==, dbus_address_entry_get_value(theirs, key));
}

static void test_like_libdbus(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
                const char *reason = NULL;
                g_autoptr(GPtrArray) ours = address_entries_parse(texts[i], &reason);
                DBusAddressEntry **theirs;
                int n;

                g_test_message("%s: %s", texts[i], ours ? "accepted" : reason);
                g_assert_cmpint(dbus_parse_address(texts[i], &theirs, &n, NULL), ==, ours != NULL);
                if (!ours) {
                        g_assert_nonnull(reason);
                        continue;
                }
                g_assert_cmpint(n, ==, (int)ours->len);
                for (int k = 0; k < n; k++)
                        compare(theirs[k], ours->pdata[k]);
                dbus_address_entries_free(theirs);
        }
}

static void test_zero_byte(void) {
        const char *reason = NULL;

        g_assert_null(address_entries_parse("x:k=a%00b", &reason));
        g_assert_nonnull(reason);
}

/* Every byte is escaped so that both read it back. */
static void test_escape(void) {
        for (int byte = 1; byte < 256; byte++) {
                const char value[] = { 'a', (char)byte, 'b', '\0' };
                g_autofree char *escaped = address_value_escape(value);
                g_autofree char *text = g_strdup_printf("x:k=%s", escaped);
                const char *reason = NULL;
                g_autoptr(GPtrArray) ours = address_entries_parse(text, &reason);
                char *theirs = dbus_address_unescape_value(escaped, NULL);

                g_assert_nonnull(ours);
                g_assert_cmpstr(
                        g_hash_table_lookup(((AddressEntry *)ours->pdata[0])->values, "k"), ==,
                        value);
                g_assert_cmpstr(theirs, ==, value);
                dbus_free(theirs);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/address-entry/like-libdbus", test_like_libdbus);
        g_test_add_func("/wire/address-entry/zero-byte", test_zero_byte);
        g_test_add_func("/wire/address-entry/escape", test_escape);
        return g_test_run();
}
