/* SPDX-License-Identifier: MIT */
/*
 * logind keeps a file for each user who is logged in, with one line for the seats of all sessions
 * of that user, be they the active ones of their seats or not. It is read without libsystemd, as
 * all that the bus has from systemd.
 */
#include "bus/console.h"

#include <glib.h>
#include <string.h>

#define SEATS_LINE "\nONLINE_SEATS="

bool console_has_user(uid_t uid) {
        g_autofree char *path = g_strdup_printf("/run/systemd/users/%u", (unsigned)uid);
        g_autofree char *text = NULL;
        const char *seats;

        if (!g_file_get_contents(path, &text, NULL, NULL))
                return false;
        seats = strstr(text, SEATS_LINE);
        if (!seats)
                return false;
        seats += strlen(SEATS_LINE);
        return *seats != '\0' && *seats != '\n';
}
