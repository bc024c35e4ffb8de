/* SPDX-License-Identifier: MIT */
/*
 * We stay the manager while the container is used, so that the server stops listening when we are
 * killed. The bus gets a duplicate of the socket; ours is closed, so that only the bus accepts.
 */
#include "tools/container.h"

#include <gio/gunixfdlist.h>

bool container_open(Container *container, const BusOptions *options, BusKind bus, GError **error) {
        container->bus = bus;
        container->connection = bus_client_open(options, bus, error);
        return container->connection && listen_socket_open(&container->socket, error);
}

static GVariant *named_arguments(const ContainerSettings *settings, const RuleList *rules) {
        g_auto(GVariantDict) named = G_VARIANT_DICT_INIT(NULL);

        g_variant_dict_insert_value(&named, "Allow", rule_list_to_variant(rules));
        g_variant_dict_insert(&named, "ListenSocket", "h", 0);
        if (settings->groups)
                g_variant_dict_insert_value(&named, "Groups",
                                            g_variant_new_strv(settings->groups, -1));
        if (settings->max_connections > 0)
                g_variant_dict_insert(&named, "MaxConnections", "u",
                                      (guint32)settings->max_connections);
        if (settings->permissive)
                g_variant_dict_insert(&named, "Permissive", "b", TRUE);
        if (!settings->keep_connections)
                g_variant_dict_insert(&named, "DisconnectOnStop", "b", TRUE);
        return g_variant_dict_end(&named);
}

bool container_add(Container *container, const ContainerSettings *settings, const RuleList *rules,
                   GError **error) {
        g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&container->socket.fd, 1);
        g_autoptr(GError) refused = NULL;
        g_autoptr(GVariant) reply = NULL;
        g_autofree char *text = NULL;
        GVariant *arguments;

        container->socket.fd = -1;
        arguments = g_variant_new("(sss@a{sv}@a{sv})", settings->type, settings->app_id,
                                  settings->instance_id, g_variant_new("a{sv}", NULL),
                                  named_arguments(settings, rules));
        reply = bus_client_call(container->connection, "AddServer", arguments, "(oa{sv})", fds,
                                &refused);
        if (reply) {
                g_variant_get(reply, "(o@a{sv})", &container->path, NULL);
                return true;
        }
        text = bus_client_error_text(refused);
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the bus did not add the container: %s",
                    text);
        return false;
}

void container_end(Container *container, const ContainerSettings *settings) {
        const char *member = settings->keep_connections ? "StopListening" : "StopServer";
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = NULL;

        if (!container->path || g_dbus_connection_is_closed(container->connection))
                return;

        reply = bus_client_call(container->connection, member,
                                g_variant_new("(o)", container->path), "()", NULL, &error);
        if (!reply && !bus_client_error_is(error, ERROR_NOT_CONTAINER) &&
            !g_dbus_connection_is_closed(container->connection)) {
                g_autofree char *text = bus_client_error_text(error);

                g_printerr("dbus-container: %s: %s\n", member, text);
        }
}

void container_clear(Container *container) {
        listen_socket_clear(&container->socket);
        g_clear_object(&container->connection);
        g_clear_pointer(&container->path, g_free);
}
