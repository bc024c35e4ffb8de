/* SPDX-License-Identifier: MIT */
/*
 *     owners:      com.example.Name -> :1.5
 *     containers:  :1.5             -> /org/freedesktop/DBus/Containers1/c0
 */
#include "tools/name-map.h"

#include "tools/server-info.h"
#include "tools/bus-client.h"

#include <string.h>

struct NameMap {
        GHashTable *owners, *containers; /* owned; of char *, owned */
};

NameMap *name_map_new(void) {
        NameMap *map = g_new0(NameMap, 1);

        map->owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        map->containers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        return map;
}

void name_map_free(NameMap *map) {
        if (!map)
                return;
        g_hash_table_unref(map->owners);
        g_hash_table_unref(map->containers);
        g_free(map);
}

void name_map_put_container(NameMap *map, const char *unique, const char *path) {
        g_hash_table_insert(map->containers, g_strdup(unique), g_strdup(path));
}

void name_map_put_owner(NameMap *map, const char *name, const char *unique) {
        if (*unique == '\0') {
                g_hash_table_remove(map->owners, name);
                g_hash_table_remove(map->containers, name);
        } else if (name[0] != ':') {
                g_hash_table_insert(map->owners, g_strdup(name), g_strdup(unique));
        }
}

static bool load_one(NameMap *map, GDBusConnection *connection, const char *name, GError **error) {
        g_auto(ServerInfo) info = { 0 };
        g_autoptr(GVariant) owner = NULL;
        g_autoptr(GError) none = NULL;
        const char *unique;

        if (name[0] == ':') {
                if (server_info_load(connection, name, &info, &none)) {
                        name_map_put_container(map, name, info.path);
                        return true;
                }
                if (bus_client_error_is(none, ERROR_NOT_CONTAINER) ||
                    bus_client_error_is(none, ERROR_NO_OWNER))
                        return true;
                g_propagate_error(error, g_steal_pointer(&none));
                return false;
        }
        owner = bus_client_call_interface(connection, BUS_NAME, "GetNameOwner",
                                          g_variant_new("(s)", name), "(s)", NULL);
        if (!owner)
                return true;
        g_variant_get(owner, "(&s)", &unique);
        name_map_put_owner(map, name, unique);
        return true;
}

bool name_map_load(NameMap *map, GDBusConnection *connection, GError **error) {
        g_autoptr(GVariant) reply =
                bus_client_call_interface(connection, BUS_NAME, "ListNames", NULL, "(as)", error);
        g_autofree const char **names = NULL;

        if (!reply)
                return false;
        g_variant_get(reply, "(^a&s)", &names);
        for (size_t i = 0; names[i]; i++)
                if (strcmp(names[i], BUS_NAME) != 0 && !load_one(map, connection, names[i], error))
                        return false;
        return true;
}

const char *name_map_get_container(const NameMap *map, const char *name) {
        if (name && name[0] != ':')
                name = g_hash_table_lookup(map->owners, name);
        return name ? g_hash_table_lookup(map->containers, name) : NULL;
}

const char *name_map_get_owner(const NameMap *map, const char *name) {
        return g_hash_table_lookup(map->owners, name);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *name_map_get_names(const NameMap *map) {
        GPtrArray *names = g_ptr_array_new();
        GHashTableIter iter;
        void *name;

        g_hash_table_iter_init(&iter, map->owners);
        while (g_hash_table_iter_next(&iter, &name, NULL))
                g_ptr_array_add(names, name);
        g_ptr_array_sort(names, compare_names);
        return names;
}
