/* SPDX-License-Identifier: MIT */
/* Text of messages is anybody's: what a terminal would act on is escaped. */
#include "tools/message-text.h"

#include "tools/printable.h"

#include <string.h>

#define INDENT 3

static void append_value(GString *text, GVariant *value, unsigned depth);

static void append_children(GString *text, GVariant *value, unsigned depth, const char *brackets) {
        g_string_append_printf(text, "%c\n", brackets[0]);
        for (gsize i = 0; i < g_variant_n_children(value); i++) {
                g_autoptr(GVariant) child = g_variant_get_child_value(value, i);

                g_string_append_printf(text, "%*s", (int)((depth + 1) * INDENT), "");
                append_value(text, child, depth + 1);
        }
        g_string_append_printf(text, "%*s%c\n", (int)(depth * INDENT), "", brackets[1]);
}

static void append_text(GString *text, const char *type, GVariant *value) {
        g_autofree char *shown = printable_text(g_variant_get_string(value, NULL));

        g_string_append_printf(text, "%s \"%s\"\n", type, shown);
}

/* A fixed-size value, as GVariant prints it without its type. */
static void append_plain(GString *text, const char *type, GVariant *value) {
        g_autofree char *shown = g_variant_print(value, FALSE);

        g_string_append_printf(text, "%s %s\n", type, shown);
}

static void append_value(GString *text, GVariant *value, unsigned depth) {
        g_autoptr(GVariant) inner = NULL;

        switch (g_variant_classify(value)) {
        case G_VARIANT_CLASS_BOOLEAN:
                append_plain(text, "boolean", value);
                return;
        case G_VARIANT_CLASS_BYTE:
                g_string_append_printf(text, "byte %u\n", g_variant_get_byte(value));
                return;
        case G_VARIANT_CLASS_INT16:
                append_plain(text, "int16", value);
                return;
        case G_VARIANT_CLASS_UINT16:
                append_plain(text, "uint16", value);
                return;
        case G_VARIANT_CLASS_INT32:
                append_plain(text, "int32", value);
                return;
        case G_VARIANT_CLASS_UINT32:
                append_plain(text, "uint32", value);
                return;
        case G_VARIANT_CLASS_INT64:
                append_plain(text, "int64", value);
                return;
        case G_VARIANT_CLASS_UINT64:
                append_plain(text, "uint64", value);
                return;
        case G_VARIANT_CLASS_HANDLE:
                append_plain(text, "file descriptor", value);
                return;
        case G_VARIANT_CLASS_DOUBLE:
                append_plain(text, "double", value);
                return;
        case G_VARIANT_CLASS_STRING:
                append_text(text, "string", value);
                return;
        case G_VARIANT_CLASS_OBJECT_PATH:
                append_text(text, "object path", value);
                return;
        case G_VARIANT_CLASS_SIGNATURE:
                append_text(text, "signature", value);
                return;
        case G_VARIANT_CLASS_VARIANT:
                inner = g_variant_get_variant(value);
                g_string_append(text, "variant ");
                append_value(text, inner, depth);
                return;
        case G_VARIANT_CLASS_ARRAY:
                g_string_append(text, "array ");
                append_children(text, value, depth, "[]");
                return;
        case G_VARIANT_CLASS_TUPLE:
                g_string_append(text, "struct ");
                append_children(text, value, depth, "{}");
                return;
        case G_VARIANT_CLASS_DICT_ENTRY:
                g_string_append(text, "dict entry");
                append_children(text, value, depth, "()");
                return;
        case G_VARIANT_CLASS_MAYBE:
                break;
        }
        g_assert_not_reached();
}

static const char *or_nothing(const char *text, const char *nothing) {
        return text ? text : nothing;
}

static void append_kind(GString *text, GDBusMessage *message) {
        switch (g_dbus_message_get_message_type(message)) {
        case G_DBUS_MESSAGE_TYPE_METHOD_CALL:
                g_string_append(text, "method call");
                return;
        case G_DBUS_MESSAGE_TYPE_METHOD_RETURN:
                g_string_append(text, "method return");
                return;
        case G_DBUS_MESSAGE_TYPE_ERROR:
                g_string_append(text, "error");
                return;
        case G_DBUS_MESSAGE_TYPE_SIGNAL:
                g_string_append(text, "signal");
                return;
        case G_DBUS_MESSAGE_TYPE_INVALID:
                break;
        }
        g_string_append(text, "message of another type");
}

char *message_text_header(GDBusMessage *message, gint64 usec) {
        GString *text = g_string_new(NULL);
        const char *error_name = g_dbus_message_get_error_name(message);
        const char *path = g_dbus_message_get_path(message);
        guint32 reply_serial = g_dbus_message_get_reply_serial(message);

        append_kind(text, message);
        g_string_append_printf(
                text, " time=%" G_GINT64_FORMAT ".%06d sender=%s -> destination=%s serial=%u",
                usec / G_USEC_PER_SEC, (int)(usec % G_USEC_PER_SEC),
                or_nothing(g_dbus_message_get_sender(message), "(null sender)"),
                or_nothing(g_dbus_message_get_destination(message), "(null destination)"),
                g_dbus_message_get_serial(message));
        if (error_name)
                g_string_append_printf(text, " error_name=%s", error_name);
        if (reply_serial != 0)
                g_string_append_printf(text, " reply_serial=%u", reply_serial);
        if (path)
                g_string_append_printf(text, " path=%s; interface=%s; member=%s", path,
                                       or_nothing(g_dbus_message_get_interface(message), "(null)"),
                                       or_nothing(g_dbus_message_get_member(message), "(null)"));
        return g_string_free(text, FALSE);
}

char *message_text_body(GDBusMessage *message) {
        GVariant *body = g_dbus_message_get_body(message);
        GString *text = g_string_new(NULL);

        for (gsize i = 0; body && i < g_variant_n_children(body); i++) {
                g_autoptr(GVariant) argument = g_variant_get_child_value(body, i);

                g_string_append_printf(text, "%*s", INDENT, "");
                append_value(text, argument, 1);
        }
        return g_string_free(text, FALSE);
}

const char *message_text_get_container(GDBusMessage *message) {
        GVariant *field = g_dbus_message_get_header(
                message, (GDBusMessageHeaderField)MESSAGE_FIELD_CONTAINER);
        const char *path;

        if (!field || !g_variant_is_of_type(field, G_VARIANT_TYPE_OBJECT_PATH))
                return NULL;
        path = g_variant_get_string(field, NULL);
        return strcmp(path, "/") == 0 ? NULL : path;
}
