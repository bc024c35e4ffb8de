/* SPDX-License-Identifier: MIT */
/*
 * The socket is ours, the bus accepts on it, and a pipe whose other end lives as long as the proxy
 * tells the bus when to stop: so nothing depends on the connection that AddServer came from.
 */
#include "tools/proxy-server.h"

#include "policy/container-rule.h"
#include "tools/bus-client.h"
#include "tools/proxy-rule.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <unistd.h>

static void builder_add_rule(GVariantBuilder *builder, const ContainerRule *rule) {
        g_variant_builder_add(builder, "(usos)", rule->flags, rule->bus_name, rule->object_path,
                              rule->interface);
}

static GVariant *pair_rules(const ProxyPair *pair) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(usos)"));
        g_auto(ContainerRule) open = { 0 };

        for (guint i = 0; pair->filter && i < pair->rules->len; i++)
                builder_add_rule(&builder, pair->rules->pdata[i]);
        if (!pair->filter) {
                proxy_rule_set_open(&open);
                builder_add_rule(&builder, &open);
        }
        return g_variant_builder_end(&builder);
}

static GVariant *server_arguments(const ProxyServer *server) {
        const ProxyIdentity *identity = server->identity;
        g_auto(GVariantDict) named = G_VARIANT_DICT_INIT(NULL);

        g_variant_dict_insert_value(&named, "Allow", pair_rules(server->pair));
        g_variant_dict_insert(&named, "ListenSocket", "h", 0);
        g_variant_dict_insert(&named, "StopOnNotify", "h", 1);
        g_variant_dict_insert(&named, "StopOnDisconnect", "b", FALSE);
        g_variant_dict_insert(&named, "DisconnectOnStop", "b", TRUE);
        if (server->unlink)
                g_variant_dict_insert(&named, "UnlinkSocket", "h", 2);
        return g_variant_new("(sss@a{sv}@a{sv})", identity->type, identity->app_id,
                             identity->instance_id, g_variant_new("a{sv}", NULL),
                             g_variant_dict_end(&named));
}

/* What our path leads to: the bus must find the same file there. */
static bool append_file(GUnixFDList *fds, const char *path, GError **error) {
        int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        int saved_errno = errno;
        bool appended;

        if (fd < 0) {
                g_set_error(error, G_IO_ERROR, g_io_error_from_errno(saved_errno), "%s: %s", path,
                            g_strerror(saved_errno));
                return false;
        }
        appended = g_unix_fd_list_append(fds, fd, error) >= 0;
        close(fd);
        return appended;
}

/* The bus gets duplicates. */
static GUnixFDList *server_fds(const ProxyServer *server, GError **error) {
        g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();

        if (g_unix_fd_list_append(fds, server->listen_fd, error) < 0 ||
            g_unix_fd_list_append(fds, server->stop_fd, error) < 0 ||
            (server->unlink && !append_file(fds, server->pair->path, error)))
                return NULL;
        return g_steal_pointer(&fds);
}

bool proxy_server_open(ProxyServer *server) {
        BusOptions bus = { .address = server->pair->address };

        server->connection = bus_client_connect(&bus, NULL);
        return server->connection != NULL;
}

static bool is_own_bus(GDBusConnection *connection) {
        g_autoptr(GVariant) reply = bus_client_call_interface(
                connection, BUS_NAME, "GetConnectionUnixUser", g_variant_new("(s)", BUS_NAME),
                "(u)", NULL);
        guint32 uid;

        if (!reply)
                return false;
        g_variant_get(reply, "(u)", &uid);
        return uid == geteuid();
}

bool proxy_server_can_unlink(const ProxyServer *server) {
        g_autoptr(GVariant) reply = bus_client_call_interface(
                server->connection, "org.freedesktop.DBus.Properties", "Get",
                g_variant_new("(ss)", CONTAINERS_INTERFACE, "SupportedArguments"), "(v)", NULL);
        g_autoptr(GVariant) value = NULL;
        g_autofree const char **names = NULL;

        if (!reply)
                return false;
        g_variant_get(reply, "(v)", &value);
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY))
                return false;
        names = g_variant_get_strv(value, NULL);
        return g_strv_contains(names, "UnlinkSocket") && is_own_bus(server->connection);
}

bool proxy_server_add(ProxyServer *server, GError **error) {
        g_autoptr(GUnixFDList) fds = server_fds(server, error);
        g_autoptr(GVariant) reply = NULL;

        if (!fds)
                return false;
        reply = bus_client_call(server->connection, "AddServer", server_arguments(server),
                                "(oa{sv})", fds, error);
        if (!reply)
                return false;
        g_variant_get(reply, "(o@a{sv})", &server->object_path, NULL);
        return true;
}

bool proxy_server_is_refusal(const GError *error) {
        return bus_client_error_is(error, "org.freedesktop.DBus.Error.InvalidArgs") ||
               bus_client_error_is(error, "org.freedesktop.DBus.Error.LimitsExceeded");
}

void proxy_server_clear(ProxyServer *server) {
        g_clear_object(&server->connection);
        g_clear_pointer(&server->object_path, g_free);
}
