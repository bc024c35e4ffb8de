/* SPDX-License-Identifier: MIT */
/* One line of message for everything that goes wrong, so that it can be told apart from output. */
#include "tools/command-line.h"

#include "tools/printable.h"

#include <glib-unix.h>
#include <signal.h>

/* What is wrong may be an app's own description of itself. */
void command_tell(const char *what) {
        g_autofree char *shown = printable_message(what);

        g_printerr("dbus-container: %s\n", shown);
}

int command_fail(const char *what, const GError *error) {
        g_autofree char *text = bus_client_error_text(error);
        g_autofree char *message = g_strconcat(what, *what ? ": " : "", text, NULL);

        command_tell(message);
        return COMMAND_FAILED;
}

int command_fail_about(const char *what, const GError *error) {
        int status = command_fail(what, error);

        return error->domain == G_OPTION_ERROR ? COMMAND_USAGE : status;
}

int command_usage(const char *format, ...) {
        g_autofree char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        text = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        command_tell(text);
        return COMMAND_USAGE;
}

int command_parse(GOptionContext *context, BusOptions *options, char ***argv) {
        g_autoptr(GError) error = NULL;

        bus_options_add(options, context);
        if (!g_option_context_parse_strv(context, argv, &error) ||
            !bus_options_check(options, &error))
                return command_usage("%s", error->message);
        return 0;
}

GDBusConnection *command_open(GOptionContext *context, char ***argv, int *ret_status) {
        g_auto(BusOptions) options = { 0 };
        g_autoptr(GDBusConnection) connection = NULL;
        g_autoptr(GError) error = NULL;

        *ret_status = command_parse(context, &options, argv);
        if (*ret_status != 0)
                return NULL;
        connection = bus_client_connect(&options, &error);
        if (!connection)
                *ret_status = command_fail("", error);
        return g_steal_pointer(&connection);
}

static gboolean on_end(void *user_data) {
        g_main_loop_quit(user_data);
        return G_SOURCE_CONTINUE;
}

GMainLoop *command_loop_new(GDBusConnection *connection) {
        GMainLoop *loop = g_main_loop_new(NULL, FALSE);

        g_unix_signal_add(SIGINT, on_end, loop);
        g_unix_signal_add(SIGTERM, on_end, loop);
        g_signal_connect_swapped(connection, "closed", G_CALLBACK(g_main_loop_quit), loop);
        return loop;
}
