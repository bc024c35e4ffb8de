/* SPDX-License-Identifier: MIT */
/*
 * dbus-container list and show: what the bus says about its container servers.
 *
 * Type, app id, instance id and metadata are somebody's word: what is not printable is escaped
 * before it reaches a terminal.
 */
#include "tools/bus-client.h"
#include "tools/commands.h"
#include "tools/rule-arguments.h"

#include <string.h>

/* What the bus says about one server. Strings are owned. */
typedef struct ServerInfo {
        char *path, *type, *app_id, *instance_id;
        GVariant *creator, *metadata; /* ref; a{sv} */
} ServerInfo;

static void server_info_clear(ServerInfo *info) {
        g_clear_pointer(&info->path, g_free);
        g_clear_pointer(&info->type, g_free);
        g_clear_pointer(&info->app_id, g_free);
        g_clear_pointer(&info->instance_id, g_free);
        g_clear_pointer(&info->creator, g_variant_unref);
        g_clear_pointer(&info->metadata, g_variant_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ServerInfo, server_info_clear)

static char *printable(const char *text) {
        GString *escaped = g_string_new(NULL);

        for (; *text; text = g_utf8_next_char(text)) {
                gunichar character = g_utf8_get_char(text);

                if (g_unichar_isprint(character) && g_unichar_type(character) != G_UNICODE_FORMAT &&
                    character != '\\')
                        g_string_append_unichar(escaped, character);
                else if (character == '\\')
                        g_string_append(escaped, "\\\\");
                else
                        g_string_append_printf(escaped, "\\u{%x}", character);
        }
        return g_string_free(escaped, FALSE);
}

/* Fills @ret_info from GetServerInfo for a path, else from GetConnectionInfo for a bus name. */
static gboolean server_info_load(GDBusConnection *connection, const char *what,
                                 ServerInfo *ret_info, GError **error) {
        g_autoptr(GVariant) reply = NULL;

        if (what[0] == '/') {
                reply = bus_client_call(connection, "GetServerInfo", g_variant_new("(o)", what),
                                        "(a{sv}sssa{sv})", NULL, error);
                if (!reply)
                        return FALSE;
                ret_info->path = g_strdup(what);
                g_variant_get(reply, "(@a{sv}sss@a{sv})", &ret_info->creator, &ret_info->type,
                              &ret_info->app_id, &ret_info->instance_id, &ret_info->metadata);
                return TRUE;
        }

        reply = bus_client_call(connection, "GetConnectionInfo", g_variant_new("(s)", what),
                                "(oa{sv}sssa{sv})", NULL, error);
        if (!reply)
                return FALSE;
        g_variant_get(reply, "(o@a{sv}sss@a{sv})", &ret_info->path, &ret_info->creator,
                      &ret_info->type, &ret_info->app_id, &ret_info->instance_id,
                      &ret_info->metadata);
        return TRUE;
}

/* The creator's uid as text; an anonymous creator has none. */
static char *creator_uid(const ServerInfo *info) {
        guint32 uid;

        if (!g_variant_lookup(info->creator, "UnixUserID", "u", &uid))
                return g_strdup("-");
        return g_strdup_printf("%u", uid);
}

static int fail(const char *what, const GError *error) {
        g_autofree char *text = bus_client_error_text(error);

        g_printerr("dbus-container: %s%s%s\n", what, *what ? ": " : "", text);
        return COMMAND_FAILED;
}

enum { N_COLUMNS = 5 };
static const char *const column_titles[N_COLUMNS] = { "PATH", "TYPE", "APP-ID", "INSTANCE-ID",
                                                      "CREATOR" };

static void row_free(void *row) {
        g_strfreev(row);
}

static void rows_add(GPtrArray *rows, const ServerInfo *info) {
        char **row = g_new0(char *, N_COLUMNS + 1);

        row[0] = g_strdup(info->path);
        row[1] = printable(info->type);
        row[2] = printable(info->app_id);
        row[3] = printable(info->instance_id);
        row[4] = creator_uid(info);
        g_ptr_array_add(rows, row);
}

static const char *cell_text(const char *cell) {
        return *cell ? cell : "-";
}

static void print_row(const char *const *row, const int *widths) {
        for (size_t i = 0; i < N_COLUMNS; i++) {
                const char *text = cell_text(row[i]);

                if (i + 1 < N_COLUMNS)
                        g_print("%s%*s  ", text, widths[i] - (int)g_utf8_strlen(text, -1), "");
                else
                        g_print("%s\n", text);
        }
}

static void print_table(const GPtrArray *rows) {
        int widths[N_COLUMNS];

        for (size_t i = 0; i < N_COLUMNS; i++) {
                widths[i] = (int)strlen(column_titles[i]);
                for (size_t j = 0; j < rows->len; j++) {
                        char **row = rows->pdata[j];

                        widths[i] = MAX(widths[i], (int)g_utf8_strlen(cell_text(row[i]), -1));
                }
        }

        print_row(column_titles, widths);
        for (size_t j = 0; j < rows->len; j++)
                print_row(rows->pdata[j], widths);
}

static gboolean collect_rows(GDBusConnection *connection, GPtrArray *rows, GError **error) {
        g_autoptr(GVariant) reply =
                bus_client_call(connection, "ListServers", NULL, "(ao)", NULL, error);
        g_autofree const char **paths = NULL;

        if (!reply)
                return FALSE;

        g_variant_get(reply, "(^a&o)", &paths);
        for (size_t i = 0; paths[i]; i++) {
                g_auto(ServerInfo) info = {};
                g_autoptr(GError) gone = NULL;

                if (server_info_load(connection, paths[i], &info, &gone)) {
                        rows_add(rows, &info);
                } else if (!bus_client_error_is(gone, ERROR_NOT_CONTAINER)) {
                        g_propagate_error(error, g_steal_pointer(&gone));
                        return FALSE;
                }
        }
        return TRUE;
}

static void print_dictionary(const char *title, GVariant *dictionary) {
        GVariantIter iter;
        const char *key;
        GVariant *value;

        g_print("%s:%s\n", title, g_variant_n_children(dictionary) == 0 ? " none" : "");
        g_variant_iter_init(&iter, dictionary);
        while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
                g_autofree char *shown_key = printable(key);
                gboolean is_text = g_variant_is_of_type(value, G_VARIANT_TYPE_BYTESTRING);
                g_autofree char *text =
                        is_text ? g_utf8_make_valid(g_variant_get_bytestring(value), -1)
                                : g_variant_print(value, FALSE);
                g_autofree char *shown_text = printable(text);

                g_print("    %s: %s\n", shown_key, shown_text);
                g_variant_unref(value);
        }
}

static gboolean print_rules(GDBusConnection *connection, const char *path, GError **error) {
        g_autoptr(GError) local_error = NULL;
        g_autoptr(GVariant) reply = NULL, rules = NULL;

        reply = bus_client_call(connection, "GetServerRules", g_variant_new("(o)", path),
                                "(a(usos))", NULL, &local_error);
        if (!reply &&
            bus_client_error_is(local_error, "org.freedesktop.DBus.Error.UnknownMethod")) {
                g_print("Rules: this bus does not tell\n");
                return TRUE;
        }
        if (!reply) {
                g_propagate_error(error, g_steal_pointer(&local_error));
                return FALSE;
        }

        rules = g_variant_get_child_value(reply, 0);
        g_print("Rules:%s\n", g_variant_n_children(rules) == 0 ? " none" : "");
        rule_arguments_print(rules, "    ");
        return TRUE;
}

static void print_line(const char *title, const char *value) {
        g_autofree char *shown = printable(value);

        g_print("%s:%s%s\n", title, *shown ? " " : "", shown);
}

static gboolean show_one(GDBusConnection *connection, const char *what, GError **error) {
        g_auto(ServerInfo) info = {};

        if (!server_info_load(connection, what, &info, error))
                return FALSE;

        print_line("Path", info.path);
        print_line("Type", info.type);
        print_line("App ID", info.app_id);
        print_line("Instance ID", info.instance_id);
        print_dictionary("Creator", info.creator);
        print_dictionary("Metadata", info.metadata);
        return print_rules(connection, info.path, error);
}

/* The arguments after the options, in @argv from 1 on; returns NULL with the message printed. */
static GDBusConnection *open_bus(GOptionContext *context, char ***argv, int *ret_status) {
        g_auto(BusOptions) options = {};
        g_autoptr(GError) error = NULL;
        GDBusConnection *connection;

        bus_options_add(&options, context);
        *ret_status = COMMAND_USAGE;
        if (!g_option_context_parse_strv(context, argv, &error)) {
                g_printerr("dbus-container: %s\n", error->message);
                return NULL;
        }

        connection = bus_client_connect(&options, &error);
        if (!connection)
                *ret_status = g_error_matches(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE)
                                      ? COMMAND_USAGE
                                      : fail("", error);
        return connection;
}

int command_list(char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new(NULL);
        g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
        g_auto(GStrv) arguments = g_strdupv(argv);
        g_autoptr(GDBusConnection) connection = NULL;
        g_autoptr(GError) error = NULL;
        int status;

        g_option_context_set_summary(context, "Prints the container servers of a message bus.");
        connection = open_bus(context, &arguments, &status);
        if (!connection)
                return status;
        if (g_strv_length(arguments) != 1) {
                g_printerr("dbus-container: list takes no '%s'; see show\n", arguments[1]);
                return COMMAND_USAGE;
        }
        if (!collect_rows(connection, rows, &error))
                return fail("", error);

        print_table(rows);
        return 0;
}

int command_show(char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new("PATH|BUSNAME...");
        g_auto(GStrv) arguments = g_strdupv(argv);
        g_autoptr(GDBusConnection) connection = NULL;
        int status;

        g_option_context_set_summary(
                context, "Prints all about container servers, named by their object paths or by\n"
                         "the bus names of contained connections.");
        connection = open_bus(context, &arguments, &status);
        if (!connection)
                return status;
        if (g_strv_length(arguments) < 2) {
                g_printerr("dbus-container: show needs the path of a server or the bus name of a "
                           "connection\n");
                return COMMAND_USAGE;
        }

        status = 0;
        for (size_t i = 1; arguments[i]; i++) {
                g_autoptr(GError) error = NULL;

                if (arguments[i][0] == '/' ? !g_variant_is_object_path(arguments[i])
                                           : !g_dbus_is_name(arguments[i])) {
                        g_printerr(
                                "dbus-container: '%s' is neither an object path nor a bus name\n",
                                arguments[i]);
                        return COMMAND_USAGE;
                }
                if (i > 1)
                        g_print("\n");
                if (!show_one(connection, arguments[i], &error))
                        status = fail(arguments[i], error);
        }
        return status;
}
