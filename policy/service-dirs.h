/* SPDX-License-Identifier: MIT */
/* Where .service files are looked for: the standard folders of session and system bus (dbus-daemon(1)). */
#pragma once

#include <glib.h>

/* How the directories of a <servicedir> are read. */
typedef enum ServiceDirFlags {
        SERVICE_DIR_DEFAULT = 0,
        SERVICE_DIR_NO_WATCH = 1 << 0,
        SERVICE_DIR_STRICT_NAMING = 1 << 1, /* the file must be called after the name */
} ServiceDirFlags;

typedef struct ServiceDir {
        char *path; /* owned */
        ServiceDirFlags flags;
} ServiceDir;

/** service_dir_free() - @dir is a ServiceDir */
void service_dir_free(void *dir);

/** service_dirs_add() - puts @path behind the others; one that is there already keeps its place and flags */
void service_dirs_add(GPtrArray *dirs, const char *path, ServiceDirFlags flags);

/** service_dirs_add_session() - what <standard_session_servicedirs/> stands for, from the environment */
void service_dirs_add_session(GPtrArray *dirs);

/** service_dirs_add_system() - what <standard_system_servicedirs/> stands for */
void service_dirs_add_system(GPtrArray *dirs);
