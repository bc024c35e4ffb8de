/* SPDX-License-Identifier: MIT */
/*
 * The interfaces that every object has, for the bus: what interfaces are there, their properties,
 * and Peer.
 *
 * Objects other than /org/freedesktop/DBus exist as far as some interfaces answer at every path,
 * for old clients. Those on the way to it tell where it is.
 */
#include "bus/driver-introspect.h"

#include "base/machine-id.h"
#include "bus/driver.h"

/* --- Introspectable --- */

static const char doctype[] =
        "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
        "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";

/* The rest of the way from @path to the object of the bus, NULL when it does not lead there. */
static const char *path_below(const char *path) {
        size_t n = strlen(path);

        if (n == 1)
                return &DBUS_BUS_PATH[1];
        if (strncmp(DBUS_BUS_PATH, path, n) != 0 || DBUS_BUS_PATH[n] != '/')
                return NULL;
        return &DBUS_BUS_PATH[n + 1];
}

static bool introspect(MethodCall *call, void *user) {
        const char *path = call->message->view.path.data;
        bool own_path = strcmp(path, DBUS_BUS_PATH) == 0;
        const char *below = path_below(path);
        GString *xml = g_string_new(doctype);
        const DriverTable *table;

        g_string_append(xml, "<node>\n");
        for (unsigned i = 0; (table = driver_get_table(user, i)); i++)
                if (own_path || table->table->any_path)
                        method_table_introspect(table->table, xml);
        if (below)
                g_string_append_printf(xml, "  <node name=\"%s\"/>\n", below);
        g_string_append(xml, "</node>\n");
        writer_add_string(call->reply, xml->str);
        g_string_free(xml, TRUE);
        return true;
}

static const MethodEntry introspectable_methods[] = {
        { "Introspect", "", "s", introspect, METHOD_ANY_PATH },
        { NULL, NULL, NULL, NULL, 0 },
};

const MethodTable driver_introspectable_interface = {
        .interface = "org.freedesktop.DBus.Introspectable",
        .methods = introspectable_methods,
        .any_path = true,
};

/* --- Properties --- */

/* Reads the interface that a call is about. */
static const DriverTable *read_interface(MethodCall *call, Bus *bus) {
        const DriverTable *table = NULL;
        WireString interface;

        if (!reader_get_string(&call->body, &interface)) {
                method_fail(call, ERROR_INVALID_ARGS, "The name of an interface was expected");
                return NULL;
        }
        table = driver_find_table(bus, interface);
        if (!table)
                method_fail(call, ERROR_UNKNOWN_INTERFACE, "The bus has no interface \"%.*s\"",
                            DRIVER_TEXT(interface));
        return table;
}

/* Reads interface and property. */
static const PropertyEntry *read_property(MethodCall *call, Bus *bus,
                                          const DriverTable **ret_table) {
        const DriverTable *table = read_interface(call, bus);
        WireString name;

        if (!table)
                return NULL;
        if (!reader_get_string(&call->body, &name)) {
                method_fail(call, ERROR_INVALID_ARGS, "The name of a property was expected");
                return NULL;
        }
        *ret_table = table;
        for (const PropertyEntry *entry = table->table->properties; entry && entry->name; entry++)
                if (wire_string_is(name, entry->name))
                        return entry;
        method_fail(call, ERROR_UNKNOWN_PROPERTY, "%s has no property \"%.*s\"",
                    table->table->interface, DRIVER_TEXT(name));
        return NULL;
}

static void write_value(Writer *writer, const PropertyEntry *entry, void *user) {
        writer_open_variant(writer, entry->signature);
        entry->get(writer, user);
        writer_close_variant(writer);
}

static bool get(MethodCall *call, void *user) {
        const DriverTable *table;
        const PropertyEntry *entry = read_property(call, user, &table);

        if (!entry)
                return false;
        write_value(call->reply, entry, table->user);
        return true;
}

static bool get_all(MethodCall *call, void *user) {
        const DriverTable *table = read_interface(call, user);
        size_t mark;

        if (!table)
                return false;
        mark = writer_open_array(call->reply, "{sv}");
        for (const PropertyEntry *entry = table->table->properties; entry && entry->name; entry++) {
                writer_open_struct(call->reply, "{sv}");
                writer_add_string(call->reply, entry->name);
                write_value(call->reply, entry, table->user);
                writer_close_struct(call->reply);
        }
        writer_close_array(call->reply, mark);
        return true;
}

static bool set(MethodCall *call, void *user) {
        const DriverTable *table;
        const PropertyEntry *entry = read_property(call, user, &table);

        if (!entry)
                return false;
        return method_fail(call, ERROR_PROPERTY_READ_ONLY, "%s of %s cannot be set", entry->name,
                           table->table->interface);
}

static const MethodEntry properties_methods[] = {
        { "Get", "ss", "v", get, 0 },
        { "GetAll", "s", "a{sv}", get_all, 0 },
        { "Set", "ssv", "", set, 0 },
        { NULL, NULL, NULL, NULL, 0 },
};

static const SignalEntry properties_signals[] = {
        { "PropertiesChanged", "sa{sv}as" },
        { NULL, NULL },
};

const MethodTable driver_properties_interface = {
        .interface = "org.freedesktop.DBus.Properties",
        .methods = properties_methods,
        .signals = properties_signals,
};

/* --- Peer --- */

static bool ping(MethodCall *call G_GNUC_UNUSED, void *user G_GNUC_UNUSED) {
        return true;
}

static bool get_machine_id(MethodCall *call, void *user G_GNUC_UNUSED) {
        g_autoptr(GError) error = NULL;
        g_autofree char *id = machine_id_read(&error);

        if (!id)
                return method_fail(call, ERROR_FILE_NOT_FOUND, "This machine has no id: %s",
                                   error->message);
        writer_add_string(call->reply, id);
        return true;
}

static const MethodEntry peer_methods[] = {
        { "GetMachineId", "", "s", get_machine_id, METHOD_ANY_PATH },
        { "Ping", "", "", ping, METHOD_ANY_PATH },
        { NULL, NULL, NULL, NULL, 0 },
};

const MethodTable driver_peer_interface = {
        .interface = "org.freedesktop.DBus.Peer",
        .methods = peer_methods,
        .any_path = true,
};
