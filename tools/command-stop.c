/* SPDX-License-Identifier: MIT */
/* dbus-container stop: ends container servers. */
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/server-info.h"

static bool stop_one(GDBusConnection *connection, const char *what, const char *member,
                     GError **error) {
        g_auto(ServerInfo) info = { 0 };
        g_autoptr(GVariant) reply = NULL;

        if (!server_info_find(connection, what, &info, error))
                return false;
        reply = bus_client_call(connection, member, g_variant_new("(o)", info.path), "()", NULL,
                                error);
        return reply != NULL;
}

int command_stop(char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new("CONTAINER...");
        g_autoptr(GDBusConnection) connection = NULL;
        g_auto(GStrv) arguments = g_strdupv(argv);
        gboolean listening = FALSE;
        GOptionEntry entries[] = {
                { "listening", 0, 0, G_OPTION_ARG_NONE, &listening,
                  "Only stop to accept connections, and leave open those that there are", NULL },
                G_OPTION_ENTRY_NULL,
        };
        int status;

        g_option_context_set_summary(context,
                                     "Ends container servers and closes their connections.");
        g_option_context_add_main_entries(context, entries, NULL);
        connection = command_open(context, &arguments, &status);
        if (!connection)
                return status;
        if (g_strv_length(arguments) < 2)
                return command_usage("stop needs a CONTAINER: the path of a server, the bus name "
                                     "of a connection, or an app id");

        status = 0;
        for (size_t i = 1; arguments[i]; i++) {
                g_autoptr(GError) error = NULL;

                if (!stop_one(connection, arguments[i], listening ? "StopListening" : "StopServer",
                              &error))
                        status = command_fail_about(arguments[i], error);
        }
        return status;
}
