/* SPDX-License-Identifier: MIT */
/*
 * dbus-container rules: the rules of a container server, or of an app's description, in the form
 * in which --allow-file takes them; and more of them for a server that runs.
 */
#include "tools/access-options.h"
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/server-info.h"

static bool add_rules(GDBusConnection *connection, const char *path, const RuleList *rules,
                      GError **error) {
        g_autoptr(GVariant) reply = bus_client_call(
                connection, "AddServerRules",
                g_variant_new("(o@a(usos))", path, rule_list_to_variant(rules)), "()", NULL, error);

        return reply != NULL;
}

static int of_server(const BusOptions *bus, const char *what, const RuleList *more) {
        g_autoptr(GDBusConnection) connection = NULL;
        g_autoptr(RuleList) rules = rule_list_new();
        g_auto(ServerInfo) info = { 0 };
        g_autoptr(GError) error = NULL;

        connection = bus_client_connect(bus, &error);
        if (!connection)
                return command_fail("", error);
        if (!server_info_find(connection, what, &info, &error))
                return command_fail_about(what, error);
        if (rule_list_get(more)->len > 0 && !add_rules(connection, info.path, more, &error))
                return command_fail(what, error);
        if (!server_info_load_rules(connection, info.path, rules, &error))
                return command_fail(what, error);
        rule_list_print(rules, "");
        return 0;
}

int command_rules(char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new("[CONTAINER]");
        g_auto(AccessOptions) options = { 0 };
        g_auto(GStrv) arguments = g_strdupv(argv);
        g_auto(AppAccess) access = { 0 };
        g_auto(BusOptions) bus = { 0 };
        g_autoptr(GError) error = NULL;
        const RuleList *given;
        int status;

        app_access_init(&access);
        g_option_context_set_summary(
                context, "Prints the rules of a container server, one a line. With rules, or the\n"
                         "description of an app, these are added to it first; without CONTAINER\n"
                         "they are what is printed.");
        access_options_add(&options, context);
        status = command_parse(context, &bus, &arguments);
        if (status != 0)
                return status;
        if (!access_options_load(&options, &access, &error))
                return command_usage("%s", error->message);
        given = access.rules[bus.system ? BUS_SYSTEM : BUS_SESSION];
        if (g_strv_length(arguments) > 2)
                return command_usage("rules takes one CONTAINER, not '%s'", arguments[2]);
        if (arguments[1])
                return of_server(&bus, arguments[1], given);
        if (!access_options_given(&options))
                return command_usage("rules needs a CONTAINER, or rules in an option such as "
                                     "--flatpak-metadata FILE");
        rule_list_print(given, "");
        return 0;
}
