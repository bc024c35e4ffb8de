/* SPDX-License-Identifier: MIT */
/*
 * The bus does not say which file it has read, but which process it is; a process of the same
 * user may see the command line, which is that of dbus-daemon(1).
 */
#include "tools/bus-config.h"

#include "tools/bus-client.h"

#include <string.h>

static guint32 find_pid(GDBusConnection *connection) {
        g_autoptr(GVariant) credentials = NULL, reply = NULL;
        guint32 pid = 0;

        reply = bus_client_call_interface(connection, BUS_NAME, "GetConnectionCredentials",
                                          g_variant_new("(s)", BUS_NAME), "(a{sv})", NULL);
        if (!reply)
                return 0;
        credentials = g_variant_get_child_value(reply, 0);
        (void)g_variant_lookup(credentials, "ProcessID", "u", &pid);
        return pid;
}

/* "--config-file=X" and "--config-file X" */
static char *find_file(char **arguments) {
        char *file = NULL;

        for (; *arguments; arguments++) {
                const char *value = NULL;

                if (g_str_has_prefix(*arguments, "--config-file="))
                        value = *arguments + strlen("--config-file=");
                else if (strcmp(*arguments, "--config-file") == 0)
                        value = arguments[1];
                else if (strcmp(*arguments, "--session") == 0)
                        value = DBUS_DATA_DIR "/session.conf";
                else if (strcmp(*arguments, "--system") == 0)
                        value = DBUS_DATA_DIR "/system.conf";
                if (!value)
                        continue;
                g_free(file);
                file = g_strdup(value);
        }
        return file;
}

char *bus_config_find(GDBusConnection *connection) {
        guint32 pid = find_pid(connection);
        g_autofree char *path = g_strdup_printf("/proc/%u/cmdline", pid);
        g_autoptr(GPtrArray) arguments = g_ptr_array_new();
        g_autofree char *text = NULL, *file = NULL;
        gsize length;

        if (pid == 0 || !g_file_get_contents(path, &text, &length, NULL))
                return NULL;
        for (gsize i = 0; i < length; i += strlen(text + i) + 1)
                g_ptr_array_add(arguments, text + i);
        g_ptr_array_add(arguments, NULL);
        file = find_file((char **)arguments->pdata);
        if (!file || g_path_is_absolute(file))
                return g_steal_pointer(&file);
        return g_strdup_printf("/proc/%u/cwd/%s", pid, file);
}
