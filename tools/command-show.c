/* SPDX-License-Identifier: MIT */
/* dbus-container show: all that the bus says about a container server. */
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/printable.h"
#include "tools/server-info.h"

static void print_dictionary(const char *title, GVariant *dictionary) {
        GVariantIter iter;
        const char *key;
        GVariant *value;

        g_print("%s:%s\n", title, g_variant_n_children(dictionary) == 0 ? " none" : "");
        g_variant_iter_init(&iter, dictionary);
        while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
                g_autofree char *shown_key = printable_text(key);
                gboolean is_text = g_variant_is_of_type(value, G_VARIANT_TYPE_BYTESTRING);
                g_autofree char *text =
                        is_text ? g_utf8_make_valid(g_variant_get_bytestring(value), -1)
                                : g_variant_print(value, FALSE);
                g_autofree char *shown_text = printable_text(text);

                g_print("    %s: %s\n", shown_key, shown_text);
                g_variant_unref(value);
        }
}

static bool print_rules(GDBusConnection *connection, const char *path, GError **error) {
        g_autoptr(RuleList) rules = rule_list_new();
        g_autoptr(GError) untold = NULL;

        if (server_info_load_rules(connection, path, rules, &untold)) {
                g_print("Rules:%s\n", rule_list_get(rules)->len == 0 ? " none" : "");
                rule_list_print(rules, "    ");
                return true;
        }
        if (bus_client_error_is(untold, "org.freedesktop.DBus.Error.UnknownMethod")) {
                g_print("Rules: this bus does not tell\n");
                return true;
        }
        g_propagate_error(error, g_steal_pointer(&untold));
        return false;
}

static void print_line(const char *title, const char *value) {
        g_autofree char *shown = printable_text(value);

        g_print("%s:%s%s\n", title, *shown ? " " : "", shown);
}

static bool show_one(GDBusConnection *connection, const char *what, GError **error) {
        g_auto(ServerInfo) info = { 0 };

        if (!server_info_find(connection, what, &info, error))
                return false;

        print_line("Path", info.path);
        print_line("Type", info.type);
        print_line("App ID", info.app_id);
        print_line("Instance ID", info.instance_id);
        print_dictionary("Creator", info.creator);
        print_dictionary("Metadata", info.metadata);
        return print_rules(connection, info.path, error);
}

int command_show(char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new("CONTAINER...");
        g_autoptr(GDBusConnection) connection = NULL;
        g_auto(GStrv) arguments = g_strdupv(argv);
        int status;

        g_option_context_set_summary(
                context, "Prints all about container servers, named by their object paths or\n"
                         "numbers, by the bus names of contained connections, or by app ids.");
        connection = command_open(context, &arguments, &status);
        if (!connection)
                return status;
        if (g_strv_length(arguments) < 2)
                return command_usage("show needs a CONTAINER: the path of a server, the bus name "
                                     "of a connection, or an app id");

        status = 0;
        for (size_t i = 1; arguments[i]; i++) {
                g_autoptr(GError) error = NULL;

                if (i > 1)
                        g_print("\n");
                if (!show_one(connection, arguments[i], &error))
                        status = command_fail_about(arguments[i], error);
        }
        return status;
}
