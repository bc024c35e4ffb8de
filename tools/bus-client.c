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

static const struct {
        const char *name, *variable;
        GBusType type;
} buses[N_BUSES] = {
        [BUS_SESSION] = { "session", "DBUS_SESSION_BUS_ADDRESS", G_BUS_TYPE_SESSION },
        [BUS_SYSTEM] = { "system", "DBUS_SYSTEM_BUS_ADDRESS", G_BUS_TYPE_SYSTEM },
};

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

void bus_options_add_both(BusOptions *options, GOptionContext *context) {
        GOptionEntry entries[] = {
                { "both", 0, 0, G_OPTION_ARG_NONE, &options->both,
                  "Use the session bus and the system bus", NULL },
                G_OPTION_ENTRY_NULL,
        };

        g_option_context_add_main_entries(context, entries, NULL);
}

bool bus_options_check(const BusOptions *options, GError **error) {
        const char *wrong = NULL;

        if (options->system && options->session)
                wrong = "--system and --session exclude each other; see --both of run and learn";
        else if (options->both && options->address)
                wrong = "--both and --address exclude each other; set DBUS_SESSION_BUS_ADDRESS and "
                        "DBUS_SYSTEM_BUS_ADDRESS instead";
        else if (options->both && (options->system || options->session))
                wrong = "--both stands alone, without --system or --session";
        if (wrong)
                g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, wrong);
        return !wrong;
}

bool bus_options_has(const BusOptions *options, BusKind bus) {
        return options->both || (bus == BUS_SYSTEM) == (bool)options->system;
}

const char *bus_kind_get_name(BusKind bus) {
        return buses[bus].name;
}

const char *bus_kind_get_variable(BusKind bus) {
        return buses[bus].variable;
}

GDBusConnection *bus_client_open(const BusOptions *options, BusKind bus, GError **error) {
        g_autofree char *address = g_strdup(options->address);
        g_autoptr(GDBusConnection) connection = NULL;

        if (!address)
                address = g_dbus_address_get_for_bus_sync(buses[bus].type, NULL, error);
        if (address)
                connection = g_dbus_connection_new_for_address_sync(
                        address,
                        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                        NULL, NULL, error);
        if (!connection && options->address)
                g_prefix_error(error, "cannot connect to the bus at %s: ", options->address);
        else if (!connection)
                g_prefix_error(error, "cannot connect to the %s bus (see --address): ",
                               buses[bus].name);
        return g_steal_pointer(&connection);
}

GDBusConnection *bus_client_connect(const BusOptions *options, GError **error) {
        if (!bus_options_check(options, error))
                return NULL;
        return bus_client_open(options, options->system ? BUS_SYSTEM : BUS_SESSION, error);
}

GVariant *bus_client_call(GDBusConnection *connection, const char *member, GVariant *arguments,
                          const char *reply_type, GUnixFDList *fds, GError **error) {
        return g_dbus_connection_call_with_unix_fd_list_sync(
                connection, BUS_NAME, BUS_PATH, CONTAINERS_INTERFACE, member, arguments,
                G_VARIANT_TYPE(reply_type), G_DBUS_CALL_FLAGS_NONE, -1, fds, NULL, NULL, error);
}

GVariant *bus_client_call_interface(GDBusConnection *connection, const char *interface,
                                    const char *member, GVariant *arguments,
                                    const char *reply_type, GError **error) {
        return g_dbus_connection_call_sync(connection, BUS_NAME, BUS_PATH, interface, member,
                                           arguments, G_VARIANT_TYPE(reply_type),
                                           G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);
}

char *bus_client_find_module(GDBusConnection *connection) {
        static const char *const modules[] = { "AppArmor", "SELinux" };
        g_autoptr(GVariant) reply = NULL, value = NULL;
        g_autofree const char **features = NULL;

        reply = bus_client_call_interface(connection, "org.freedesktop.DBus.Properties", "Get",
                                          g_variant_new("(ss)", BUS_NAME, "Features"), "(v)", NULL);
        if (!reply)
                return NULL;
        g_variant_get(reply, "(v)", &value);
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY))
                return NULL;
        features = g_variant_get_strv(value, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(modules); i++)
                if (g_strv_contains(features, modules[i]))
                        return g_strdup(modules[i]);
        return NULL;
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
