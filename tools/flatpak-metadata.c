/* SPDX-License-Identifier: MIT */
/*
 * What Flatpak gives every app on the session bus, whatever its metadata: names of its own, the
 * one of its media player, calls to portals, and their signals from below the portals' path.
 *
 * GKeyFile reads the file, but knows no lines; they are looked for in the text once there is
 * something to say about one.
 */
#include "tools/flatpak-metadata.h"

#include "tools/small-file.h"

#include <string.h>

#define MEDIA_PLAYERS "org.mpris.MediaPlayer2"
#define PORTALS "org.freedesktop.portal.*"

/* The file while it is read. */
typedef struct Metadata {
        const char *name, *text; /* borrowed */
        GKeyFile *keys;          /* owned */
} Metadata;

static const struct {
        BusKind bus;
        const char *group, *socket;
} buses[] = {
        { BUS_SESSION, "Session Bus Policy", "session-bus" },
        { BUS_SYSTEM, "System Bus Policy", "system-bus" },
};

/* Whether @line is "[group]". */
static bool is_group(const char *line, const char *group) {
        size_t length = strlen(group);

        return line[0] == '[' && strncmp(line + 1, group, length) == 0 && line[length + 1] == ']';
}

static bool is_key(const char *line, const char *key) {
        size_t length = strlen(key);

        return strncmp(line, key, length) == 0 &&
               line[length + strspn(line + length, " \t")] == '=';
}

/* "NAME:LINE" of the value that counts, which is the last one; newly allocated. */
static char *source_of(const Metadata *metadata, const char *group, const char *key) {
        g_auto(GStrv) lines = g_strsplit(metadata->text, "\n", -1);
        bool inside = false;
        unsigned found = 0;

        for (unsigned i = 0; lines[i]; i++) {
                if (lines[i][0] == '[')
                        inside = is_group(lines[i], group);
                else if (inside && is_key(lines[i], key))
                        found = i + 1;
        }
        return found > 0 ? g_strdup_printf("%s:%u", metadata->name, found)
                         : g_strdup(metadata->name);
}

/* GKeyFile says what a bad line is, not which. */
static bool explain_bad_line(const Metadata *metadata, GError **error) {
        g_auto(GStrv) lines = g_strsplit(metadata->text, "\n", -1);

        for (unsigned i = 0; lines[i]; i++) {
                const char *line = g_strstrip(lines[i]);

                if (*line == '\0' || *line == '#' || *line == '[' || strchr(line, '='))
                        continue;
                g_clear_error(error);
                g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE,
                            "%s:%u: expected [GROUP], KEY=VALUE or a comment", metadata->name,
                            i + 1);
                return false;
        }
        g_prefix_error(error, "%s: ", metadata->name);
        return false;
}

static bool read_name(const Metadata *metadata, AppAccess *access, char **ret_name,
                      GError **error) {
        g_autofree char *name = g_key_file_get_string(metadata->keys, "Application", "name", NULL);
        g_autofree char *source = source_of(metadata, "Application", "name");

        if (!name || !g_dbus_is_name(name) || g_dbus_is_unique_name(name)) {
                g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE,
                            "%s: expected the metadata of an app, with name=org.example.App in "
                            "[Application]",
                            source);
                return false;
        }
        app_access_set_identity(access, FLATPAK_TYPE, name);
        *ret_name = g_steal_pointer(&name);
        return true;
}

/* The last word on a socket counts; ! takes it away. */
static bool has_socket(const Metadata *metadata, const char *socket) {
        g_auto(GStrv) sockets =
                g_key_file_get_string_list(metadata->keys, "Context", "sockets", NULL, NULL);
        bool has = false;

        for (size_t i = 0; sockets && sockets[i]; i++) {
                bool negated = sockets[i][0] == '!';

                if (strcmp(sockets[i] + negated, socket) == 0)
                        has = !negated;
        }
        return has;
}

static bool add_policy(const Metadata *metadata, AppAccess *access, size_t bus, const char *key,
                       GError **error) {
        const char *group = buses[bus].group;
        g_autofree char *value = g_key_file_get_string(metadata->keys, group, key, NULL);
        g_autofree char *source = source_of(metadata, group, key);
        ProxyVerb verb;

        if (g_strcmp0(value, "none") == 0)
                return true;
        if (!value || !proxy_verb_find(value, &verb) || verb > PROXY_VERB_OWN) {
                g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE,
                            "%s: '%s' in [%s]: expected none, see, talk or own", source, key,
                            group);
                return false;
        }
        return app_access_add(access, buses[bus].bus, verb, key, source, error);
}

static bool read_bus(const Metadata *metadata, AppAccess *access, size_t bus, GError **error) {
        const char *group = buses[bus].group;
        g_auto(GStrv) keys = NULL;

        if (has_socket(metadata, buses[bus].socket)) {
                g_autofree char *source = source_of(metadata, "Context", "sockets");

                app_access_open(access, buses[bus].bus, source);
                return true;
        }
        keys = g_key_file_get_keys(metadata->keys, group, NULL, NULL);
        for (size_t i = 0; keys && keys[i]; i++)
                if (!add_policy(metadata, access, bus, keys[i], error))
                        return false;
        return true;
}

static bool add_given(AppAccess *access, ProxyVerb verb, const char *text, GError **error) {
        return app_access_add(access, BUS_SESSION, verb, text, "given to every Flatpak app", error);
}

static bool add_all_given(AppAccess *access, const char *app_id, GError **error) {
        g_autofree char *names = g_strconcat(app_id, ".*", NULL);
        g_autofree char *player = g_strconcat(MEDIA_PLAYERS ".", app_id, ".*", NULL);

        return add_given(access, PROXY_VERB_OWN, names, error) &&
               add_given(access, PROXY_VERB_OWN, player, error) &&
               add_given(access, PROXY_VERB_CALL, PORTALS "=*", error) &&
               add_given(access, PROXY_VERB_BROADCAST, PORTALS "=@/org/freedesktop/portal/*",
                         error);
}

bool flatpak_metadata_parse(AppAccess *access, const char *text, const char *name, GError **error) {
        g_autoptr(GKeyFile) keys = g_key_file_new();
        const Metadata metadata = { .name = name, .text = text, .keys = keys };
        g_autofree char *app_id = NULL;

        if (!g_key_file_load_from_data(keys, text, strlen(text), G_KEY_FILE_NONE, error))
                return explain_bad_line(&metadata, error);
        if (!read_name(&metadata, access, &app_id, error))
                return false;
        if (!has_socket(&metadata, "session-bus") && !add_all_given(access, app_id, error))
                return false;
        for (size_t i = 0; i < G_N_ELEMENTS(buses); i++)
                if (!read_bus(&metadata, access, i, error))
                        return false;
        return true;
}

bool flatpak_metadata_load(AppAccess *access, const char *file, GError **error) {
        g_autofree char *text = small_file_read(file, NULL, error);

        return text && flatpak_metadata_parse(access, text, file, error);
}
