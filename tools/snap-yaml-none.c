/* SPDX-License-Identifier: MIT */
/* Without libyaml. */
#include "tools/snap-yaml.h"

bool snap_yaml_load(AppAccess *access G_GNUC_UNUSED, const char *file,
                    const char *app G_GNUC_UNUSED, GError **error) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "%s: this dbus-container was built without libyaml; write the rules into a "
                    "file for --allow-file, or build it with libyaml-dev installed",
                    file);
        return false;
}
