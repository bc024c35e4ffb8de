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

/* What dbus-monitor calls the types; brackets around those that have children. */
static const struct {
        GVariantClass class;
        const char *word, *brackets;
} types[] = {
        { G_VARIANT_CLASS_BOOLEAN, "boolean", NULL },
        { G_VARIANT_CLASS_BYTE, "byte", NULL },
        { G_VARIANT_CLASS_INT16, "int16", NULL },
        { G_VARIANT_CLASS_UINT16, "uint16", NULL },
        { G_VARIANT_CLASS_INT32, "int32", NULL },
        { G_VARIANT_CLASS_UINT32, "uint32", NULL },
        { G_VARIANT_CLASS_INT64, "int64", NULL },
        { G_VARIANT_CLASS_UINT64, "uint64", NULL },
        { G_VARIANT_CLASS_HANDLE, "file descriptor", NULL },
        { G_VARIANT_CLASS_DOUBLE, "double", NULL },
        { G_VARIANT_CLASS_STRING, "string", NULL },
        { G_VARIANT_CLASS_OBJECT_PATH, "object path", NULL },
        { G_VARIANT_CLASS_SIGNATURE, "signature", NULL },
        { G_VARIANT_CLASS_ARRAY, "array ", "[]" },
        { G_VARIANT_CLASS_TUPLE, "struct ", "{}" },
        { G_VARIANT_CLASS_DICT_ENTRY, "dict entry", "()" },
};

/* A value without children: text in quotes, numbers as GVariant prints them without their type. */
static void append_leaf(GString *text, const char *word, GVariant *value) {
        GVariantClass class = g_variant_classify(value);
        g_autofree char *shown = NULL;

        if (class == G_VARIANT_CLASS_BYTE) {
                g_string_append_printf(text, "%s %u\n", word, g_variant_get_byte(value));
        } else if (class == G_VARIANT_CLASS_STRING || class == G_VARIANT_CLASS_OBJECT_PATH ||
                   class == G_VARIANT_CLASS_SIGNATURE) {
                shown = printable_text(g_variant_get_string(value, NULL));
                g_string_append_printf(text, "%s \"%s\"\n", word, shown);
        } else {
                shown = g_variant_print(value, FALSE);
                g_string_append_printf(text, "%s %s\n", word, shown);
        }
}

static void append_value(GString *text, GVariant *value, unsigned depth) {
        GVariantClass class = g_variant_classify(value);

        if (class == G_VARIANT_CLASS_VARIANT) {
                g_autoptr(GVariant) inner = g_variant_get_variant(value);

                g_string_append(text, "variant ");
                append_value(text, inner, depth);
                return;
        }
        for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
                if (types[i].class != class)
                        continue;
                if (!types[i].brackets) {
                        append_leaf(text, types[i].word, value);
                        return;
                }
                g_string_append(text, types[i].word);
                append_children(text, value, depth, types[i].brackets);
                return;
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
