/* SPDX-License-Identifier: MIT */
/* A device or an endless pipe given by mistake must not fill the memory. */
#include "tools/small-file.h"

#include <errno.h>
#include <stdio.h>

static char *fail(const char *file, int code, const char *why, GError **error) {
        g_set_error(error, G_FILE_ERROR, code, "%s: %s", file, why);
        return NULL;
}

bool small_file_check(const char *text, size_t length, const char *file, GError **error) {
        const char *end;
        unsigned line = 1;

        if (g_utf8_validate_len(text, length, &end))
                return true;
        for (; text < end; text++)
                line += *text == '\n';
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s:%u: expected text in UTF-8, found a byte that is none", file, line);
        return false;
}

char *small_file_read(const char *file, size_t *ret_length, GError **error) {
        g_autofree char *text = g_malloc(SMALL_FILE_MAX + 2);
        FILE *stream = fopen(file, "re");
        size_t length;
        int saved_errno;

        if (!stream)
                return fail(file, (int)g_file_error_from_errno(errno), g_strerror(errno), error);
        errno = 0;
        length = fread(text, 1, SMALL_FILE_MAX + 1, stream);
        saved_errno = ferror(stream) ? errno : 0;
        fclose(stream);
        if (saved_errno != 0)
                return fail(file, (int)g_file_error_from_errno(saved_errno),
                            g_strerror(saved_errno), error);
        if (length > SMALL_FILE_MAX)
                return fail(file, G_FILE_ERROR_FAILED, "expected at most 1 MiB of text", error);
        if (!small_file_check(text, length, file, error))
                return NULL;
        text[length] = '\0';
        if (ret_length)
                *ret_length = length;
        return g_steal_pointer(&text);
}
