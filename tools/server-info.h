/* SPDX-License-Identifier: MIT */
/*
 * What a bus says about its container servers.
 */
#pragma once

#include "tools/rule-list.h"

#include <gio/gio.h>

/* One server. Strings are owned. */
typedef struct ServerInfo {
        char *path, *type, *app_id, *instance_id;
        GVariant *creator, *metadata; /* ref; a{sv} */
} ServerInfo;

void server_info_clear(ServerInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ServerInfo, server_info_clear)

void server_info_free(ServerInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServerInfo, server_info_free)

/**
 * server_info_load() - asks about the server at an object path, or the one of the connection with
 * a bus name
 * @ret_info: zeroed
 *
 * Return: false with @error; NotContainer for a server that has gone, or a name that is in none.
 */
bool server_info_load(GDBusConnection *connection, const char *what, ServerInfo *ret_info,
                      GError **error);

/**
 * server_info_find() - the same for what a person types: an object path, its last element, a bus
 * name, or an app id that only one server has
 */
bool server_info_find(GDBusConnection *connection, const char *what, ServerInfo *ret_info,
                      GError **error);

/** server_info_list() - all servers; array of ServerInfo *, owned; NULL with @error */
GPtrArray *server_info_list(GDBusConnection *connection, GError **error);

/** server_info_get_uid() - of the creator, as text; "-" for an anonymous one; newly allocated */
char *server_info_get_uid(const ServerInfo *info);

/**
 * server_info_get_label() - what to call it in one word: app id, else type, and its number;
 * newly allocated
 */
char *server_info_get_label(const ServerInfo *info);

/**
 * server_info_load_rules() - adds the rules of the server at @path, which is their source, to
 * @rules
 */
bool server_info_load_rules(GDBusConnection *connection, const char *path, RuleList *rules,
                            GError **error);

/**
 * server_info_load_grants() - adds what services allow the server at @path by themselves to @grants,
 * see rule_list_add_grants(); for those who may stop it
 */
bool server_info_load_grants(GDBusConnection *connection, const char *path, RuleList *grants,
                             GError **error);
