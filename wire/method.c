/* SPDX-License-Identifier: MIT */
/* Looking into method tables: the entry of a call, and what introspection says about all. */
#include "wire/method.h"

#include "wire/syntax.h"

bool method_fail(MethodCall *call, const char *error_name, const char *format, ...) {
        va_list args;

        /* The first reason is the one that explains the others. */
        if (call->error_name)
                return false;
        va_start(args, format);
        call->error_name = error_name;
        call->error_text = g_strdup_vprintf(format, args);
        va_end(args);
        return false;
}

const MethodEntry *method_table_find(const MethodTable *table, WireString member) {
        for (const MethodEntry *entry = table->methods; entry && entry->name; entry++)
                if (wire_string_is(member, entry->name))
                        return entry;
        return NULL;
}

/* One <arg> for each complete type of @signature; @direction NULL for signals, whose arguments have
 * none. */
static void append_args(GString *xml, const char *signature, const char *direction) {
        for (const char *type = signature; *type; type += syntax_type_length(type)) {
                int n = (int)syntax_type_length(type);

                if (direction)
                        g_string_append_printf(xml, "      <arg direction=\"%s\" type=\"%.*s\"/>\n",
                                               direction, n, type);
                else
                        g_string_append_printf(xml, "      <arg type=\"%.*s\"/>\n", n, type);
        }
}

static void append_annotation(GString *xml, const char *name, const char *value) {
        g_string_append_printf(xml, "      <annotation name=\"%s\" value=\"%s\"/>\n", name, value);
}

static void append_method(GString *xml, const MethodEntry *entry) {
        g_string_append_printf(xml, "    <method name=\"%s\">\n", entry->name);
        append_args(xml, entry->in, "in");
        append_args(xml, entry->out, "out");
        if (entry->flags & METHOD_DEPRECATED)
                append_annotation(xml, "org.freedesktop.DBus.Deprecated", "true");
        if (entry->flags & METHOD_NO_REPLY)
                append_annotation(xml, "org.freedesktop.DBus.Method.NoReply", "true");
        g_string_append(xml, "    </method>\n");
}

static void append_property(GString *xml, const PropertyEntry *entry) {
        g_string_append_printf(xml, "    <property name=\"%s\" type=\"%s\" access=\"read\">\n",
                               entry->name, entry->signature);
        append_annotation(xml, "org.freedesktop.DBus.Property.EmitsChangedSignal",
                          entry->constant ? "const" : "false");
        g_string_append(xml, "    </property>\n");
}

static void append_signal(GString *xml, const SignalEntry *entry) {
        g_string_append_printf(xml, "    <signal name=\"%s\">\n", entry->name);
        append_args(xml, entry->signature, NULL);
        g_string_append(xml, "    </signal>\n");
}

void method_table_introspect(const MethodTable *table, GString *xml) {
        g_string_append_printf(xml, "  <interface name=\"%s\">\n", table->interface);
        for (const MethodEntry *entry = table->methods; entry && entry->name; entry++)
                append_method(xml, entry);
        for (const PropertyEntry *entry = table->properties; entry && entry->name; entry++)
                append_property(xml, entry);
        for (const SignalEntry *entry = table->signals; entry && entry->name; entry++)
                append_signal(xml, entry);
        g_string_append(xml, "  </interface>\n");
}
