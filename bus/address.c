/* SPDX-License-Identifier: MIT */
/* Makes sense of server addresses: which of them a bus can listen on. */
#include "bus/address.h"

#include <string.h>

#include "wire/address-entry.h"

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
        g_autofree char *escaped = address_value_escape(value);

        return g_strdup_printf("unix:%s=%s", key, escaped);
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

static Address *parse_unix(const AddressEntry *entry) {
        Address *address = NULL;

        for (unsigned i = 0; i < G_N_ELEMENTS(unix_keys); i++) {
                const char *key = unix_keys[i].key,
                           *value = g_hash_table_lookup(entry->values, key);

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

static Address *parse_entry(const AddressEntry *entry) {
        const char *transport = entry->transport;

        if (strcmp(transport, "unix") == 0)
                return parse_unix(entry);
        if (strcmp(transport, "systemd") == 0)
                return make_address(ADDRESS_SYSTEMD, g_strdup("systemd:"), NULL);
        return make_address(ADDRESS_UNSUPPORTED, g_strdup_printf("%s:", transport), SUPPORTED);
}

GPtrArray *address_parse_all(const char *text, GError **error) {
        g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(free_element);
        const char *reason;
        g_autoptr(GPtrArray) entries = address_entries_parse(text, &reason);

        if (!entries) {
                g_set_error(error, ADDRESS_ERROR, ADDRESS_ERROR_SYNTAX,
                            "\"%s\" is not an address: %s", text, reason);
                return NULL;
        }
        for (unsigned i = 0; i < entries->len; i++)
                g_ptr_array_add(addresses, parse_entry(entries->pdata[i]));
        return g_steal_pointer(&addresses);
}
