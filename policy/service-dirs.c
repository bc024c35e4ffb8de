/* SPDX-License-Identifier: MIT */
/*
 * Service folders in their order of precedence: the first that has a service wins, so a folder that is named again
 * later adds nothing.
 */
#include <config.h>

#include "policy/service-dirs.h"

#include <stdlib.h>
#include <string.h>

void service_dir_free(void *dir) {
        ServiceDir *service_dir = dir;

        if (!service_dir)
                return;
        g_free(service_dir->path);
        g_free(service_dir);
}

void service_dirs_add(GPtrArray *dirs, const char *path, ServiceDirFlags flags) {
        ServiceDir *dir;

        for (guint i = 0; i < dirs->len; i++)
                if (strcmp(((ServiceDir *)dirs->pdata[i])->path, path) == 0)
                        return;
        dir = g_new0(ServiceDir, 1);
        dir->path = g_strdup(path);
        dir->flags = flags;
        g_ptr_array_add(dirs, dir);
}

/* Relative folders in XDG variables are to be ignored (XDG Base Directory Specification). */
static void add_below(GPtrArray *dirs, const char *base, const char *below, ServiceDirFlags flags) {
        g_autofree char *path = NULL;

        if (!base || !g_path_is_absolute(base))
                return;
        path = g_build_filename(base, below, NULL);
        service_dirs_add(dirs, path, flags);
}

void service_dirs_add_session(GPtrArray *dirs) {
        const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
        const char *data_home = getenv("XDG_DATA_HOME");
        const char *data_dirs = getenv("XDG_DATA_DIRS");
        const char *home = getenv("HOME");
        g_auto(GStrv) list = NULL;

        /* Written by programs that call ReloadConfig afterwards; a file there speaks for the name that it has. */
        add_below(dirs, runtime_dir, "dbus-1/services",
                  SERVICE_DIR_NO_WATCH | SERVICE_DIR_STRICT_NAMING);

        if (data_home && data_home[0])
                add_below(dirs, data_home, "dbus-1/services", SERVICE_DIR_DEFAULT);
        else
                add_below(dirs, home, ".local/share/dbus-1/services", SERVICE_DIR_DEFAULT);

        list = g_strsplit(data_dirs && data_dirs[0] ? data_dirs : "/usr/local/share:/usr/share",
                          ":", -1);
        for (char **dir = list; *dir; dir++)
                add_below(dirs, *dir, "dbus-1/services", SERVICE_DIR_DEFAULT);
        service_dirs_add(dirs, DBUS_DATA_DIR "/services", SERVICE_DIR_DEFAULT);
}

void service_dirs_add_system(GPtrArray *dirs) {
        service_dirs_add(dirs, "/usr/local/share/dbus-1/system-services", SERVICE_DIR_DEFAULT);
        service_dirs_add(dirs, "/usr/share/dbus-1/system-services", SERVICE_DIR_DEFAULT);
        service_dirs_add(dirs, DBUS_DATA_DIR "/system-services", SERVICE_DIR_DEFAULT);
        service_dirs_add(dirs, "/lib/dbus-1/system-services", SERVICE_DIR_DEFAULT);
}
