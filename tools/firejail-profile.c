/* SPDX-License-Identifier: MIT */
/*
 * A profile is read from top to bottom, included files in their place. What counts for a bus is
 * known at the end only: names may come before the line that says that they filter. So they are
 * collected, and count if the bus turns out to be filtered.
 *
 * Includes are bounded in depth and number; a profile that includes itself is refused by that.
 */
#include "tools/firejail-profile.h"

#include "tools/small-file.h"

#include <string.h>

#define SYSTEM_FOLDER "/etc/firejail"
#define MAX_DEPTH 16
#define MAX_FILES 256

typedef enum BusMode { BUS_OPEN, BUS_FILTERED, BUS_NONE } BusMode;

typedef struct Profile {
        AppAccess *filters; /* borrowed; rules as if both buses were filtered */
        BusMode modes[N_BUSES];
        GPtrArray *ignored; /* owned; of char *, starts of lines */
        unsigned depth, n_files;
} Profile;

/* A line on its way through the functions below. */
typedef struct Place {
        const char *file;   /* borrowed */
        const char *source; /* borrowed; "FILE:LINE" */
} Place;

static const struct {
        const char *word;
        BusKind bus;
} prefixes[] = {
        { "dbus-user", BUS_SESSION },
        { "dbus-system", BUS_SYSTEM },
};

static bool read_file(Profile *profile, const char *file, GError **error);

static bool fail(const Place *place, const char *line, const char *expected, GError **error) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: '%s': expected %s", place->source,
                    line, expected);
        return false;
}

static void set_mode(Profile *profile, BusKind bus, BusMode mode) {
        /* what is shut stays shut */
        if (profile->modes[bus] != BUS_NONE)
                profile->modes[bus] = mode;
}

/* "dbus-user filter", given as "filter" */
static bool read_mode(Profile *profile, BusKind bus, const char *word, const Place *place,
                      GError **error) {
        if (strcmp(word, "filter") == 0)
                set_mode(profile, bus, BUS_FILTERED);
        else if (strcmp(word, "none") == 0)
                set_mode(profile, bus, BUS_NONE);
        else
                return fail(place, word, "filter or none", error);
        return true;
}

/* "dbus-user.talk NAME", given as "talk NAME" */
static bool read_permission(Profile *profile, BusKind bus, const char *text, const Place *place,
                            GError **error) {
        g_auto(GStrv) words = g_strsplit_set(text, " \t", 2);
        ProxyVerb verb;

        if (strcmp(words[0], "log") == 0 && !words[1])
                return true;
        if (!proxy_verb_find(words[0], &verb) || !words[1])
                return fail(place, text, "see, talk, own, call or broadcast, and a name", error);
        return app_access_add(profile->filters, bus, verb, g_strstrip(words[1]), place->source,
                              error);
}

/*
 * The folders in which Firejail looks for a file without a folder, and that of the including
 * one.
 */
static char *find_include(const char *name, const Place *place) {
        g_autofree char *own = g_build_filename(g_get_user_config_dir(), "firejail", name, NULL);
        g_autofree char *of_system = g_build_filename(SYSTEM_FOLDER, name, NULL);
        g_autofree char *folder = g_path_get_dirname(place->file);

        if (g_file_test(own, G_FILE_TEST_EXISTS))
                return g_steal_pointer(&own);
        if (g_file_test(of_system, G_FILE_TEST_EXISTS))
                return g_steal_pointer(&of_system);
        return g_build_filename(folder, name, NULL);
}

static char *expand(const char *name) {
        if (g_str_has_prefix(name, "${HOME}/"))
                return g_build_filename(g_get_home_dir(), name + strlen("${HOME}/"), NULL);
        if (g_str_has_prefix(name, "~/"))
                return g_build_filename(g_get_home_dir(), name + strlen("~/"), NULL);
        if (g_str_has_prefix(name, "${CFG}/"))
                return g_build_filename(SYSTEM_FOLDER, name + strlen("${CFG}/"), NULL);
        return g_strdup(name);
}

static bool read_include(Profile *profile, const char *name, const Place *place, GError **error) {
        g_autofree char *expanded = expand(name);
        g_autofree char *file =
                strchr(expanded, '/') ? g_strdup(expanded) : find_include(expanded, place);

        if (g_str_has_suffix(file, ".local") && !g_file_test(file, G_FILE_TEST_EXISTS))
                return true;
        if (profile->depth >= MAX_DEPTH || profile->n_files >= MAX_FILES)
                return fail(place, name, "at most 16 includes in each other, and 256 in all",
                            error);
        if (read_file(profile, file, error))
                return true;
        /* an error inside of the file has its own place */
        if (g_error_matches(*error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
                g_prefix_error(error, "%s: include ", place->source);
        return false;
}

static bool is_ignored(const Profile *profile, const char *line) {
        for (guint i = 0; i < profile->ignored->len; i++)
                if (g_str_has_prefix(line, profile->ignored->pdata[i]))
                        return true;
        return false;
}

static bool read_bus_line(Profile *profile, const char *line, const Place *place, GError **error) {
        for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
                size_t length = strlen(prefixes[i].word);

                if (!g_str_has_prefix(line, prefixes[i].word))
                        continue;
                if (line[length] == '.')
                        return read_permission(profile, prefixes[i].bus, line + length + 1, place,
                                               error);
                if (line[length] == ' ')
                        return read_mode(profile, prefixes[i].bus, line + length + 1, place, error);
        }
        return fail(place, line, "dbus-user or dbus-system", error);
}

static bool read_line(Profile *profile, const char *line, const Place *place, GError **error) {
        if (is_ignored(profile, line))
                return true;
        if (g_str_has_prefix(line, "ignore ")) {
                g_ptr_array_add(profile->ignored, g_strdup(line + strlen("ignore ")));
                return true;
        }
        if (g_str_has_prefix(line, "include "))
                return read_include(profile, line + strlen("include "), place, error);
        if (strcmp(line, "nodbus") == 0)
                for (size_t i = 0; i < N_BUSES; i++)
                        set_mode(profile, (BusKind)i, BUS_NONE);
        return !g_str_has_prefix(line, "dbus-") || read_bus_line(profile, line, place, error);
}

static bool read_lines(Profile *profile, const char *text, const char *file, GError **error) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (unsigned i = 0; lines[i]; i++) {
                g_autofree char *source = g_strdup_printf("%s:%u", file, i + 1);
                const Place place = { .file = file, .source = source };
                char *comment = strchr(lines[i], '#');

                if (comment)
                        *comment = '\0';
                if (!read_line(profile, g_strstrip(lines[i]), &place, error))
                        return false;
        }
        return true;
}

static bool read_file(Profile *profile, const char *file, GError **error) {
        g_autofree char *text = small_file_read(file, NULL, error);
        bool read;

        if (!text)
                return false;
        profile->depth++;
        profile->n_files++;
        read = read_lines(profile, text, file, error);
        profile->depth--;
        return read;
}

static void take_over(const Profile *profile, AppAccess *access, const char *file) {
        g_autofree char *unsaid = g_strdup_printf("%s: no line about this bus", file);

        for (size_t i = 0; i < N_BUSES; i++) {
                if (profile->modes[i] == BUS_FILTERED)
                        rule_list_add_all(access->rules[i], profile->filters->rules[i]);
                else if (profile->modes[i] == BUS_OPEN)
                        app_access_open(access, (BusKind)i, unsaid);
        }
}

bool firejail_profile_load(AppAccess *access, const char *file, GError **error) {
        g_autoptr(GPtrArray) ignored = g_ptr_array_new_with_free_func(g_free);
        g_auto(AppAccess) filters = { 0 };
        Profile profile = { .filters = &filters, .ignored = ignored };
        g_autofree char *app_id = g_path_get_basename(file);
        bool read;

        app_access_init(&filters);
        read = read_file(&profile, file, error);
        if (read) {
                if (g_str_has_suffix(app_id, ".profile"))
                        app_id[strlen(app_id) - strlen(".profile")] = '\0';
                app_access_set_identity(access, FIREJAIL_TYPE, app_id);
                take_over(&profile, access, file);
        }
        return read;
}
