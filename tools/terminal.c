/* SPDX-License-Identifier: MIT */
/*
 * Three escape sequences that every terminal of the last decades has: home, clear to the end of
 * line, and of screen.
 */
#include "tools/terminal.h"

#include <glib.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_is_screen(void) {
        const char *kind = g_getenv("TERM");

        return isatty(STDOUT_FILENO) && kind && !g_str_equal(kind, "dumb");
}

static struct winsize get_size(void) {
        struct winsize size = { 0 };

        if (!terminal_is_screen() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
            size.ws_col == 0 || size.ws_row == 0)
                return (struct winsize){ .ws_row = 24, .ws_col = 80 };
        return size;
}

unsigned terminal_get_width(void) {
        return terminal_is_screen() ? get_size().ws_col : 0;
}

void terminal_draw(const char *text) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        g_autoptr(GString) screen = g_string_new("\033[H");
        unsigned n_rows = get_size().ws_row;

        for (unsigned i = 0; lines[i] && i + 1 < n_rows; i++)
                g_string_append_printf(screen, "%s\033[K\n", lines[i]);
        g_string_append(screen, "\033[J");
        g_print("%s", screen->str);
}
