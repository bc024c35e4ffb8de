/* SPDX-License-Identifier: MIT */
/* Finds out which machine this is. */
#include "base/machine-id.h"

#include <string.h>

#define MACHINE_ID_LEN 32

static const char *const files[] = { "/var/lib/dbus/machine-id", "/etc/machine-id" };

static char *parse(const char *file, char *text, GError **error) {
        g_strchomp(text);
        if (strlen(text) == MACHINE_ID_LEN &&
            strspn(text, "0123456789abcdefABCDEF") == MACHINE_ID_LEN)
                return g_ascii_strdown(text, MACHINE_ID_LEN);
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: expected %d hexadecimal digits", file, MACHINE_ID_LEN);
        return NULL;
}

char *machine_id_read(GError **error) {
        for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
                g_autofree char *text = NULL;

                if (g_file_get_contents(files[i], &text, NULL, NULL))
                        return parse(files[i], text, error);
        }
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "neither %s nor %s can be read",
                    files[0], files[1]);
        return NULL;
}
