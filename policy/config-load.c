/* SPDX-License-Identifier: MIT */
/*
 * config_load(): the main file with all that it includes, and the rule groups that lie beside it.
 */
#include "policy/config-files.h"
#include "policy/config.h"
#include "policy/container-rule.h"
#include "policy/xml-loader.h"

#include <string.h>

static void load_group_file(Config *config, const char *folder, const char *file) {
        g_autofree char *path = g_build_filename(folder, file, NULL);
        g_autofree char *name = g_strndup(file, strlen(file) - strlen(".rules"));
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) rules = NULL;

        if (g_file_get_contents(path, &text, NULL, &error))
                rules = container_rule_parse_text(text, path, 1, &error);
        if (!rules) {
                g_ptr_array_add(config->warnings,
                                g_strdup_printf("%s (the group is left out)", error->message));
                return;
        }
        g_ptr_array_add(config->files, g_strdup(path));
        config_add_group(config, name, text, path, 1);
}

/* containers.d/NAME.rules beside the main file. A broken one costs its group only, not the start of the bus. */
static void load_group_files(Config *config, const char *path) {
        g_autofree char *parent = g_path_get_dirname(path);
        g_autofree char *folder = g_build_filename(parent, "containers.d", NULL);
        g_autoptr(GPtrArray) names = config_files_list(folder, ".rules", NULL);

        if (!names)
                return;
        g_ptr_array_add(config->config_dirs, g_strdup(folder));
        for (guint i = 0; i < names->len; i++)
                load_group_file(config, folder, names->pdata[i]);
}

/* However it is spelled; what it or a file below it says of a limit comes later and wins. */
static bool is_stock_session(const char *path) {
        g_autofree char *full = g_canonicalize_filename(path, NULL);

        return strcmp(full, DBUS_DATA_DIR "/session.conf") == 0;
}

Config *config_load(const char *path, GError **error) {
        g_autoptr(Config) config = config_new();

        if (is_stock_session(path))
                config_set_session_limits(&config->limits);
        if (!xml_loader_read(config, path, error))
                return NULL;
        if (config->listen->len == 0) {
                g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "%s:1: no address to listen at, expected one or more <listen>", path);
                return NULL;
        }
        load_group_files(config, path);
        return g_steal_pointer(&config);
}
