/* SPDX-License-Identifier: MIT */
/*
 * Makes sense of server addresses. The grammar and its escaping are libdbus's; which of its
 * addresses a bus can listen on is said here.
 */
#include "bus/address.h"

#include <dbus/dbus.h>
#include <string.h>

#define SUPPORTED                                                                                  \
        "this bus listens on unix:path=, unix:abstract=, unix:dir=, unix:tmpdir=, "                \
        "unix:runtime=yes and systemd: only"

G_DEFINE_QUARK(address_error, address_error)

static const struct {
        const char *key;
        AddressKind kind;
} unix_keys[] = {
        { "path", ADDRESS_PATH },     { "abstract", ADDRESS_ABSTRACT },
        { "dir", ADDRESS_DIRECTORY }, { "tmpdir", ADDRESS_DIRECTORY },
        { "runtime", ADDRESS_PATH },
};

char *address_print(const char *key, const char *value) {
        char *escaped = dbus_address_escape_value(value);
        char *text = g_strdup_printf("unix:%s=%s", key, escaped);

        dbus_free(escaped);
        return text;
}

void address_free(Address *address) {
        if (!address)
                return;
        g_free(address->text);
        g_free(address->value);
        g_free(address);
}

static void free_element(void *address) {
        address_free(address);
}

static Address *make_address(AddressKind kind, char *text, const char *value) {
        Address *address = g_new(Address, 1);

        *address = (Address){ .kind = kind, .text = text, .value = g_strdup(value) };
        return address;
}

static Address *parse_runtime(const char *value) {
        const char *directory = g_getenv("XDG_RUNTIME_DIR");
        char *text = address_print("runtime", value);

        if (strcmp(value, "yes") != 0)
                return make_address(ADDRESS_UNSUPPORTED, text,
                                    "runtime takes no other value than yes");
        if (!directory || *directory == '\0')
                return make_address(ADDRESS_UNSUPPORTED, text, "XDG_RUNTIME_DIR is not set");
        g_autofree char *path = g_build_filename(directory, "bus", NULL);
        return make_address(ADDRESS_PATH, text, path);
}

static Address *parse_unix(DBusAddressEntry *entry) {
        Address *address = NULL;

        for (unsigned i = 0; i < G_N_ELEMENTS(unix_keys); i++) {
                const char *key = unix_keys[i].key,
                           *value = dbus_address_entry_get_value(entry, key);

                if (!value)
                        continue;
                if (address) {
                        address_free(address);
                        return make_address(
                                ADDRESS_UNSUPPORTED, g_strdup("unix:"),
                                "only one of path, abstract, dir, tmpdir and runtime can be given");
                }
                address =
                        strcmp(key, "runtime") == 0
                                ? parse_runtime(value)
                                : make_address(unix_keys[i].kind, address_print(key, value), value);
        }
        return address ? address
                       : make_address(ADDRESS_UNSUPPORTED, g_strdup("unix:"),
                                      "one of path, abstract, dir, tmpdir and runtime is needed");
}

static Address *parse_entry(DBusAddressEntry *entry) {
        const char *method = dbus_address_entry_get_method(entry);

        if (strcmp(method, "unix") == 0)
                return parse_unix(entry);
        if (strcmp(method, "systemd") == 0)
                return make_address(ADDRESS_SYSTEMD, g_strdup("systemd:"), NULL);
        return make_address(ADDRESS_UNSUPPORTED, g_strdup_printf("%s:", method), SUPPORTED);
}

GPtrArray *address_parse_all(const char *text, GError **error) {
        g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(free_element);
        DBusError reason = DBUS_ERROR_INIT;
        DBusAddressEntry **entries;
        int n_entries;

        if (!dbus_parse_address(text, &entries, &n_entries, &reason)) {
                g_autofree char *message = g_strdup(reason.message);

                /* some of libdbus's end in a newline */
                g_set_error(error, ADDRESS_ERROR, ADDRESS_ERROR_SYNTAX,
                            "\"%s\" is not an address: %s", text, g_strchomp(message));
                dbus_error_free(&reason);
                return NULL;
        }
        for (int i = 0; i < n_entries; i++)
                g_ptr_array_add(addresses, parse_entry(entries[i]));
        dbus_address_entries_free(entries);
        return g_steal_pointer(&addresses);
}
