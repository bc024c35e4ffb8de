/* SPDX-License-Identifier: MIT */
/* All of them add up; the description of an app, of which there can be one, also says who it is. */
#include "tools/access-options.h"

#include "tools/firejail-profile.h"
#include "tools/flatpak-metadata.h"
#include "tools/snap-yaml.h"

void access_options_add(AccessOptions *options, GOptionContext *context) {
        GOptionEntry entries[] = {
                { "allow", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->rules,
                  "Add a rule; may be repeated", "RULE" },
                { "allow-file", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->rule_files,
                  "Add the rules in a file, one a line", "FILE" },
                { "flatpak-metadata", 0, 0, G_OPTION_ARG_FILENAME, &options->flatpak,
                  "Add what the metadata of a Flatpak app allows", "FILE" },
                { "firejail-profile", 0, 0, G_OPTION_ARG_FILENAME, &options->firejail,
                  "Add what a Firejail profile allows", "FILE" },
                { "snap-yaml", 0, 0, G_OPTION_ARG_FILENAME, &options->snap,
                  "Add what the dbus plugs and slots of a snap allow; needs --app", "FILE" },
                { "app", 0, 0, G_OPTION_ARG_STRING, &options->app, "The app of the snap", "NAME" },
                G_OPTION_ENTRY_NULL,
        };

        g_option_context_add_main_entries(context, entries, NULL);
}

void access_options_clear(AccessOptions *options) {
        g_clear_pointer(&options->rules, g_strfreev);
        g_clear_pointer(&options->rule_files, g_strfreev);
        g_clear_pointer(&options->flatpak, g_free);
        g_clear_pointer(&options->firejail, g_free);
        g_clear_pointer(&options->snap, g_free);
        g_clear_pointer(&options->app, g_free);
}

static unsigned count_descriptions(const AccessOptions *options) {
        return (options->flatpak != NULL) + (options->firejail != NULL) + (options->snap != NULL);
}

bool access_options_given(const AccessOptions *options) {
        return options->rules || options->rule_files || count_descriptions(options) > 0;
}

static bool check(const AccessOptions *options, GError **error) {
        const char *wrong = NULL;

        if (count_descriptions(options) > 1)
                wrong = "expected one of --flatpak-metadata, --firejail-profile and --snap-yaml";
        else if (options->snap && !options->app)
                wrong = "--snap-yaml needs --app NAME, one of the apps in it";
        else if (options->app && !options->snap)
                wrong = "--app needs --snap-yaml; the name for the bus is given with --app-id";
        if (wrong)
                g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, wrong);
        return !wrong;
}

static bool load_description(const AccessOptions *options, AppAccess *access, GError **error) {
        if (options->flatpak)
                return flatpak_metadata_load(access, options->flatpak, error);
        if (options->firejail)
                return firejail_profile_load(access, options->firejail, error);
        if (options->snap)
                return snap_yaml_load(access, options->snap, options->app, error);
        return true;
}

bool access_options_load(const AccessOptions *options, AppAccess *access, GError **error) {
        g_autoptr(RuleList) everywhere = rule_list_new();

        if (!check(options, error) || !load_description(options, access, error))
                return false;
        for (char **text = options->rules; text && *text; text++)
                if (!rule_list_add_text(everywhere, *text, "--allow", error))
                        return false;
        for (char **file = options->rule_files; file && *file; file++)
                if (!rule_list_add_file(everywhere, *file, error))
                        return false;
        for (size_t i = 0; i < N_BUSES; i++)
                rule_list_add_all(access->rules[i], everywhere);
        return true;
}
