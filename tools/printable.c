/* SPDX-License-Identifier: MIT */
/* Type, app id, instance id, metadata and messages may hold anything that is UTF-8. */
#include "tools/printable.h"

#include <glib.h>

static char *escape(const char *text, const char *backslash) {
        GString *escaped = g_string_new(NULL);

        for (; *text; text = g_utf8_next_char(text)) {
                gunichar character = g_utf8_get_char(text);

                if (character == '\\')
                        g_string_append(escaped, backslash);
                else if (g_unichar_isprint(character) &&
                         g_unichar_type(character) != G_UNICODE_FORMAT)
                        g_string_append_unichar(escaped, character);
                else
                        g_string_append_printf(escaped, "\\u{%x}", character);
        }
        return g_string_free(escaped, FALSE);
}

char *printable_text(const char *text) {
        return escape(text, "\\\\");
}

char *printable_message(const char *bytes) {
        g_autofree char *text = g_utf8_make_valid(bytes, -1);

        return escape(text, "\\");
}

char *printable_pad(const char *text, unsigned width) {
        unsigned length = (unsigned)g_utf8_strlen(text, -1);
        g_autofree char *start = NULL;

        if (length <= width)
                return g_strdup_printf("%s%*s", text, (int)(width - length), "");
        start = g_utf8_substring(text, 0, width - 1);
        return g_strconcat(start, "…", NULL);
}
