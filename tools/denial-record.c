/* SPDX-License-Identifier: MIT */
/* The bus has a key for everything that it knows of a denial, and leaves out what it does not. */
#include "tools/denial-record.h"

#include "tools/bus-client.h"

static const char *text_of(GVariant *keys, const char *key) {
        const char *text = NULL;

        (void)g_variant_lookup(keys, key, "&s", &text);
        return text;
}

static guint32 number_of(GVariant *keys, const char *key) {
        guint32 number = 0;

        (void)g_variant_lookup(keys, key, "u", &number);
        return number;
}

bool denial_record_read(GVariant *parameters, DenialRecord *ret_record) {
        GVariant *keys;
        char *server;

        if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(oa{sv})")))
                return false;
        g_variant_get(parameters, "(o@a{sv})", &server, &keys);
        *ret_record = (DenialRecord){
                .keys = keys,
                .server = server,
                .layer = text_of(keys, "Layer"),
                .sender = text_of(keys, "Sender"),
                .type = text_of(keys, "Type"),
                .app_id = text_of(keys, "AppId"),
                .instance_id = text_of(keys, "InstanceId"),
                .receiver = text_of(keys, "Receiver"),
                .message_type = text_of(keys, "MessageType"),
                .path = text_of(keys, "Path"),
                .interface = text_of(keys, "Interface"),
                .member = text_of(keys, "Member"),
                .rule = text_of(keys, "Rule"),
                .file = text_of(keys, "File"),
                .pid = number_of(keys, "PID"),
                .line = number_of(keys, "Line"),
                .is_reported = number_of(keys, "Reported") != 0,
        };
        return true;
}

void denial_record_clear(DenialRecord *record) {
        g_clear_pointer(&record->keys, g_variant_unref);
        g_clear_pointer(&record->server, g_free);
}

char *denial_rule_with_place(const char *rule, const char *file, guint32 line) {
        if (!rule)
                rule = "";
        if (!file || !*file)
                return g_strdup(rule);
        return g_strdup_printf("%s%s(%s:%u)", rule, *rule ? " " : "", file, line);
}

char *denial_record_describe(const DenialRecord *record) {
        if (record->rule)
                return denial_rule_with_place(record->rule, record->file, record->line);
        return g_strdup_printf("%s%s%s, which no rule can allow",
                               record->interface ? record->interface : "",
                               record->interface && record->member ? "." : "",
                               record->member ? record->member : "a message");
}

guint denial_record_subscribe(GDBusConnection *connection, GDBusSignalCallback callback,
                              void *user_data) {
        return g_dbus_connection_signal_subscribe(
                connection, BUS_NAME, CONTAINERS_INTERFACE, "Denied", BUS_PATH, NULL,
                G_DBUS_SIGNAL_FLAGS_NONE, callback, user_data, NULL);
}
