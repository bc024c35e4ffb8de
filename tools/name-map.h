/* SPDX-License-Identifier: MIT */
/*
 * Who is who on a bus: which connection has which names, and in which container it is.
 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

typedef struct NameMap NameMap;

NameMap *name_map_new(void);
void name_map_free(NameMap *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NameMap, name_map_free)

/** name_map_load() - asks the bus about all names that it has */
bool name_map_load(NameMap *map, GDBusConnection *connection, GError **error);

/** name_map_put_container() - the connection with this unique name is in the server at @path */
void name_map_put_container(NameMap *map, const char *unique, const char *path);

/** name_map_put_owner() - NameOwnerChanged; an empty @unique: nobody has it any more */
void name_map_put_owner(NameMap *map, const char *name, const char *unique);

/** name_map_get_container() - of who has @name; NULL: it is in none, or not known */
const char *name_map_get_container(const NameMap *map, const char *name);

/** name_map_get_owner() - unique name of who has a well-known @name; NULL: nobody, or not known */
const char *name_map_get_owner(const NameMap *map, const char *name);

/**
 * name_map_get_names() - all well-known names, in order; container of char *, caller frees the
 * array only
 */
GPtrArray *name_map_get_names(const NameMap *map);
