/* SPDX-License-Identifier: MIT */
/* dbus-container list: the container servers of a bus as a table. */
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/server-info.h"
#include "tools/table.h"

static const char *const titles[] = { "PATH", "TYPE", "APP-ID", "INSTANCE-ID", "CREATOR", NULL };

static void add_row(Table *table, const ServerInfo *info) {
        g_autoptr(GStrvBuilder) cells = g_strv_builder_new();
        g_autofree char *uid = server_info_get_uid(info);

        g_strv_builder_add_many(cells, info->path, info->type, info->app_id, info->instance_id, uid,
                                NULL);
        table_add(table, g_strv_builder_end(cells));
}

int command_list(char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new(NULL);
        g_autoptr(GDBusConnection) connection = NULL;
        g_auto(GStrv) arguments = g_strdupv(argv);
        g_autoptr(Table) table = table_new(titles);
        g_autoptr(GPtrArray) servers = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *text = NULL;
        int status;

        g_option_context_set_summary(context, "Prints the container servers of a message bus.");
        connection = command_open(context, &arguments, &status);
        if (!connection)
                return status;
        if (g_strv_length(arguments) != 1)
                return command_usage("list takes no '%s'; see show", arguments[1]);
        servers = server_info_list(connection, &error);
        if (!servers)
                return command_fail("", error);

        for (guint i = 0; i < servers->len; i++)
                add_row(table, servers->pdata[i]);
        text = table_to_text(table, 0);
        g_print("%s", text);
        return 0;
}
