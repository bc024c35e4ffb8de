/* SPDX-License-Identifier: MIT */
/*
 * The bus that a tool talks to.
 *
 * --system and --session say both which bus is meant and which variable the programs of a
 * container read; --address replaces only the address, so that a private bus can stand in for
 * either.
 */
#include "tools/bus-client.h"

#include <gio/gunixfdlist.h>

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

void bus_options_add(BusOptions *options, GOptionContext *context) {
        GOptionEntry entries[] = {
                { "session", 0, 0, G_OPTION_ARG_NONE, &options->session,
                  "Use the session bus (the default)", NULL },
                { "system", 0, 0, G_OPTION_ARG_NONE, &options->system, "Use the system bus", NULL },
                { "address", 0, 0, G_OPTION_ARG_STRING, &options->address,
                  "Use the bus at this address", "ADDRESS" },
                G_OPTION_ENTRY_NULL,
        };

        g_option_context_add_main_entries(context, entries, NULL);
}

void bus_options_clear(BusOptions *options) {
        g_clear_pointer(&options->address, g_free);
}

const char *bus_options_get_variable(const BusOptions *options) {
        return options->system ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS";
}

GDBusConnection *bus_client_connect(const BusOptions *options, GError **error) {
        const char *kind = options->system ? "system" : "session";
        g_autofree char *address = g_strdup(options->address);
        g_autoptr(GDBusConnection) connection = NULL;

        if (options->system && options->session) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "--system and --session exclude each other");
                return NULL;
        }

        if (!address)
                address = g_dbus_address_get_for_bus_sync(
                        options->system ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION, NULL, error);
        if (address)
                connection = g_dbus_connection_new_for_address_sync(
                        address,
                        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                        NULL, NULL, error);
        if (!connection) {
                if (options->address)
                        g_prefix_error(error,
                                       "cannot connect to the bus at %s: ", options->address);
                else
                        g_prefix_error(error,
                                       "cannot connect to the %s bus (see --address): ", kind);
                return NULL;
        }

        return g_steal_pointer(&connection);
}

GVariant *bus_client_call(GDBusConnection *connection, const char *member, GVariant *arguments,
                          const char *reply_type, GUnixFDList *fds, GError **error) {
        return g_dbus_connection_call_with_unix_fd_list_sync(
                connection, BUS_NAME, BUS_PATH, CONTAINERS_INTERFACE, member, arguments,
                G_VARIANT_TYPE(reply_type), G_DBUS_CALL_FLAGS_NONE, -1, fds, NULL, NULL, error);
}

bool bus_client_error_is(const GError *error, const char *name) {
        g_autofree char *remote = g_dbus_error_get_remote_error(error);

        return g_strcmp0(remote, name) == 0;
}

char *bus_client_error_text(const GError *error) {
        g_autofree char *remote = g_dbus_error_get_remote_error(error);
        g_autoptr(GError) stripped = g_error_copy(error);

        if (!remote)
                return g_strdup(error->message);
        if (g_str_equal(remote, "org.freedesktop.DBus.Error.UnknownInterface") ||
            g_str_equal(remote, "org.freedesktop.DBus.Error.UnknownMethod"))
                return g_strdup_printf("this bus does not offer %s; it needs dbus-conductor",
                                       CONTAINERS_INTERFACE);

        g_dbus_error_strip_remote_error(stripped);
        return g_strdup_printf("%s (%s)", stripped->message, remote);
}
