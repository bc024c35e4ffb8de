/* SPDX-License-Identifier: MIT */
/*
 * The kernel's question is a run of texts with a NUL between them: label, then one byte for the
 * class D-Bus and the bus; and, of a message, name and label of the other end, path, interface and
 * member; of a name, the name.
 */
#include "policy/apparmor-query.h"

/* AA_CLASS_DBUS, which the library's header has only where the library is. */
#define CLASS_DBUS 32

static void put(GByteArray *bytes, const void *data, size_t n_data) {
        if (n_data > 0)
                g_byte_array_append(bytes, data, (guint)n_data);
}

static void put_nul(GByteArray *bytes) {
        put(bytes, "", 1);
}

static void put_text(GByteArray *bytes, const char *text) {
        if (text)
                put(bytes, text, strlen(text));
}

static void put_after_nul(GByteArray *bytes, WireString text) {
        put_nul(bytes);
        put(bytes, text.data, text.length);
}

GByteArray *apparmor_query_build(const ApparmorQuery *query, size_t n_reserved) {
        static const uint8_t class = CLASS_DBUS;
        GByteArray *bytes = g_byte_array_new();

        g_byte_array_set_size(bytes, (guint)n_reserved);
        memset(bytes->data, 0, n_reserved);
        put_text(bytes, query->label);
        put_nul(bytes);
        put(bytes, &class, 1);
        put_text(bytes, query->bus);
        if (query->action == APPARMOR_EAVESDROP)
                return bytes;
        put_after_nul(bytes, query->name);
        if (query->action == APPARMOR_BIND)
                return bytes;
        put_after_nul(bytes, wire_string(query->peer_label));
        put_after_nul(bytes, query->path);
        put_after_nul(bytes, query->interface);
        put_after_nul(bytes, query->member);
        return bytes;
}

static void describe(GString *text, const char *key, WireString value) {
        if (value.length > 0)
                g_string_append_printf(text, " %s=%.*s", key, (int)value.length, value.data);
}

static const char *const actions[] = {
        [APPARMOR_SEND] = "send",
        [APPARMOR_RECEIVE] = "receive",
        [APPARMOR_BIND] = "bind",
        [APPARMOR_EAVESDROP] = "eavesdrop",
};

char *apparmor_query_to_text(const ApparmorQuery *query) {
        GString *text = g_string_new("dbus ");
        bool message = query->action == APPARMOR_SEND || query->action == APPARMOR_RECEIVE;

        g_string_append(text, actions[query->action]);
        describe(text, "bus", wire_string(query->bus));
        if (query->action == APPARMOR_BIND)
                describe(text, "name", query->name);
        if (message) {
                describe(text, "path", query->path);
                describe(text, "interface", query->interface);
                describe(text, "member", query->member);
                g_string_append_printf(text, " peer=(name=%.*s,label=%s)", (int)query->name.length,
                                       query->name.data ? query->name.data : "",
                                       query->peer_label ? query->peer_label : "");
        }
        return g_string_free(text, FALSE);
}

/* Values are quoted; one that could end its quotes is written in hexadecimal digits instead. */
static void add_value(GString *text, const char *key, WireString value) {
        bool plain = true;

        if (value.length == 0)
                return;
        for (uint32_t i = 0; i < value.length; i++)
                plain = plain && g_ascii_isgraph(value.data[i]) && value.data[i] != '"';
        if (plain) {
                g_string_append_printf(text, " %s=\"%.*s\"", key, (int)value.length, value.data);
                return;
        }
        g_string_append_printf(text, " %s=", key);
        for (uint32_t i = 0; i < value.length; i++)
                g_string_append_printf(text, "%02X", (uint8_t)value.data[i]);
}

static void add_pid(GString *text, const char *key, pid_t pid) {
        if (pid > 0)
                g_string_append_printf(text, " %s=%d", key, (int)pid);
}

static const char *get_operation(const ApparmorQuery *query) {
        static const char *const messages[] = { "message", "method_call", "method_return", "error",
                                                "signal" };

        if (query->action == APPARMOR_BIND || query->action == APPARMOR_EAVESDROP)
                return actions[query->action];
        return messages[query->type < G_N_ELEMENTS(messages) ? query->type : 0];
}

char *apparmor_query_to_record(const ApparmorQuery *query, bool allowed) {
        GString *text = g_string_new(NULL);

        g_string_append_printf(text, "apparmor=\"%s\" operation=\"dbus_%s\"",
                               allowed ? "ALLOWED" : "DENIED", get_operation(query));
        add_value(text, "bus", wire_string(query->bus));
        add_value(text, "path", query->path);
        add_value(text, "interface", query->interface);
        add_value(text, "member", query->member);
        add_value(text, "error_name", query->error);
        add_value(text, "mask", wire_string(actions[query->action]));
        add_value(text, "name", query->name);
        add_pid(text, "pid", query->pid);
        add_value(text, "label", wire_string(query->label));
        add_pid(text, "peer_pid", query->peer_pid);
        add_value(text, "peer_label", wire_string(query->peer_label));
        return g_string_free(text, FALSE);
}

bool apparmor_label_split(const char *context, char **ret_label) {
        size_t length = strlen(context);
        const char *mode = g_strrstr(context, " (");

        /* Labels may contain parentheses; the mode is the last word and ends the text. */
        if (!mode || context[length - 1] != ')') {
                *ret_label = g_strdup(context);
                return false;
        }
        *ret_label = g_strndup(context, (gsize)(mode - context));
        return strcmp(mode, " (complain)") == 0;
}
