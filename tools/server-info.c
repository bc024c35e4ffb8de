/* SPDX-License-Identifier: MIT */
/* Servers come and go between two questions; a list leaves out what has gone. */
#include "tools/server-info.h"

#include "tools/bus-client.h"

#include <string.h>

#define SERVER_FOLDER BUS_PATH "/Containers1/"

void server_info_clear(ServerInfo *info) {
        g_clear_pointer(&info->path, g_free);
        g_clear_pointer(&info->type, g_free);
        g_clear_pointer(&info->app_id, g_free);
        g_clear_pointer(&info->instance_id, g_free);
        g_clear_pointer(&info->creator, g_variant_unref);
        g_clear_pointer(&info->metadata, g_variant_unref);
}

void server_info_free(ServerInfo *info) {
        if (!info)
                return;
        server_info_clear(info);
        g_free(info);
}

bool server_info_load(GDBusConnection *connection, const char *what, ServerInfo *ret_info,
                      GError **error) {
        g_autoptr(GVariant) reply = NULL;

        if (what[0] == '/') {
                reply = bus_client_call(connection, "GetServerInfo", g_variant_new("(o)", what),
                                        "(a{sv}sssa{sv})", NULL, error);
                if (!reply)
                        return false;
                ret_info->path = g_strdup(what);
                g_variant_get(reply, "(@a{sv}sss@a{sv})", &ret_info->creator, &ret_info->type,
                              &ret_info->app_id, &ret_info->instance_id, &ret_info->metadata);
                return true;
        }

        reply = bus_client_call(connection, "GetConnectionInfo", g_variant_new("(s)", what),
                                "(oa{sv}sssa{sv})", NULL, error);
        if (!reply)
                return false;
        g_variant_get(reply, "(o@a{sv}sss@a{sv})", &ret_info->path, &ret_info->creator,
                      &ret_info->type, &ret_info->app_id, &ret_info->instance_id,
                      &ret_info->metadata);
        return true;
}

/* The only server with this app id; one that several have is an error of its own. */
static bool find_app(GDBusConnection *connection, const char *app_id, ServerInfo *ret_info,
                     GError **error) {
        g_autoptr(GPtrArray) servers = server_info_list(connection, NULL);
        ServerInfo *found = NULL;

        for (guint i = 0; servers && i < servers->len; i++) {
                ServerInfo *info = servers->pdata[i];

                if (strcmp(info->app_id, app_id) != 0)
                        continue;
                if (found) {
                        g_clear_error(error);
                        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                                    "several containers have this app id; expected the path of "
                                    "one, such as %s",
                                    info->path);
                        return false;
                }
                found = info;
        }
        if (!found)
                return false;
        g_clear_error(error);
        *ret_info = *found;
        memset(found, 0, sizeof *found);
        return true;
}

static bool is_number_of_server(const char *what) {
        return what[0] == 'c' && what[1] != '\0' &&
               what[1 + strspn(what + 1, "0123456789")] == '\0';
}

bool server_info_find(GDBusConnection *connection, const char *what, ServerInfo *ret_info,
                      GError **error) {
        g_autofree char *path =
                is_number_of_server(what) ? g_strconcat(SERVER_FOLDER, what, NULL) : NULL;
        bool is_path = what[0] == '/';

        if (path)
                return server_info_load(connection, path, ret_info, error);
        if (is_path ? !g_variant_is_object_path(what) : !g_utf8_validate(what, -1, NULL)) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "expected the path of a server, a bus name or an app id");
                return false;
        }
        if (is_path || g_dbus_is_name(what)) {
                if (server_info_load(connection, what, ret_info, error))
                        return true;
                return !is_path && find_app(connection, what, ret_info, error);
        }
        if (find_app(connection, what, ret_info, error))
                return true;
        if (error && !*error)
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "neither an object path nor a bus name nor the app id of a container; "
                            "see dbus-container list");
        return false;
}

GPtrArray *server_info_list(GDBusConnection *connection, GError **error) {
        g_autoptr(GPtrArray) servers =
                g_ptr_array_new_with_free_func((GDestroyNotify)server_info_free);
        g_autoptr(GVariant) reply =
                bus_client_call(connection, "ListServers", NULL, "(ao)", NULL, error);
        g_autofree const char **paths = NULL;

        if (!reply)
                return NULL;

        g_variant_get(reply, "(^a&o)", &paths);
        for (size_t i = 0; paths[i]; i++) {
                g_autoptr(ServerInfo) info = g_new0(ServerInfo, 1);
                g_autoptr(GError) gone = NULL;

                if (server_info_load(connection, paths[i], info, &gone)) {
                        g_ptr_array_add(servers, g_steal_pointer(&info));
                } else if (!bus_client_error_is(gone, ERROR_NOT_CONTAINER)) {
                        g_propagate_error(error, g_steal_pointer(&gone));
                        return NULL;
                }
        }
        return g_steal_pointer(&servers);
}

char *server_info_get_uid(const ServerInfo *info) {
        guint32 uid;

        if (!g_variant_lookup(info->creator, "UnixUserID", "u", &uid))
                return g_strdup("-");
        return g_strdup_printf("%u", uid);
}

char *server_info_get_label(const ServerInfo *info) {
        const char *number = strrchr(info->path, '/') + 1;

        return g_strdup_printf("%s %s", *info->app_id ? info->app_id : info->type, number);
}

bool server_info_load_rules(GDBusConnection *connection, const char *path, RuleList *rules,
                            GError **error) {
        g_autoptr(GVariant) array = NULL, reply = NULL;

        reply = bus_client_call(connection, "GetServerRules", g_variant_new("(o)", path),
                                "(a(usos))", NULL, error);
        if (!reply)
                return false;
        array = g_variant_get_child_value(reply, 0);
        rule_list_add_variant(rules, array, path);
        return true;
}

bool server_info_load_grants(GDBusConnection *connection, const char *path, RuleList *grants,
                             GError **error) {
        g_autoptr(GVariant) array = NULL, reply = NULL;

        reply = bus_client_call_interface(connection, STATS_INTERFACE, "GetContainerGrants",
                                          g_variant_new("(o)", path), "(a(usossu))", error);
        if (!reply)
                return false;
        array = g_variant_get_child_value(reply, 0);
        rule_list_add_grants(grants, array);
        return true;
}
