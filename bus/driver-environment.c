/* SPDX-License-Identifier: MIT */
/*
 * Variables for services. With systemd's help it is systemd who starts them, so it is told every
 * change; while it is not there, changes are remembered, as it may come to the bus later than
 * those who make them.
 */
#include "bus/driver-environment.h"

#include "bus/driver.h"
#include "bus/router.h"

#include <string.h>

/* @destination: NULL for the unique name; as in the reference, what was late is addressed to
 * the other one */
static void send_to_systemd(Bus *bus, Connection *systemd, const char *destination,
                            Writer *variables) {
        const MessageHeader header = {
                .type = MESSAGE_TYPE_METHOD_CALL,
                .flags = MESSAGE_FLAG_NO_REPLY_EXPECTED,
                .path = "/org/freedesktop/systemd1",
                .interface = "org.freedesktop.systemd1.Manager",
                .member = "SetEnvironment",
                .destination = destination,
        };

        if (!variables->too_large)
                router_call(bus, systemd, &header, variables);
}

static void add_variable(Writer *variables, const char *name, const char *value) {
        g_autofree char *text = g_strconcat(name, "=", value, NULL);

        writer_add_string(variables, text);
}

static bool read_variable(Reader *rest, WireString *ret_name, WireString *ret_value) {
        Reader entry;

        return reader_enter(rest, '{', &entry) && reader_get_string(&entry, ret_name) &&
               reader_get_string(&entry, ret_value);
}

/* What can be a variable of a process: anything else would be lost, or be another variable. */
static bool is_variable_name(WireString name) {
        return name.length > 0 && !memchr(name.data, '=', name.length);
}

/* Looks at all of @changes, so that either all of them are made or none. */
static bool check_changes(MethodCall *call, Reader changes) {
        WireString name, value;

        while (reader_peek(&changes) == '{') {
                if (!read_variable(&changes, &name, &value))
                        return method_fail(call, ERROR_INVALID_ARGS,
                                           "A dictionary of strings was expected");
                if (!is_variable_name(name))
                        return method_fail(call, ERROR_INVALID_ARGS,
                                           "\"%.*s\" is no name of a variable: it is empty or "
                                           "contains '='",
                                           DRIVER_TEXT(name));
        }
        return true;
}

/* @changes: the argument of the call */
static void tell_changes(Bus *bus, Reader changes) {
        Connection *systemd = driver_find_systemd(bus);
        g_auto(Writer) variables = { 0 };
        WireString name, value;
        size_t mark;

        if (!systemd) {
                bus->environment_untold = true;
                return;
        }
        writer_init(&variables);
        mark = writer_open_array(&variables, "s");
        while (reader_peek(&changes) == '{' && read_variable(&changes, &name, &value))
                add_variable(&variables, name.data, value.data);
        writer_close_array(&variables, mark);
        send_to_systemd(bus, systemd, NULL, &variables);
}

bool driver_update_activation_environment(MethodCall *call, void *user) {
        Reader changes, rest;
        WireString name, value;
        Bus *bus = user;

        if (!reader_enter(&call->body, 'a', &changes))
                return method_fail(call, ERROR_INVALID_ARGS,
                                   "A dictionary of strings was expected");
        if (!check_changes(call, changes))
                return false;
        rest = changes;
        while (reader_peek(&rest) == '{' && read_variable(&rest, &name, &value))
                g_hash_table_replace(bus->environment, g_strdup(name.data), g_strdup(value.data));
        if (bus->config->systemd_activation)
                tell_changes(bus, changes);
        return true;
}

static void tell_all(Bus *bus, Connection *systemd) {
        GList *names = g_list_sort(g_hash_table_get_keys(bus->environment), (GCompareFunc)strcmp);
        g_auto(Writer) variables = { 0 };
        size_t mark;

        writer_init(&variables);
        mark = writer_open_array(&variables, "s");
        for (const GList *item = names; item; item = item->next) {
                const char *value = g_hash_table_lookup(bus->environment, item->data);

                if (value)
                        add_variable(&variables, item->data, value);
        }
        writer_close_array(&variables, mark);
        g_list_free(names);
        send_to_systemd(bus, systemd, DRIVER_SYSTEMD_NAME, &variables);
}

void driver_environment_name_owned(Bus *bus, const char *name) {
        Connection *systemd;

        if (!bus->environment_untold || strcmp(name, DRIVER_SYSTEMD_NAME) != 0)
                return;
        systemd = driver_find_systemd(bus);
        if (!systemd)
                return;
        bus->environment_untold = false;
        if (bus->config->systemd_activation)
                tell_all(bus, systemd);
}
