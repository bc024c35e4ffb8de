/* SPDX-License-Identifier: MIT */
/*
 * dbus-container run: a socket, a container server that accepts on it, a program that finds no
 * other bus.
 *
 * We stay the manager while the program runs, so that the server stops listening when we are
 * killed, and tell the bus to close what is left when the program has ended.
 */
#include "tools/bus-client.h"
#include "tools/child.h"
#include "tools/commands.h"
#include "tools/listen-socket.h"
#include "tools/rule-arguments.h"
#include "tools/sandbox.h"

#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <unistd.h>

/* Nobody can own this name on the internet, so it collides with no sandbox technology. */
#define DEFAULT_TYPE "local.dbus.Container"

typedef struct RunOptions {
        BusOptions bus;
        char *type, *instance_id;             /* owned, not NULL after parsing */
        char *app_id;                         /* owned, NULL if not given */
        char **rules, **rule_files, **groups; /* owned, NULL if not given */
        char **expose;                        /* owned, NULL if not given */
        int max_connections;                  /* 0: as the bus has it */
        gboolean no_stop, permissive, sandbox;
} RunOptions;

static void run_options_clear(RunOptions *options) {
        bus_options_clear(&options->bus);
        g_clear_pointer(&options->type, g_free);
        g_clear_pointer(&options->app_id, g_free);
        g_clear_pointer(&options->instance_id, g_free);
        g_clear_pointer(&options->rules, g_strfreev);
        g_clear_pointer(&options->rule_files, g_strfreev);
        g_clear_pointer(&options->groups, g_strfreev);
        g_clear_pointer(&options->expose, g_strfreev);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RunOptions, run_options_clear)

static const char description[] =
        "Rules are 'talk NAME', 'see NAME', 'call NAME [INTERFACE[.MEMBER]] [@PATH] [fds]', the\n"
        "same with receive, and 'own NAME'; NAME.* and @PATH/* cover what is below, too. Without\n"
        "rules the program can talk to the bus itself and to others in its container, and to\n"
        "nobody else.\n"
        "\n"
        "The exit status is that of COMMAND, 128 plus the signal that ended it, 125 if\n"
        "dbus-container failed, 126 if COMMAND could not be started and 127 if it was not found.\n";

static gboolean parse_run_options(RunOptions *options, char ***argv, GError **error) {
        g_autoptr(GOptionContext) context = g_option_context_new("[--] COMMAND [ARGUMENT...]");
        GOptionEntry entries[] = {
                { "type", 0, 0, G_OPTION_ARG_STRING, &options->type,
                  "Reversed-DNS name of the sandbox technology [" DEFAULT_TYPE "]", "TYPE" },
                { "app-id", 0, 0, G_OPTION_ARG_STRING, &options->app_id, "Name of the app [empty]",
                  "ID" },
                { "instance-id", 0, 0, G_OPTION_ARG_STRING, &options->instance_id,
                  "Name of this instance of it [the pid of dbus-container]", "ID" },
                { "allow", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->rules,
                  "Add a rule; may be repeated", "RULE" },
                { "allow-file", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->rule_files,
                  "Add the rules in a file, one a line", "FILE" },
                { "group", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->groups,
                  "Add a group of rules from the bus's configuration", "NAME" },
                { "max-connections", 0, 0, G_OPTION_ARG_INT, &options->max_connections,
                  "Allow fewer connections than the bus does", "N" },
                { "permissive", 0, 0, G_OPTION_ARG_NONE, &options->permissive,
                  "Report what the rules do not allow instead of denying it", NULL },
                { "no-stop", 0, 0, G_OPTION_ARG_NONE, &options->no_stop,
                  "Leave connections open that outlive COMMAND", NULL },
                { "sandbox", 0, 0, G_OPTION_ARG_NONE, &options->sandbox,
                  "Run COMMAND under bubblewrap, where it can reach no other bus", NULL },
                { "expose", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->expose,
                  "Show a file or directory in the sandbox, read-only", "PATH" },
                G_OPTION_ENTRY_NULL,
        };

        g_option_context_set_summary(context,
                                     "Runs a program as a contained client of a message bus.");
        g_option_context_set_description(context, description);
        g_option_context_set_strict_posix(context, TRUE);
        g_option_context_add_main_entries(context, entries, NULL);
        bus_options_add(&options->bus, context);
        return g_option_context_parse_strv(context, argv, error);
}

static gboolean check_run_options(RunOptions *options, char **command, GError **error) {
        if (!command[0]) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "expected a COMMAND to run");
                return FALSE;
        }
        if (options->max_connections < 0) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "--max-connections %d: expected a number from 1",
                            options->max_connections);
                return FALSE;
        }
        if (options->expose && !options->sandbox) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "--expose needs --sandbox");
                return FALSE;
        }

        if (!options->type)
                options->type = g_strdup(DEFAULT_TYPE);
        if (!g_dbus_is_interface_name(options->type)) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "--type '%s': expected a reversed DNS name such as org.example.Sandbox",
                            options->type);
                return FALSE;
        }
        if (!options->instance_id)
                options->instance_id = g_strdup_printf("%d", (int)getpid());
        return TRUE;
}

static GVariant *named_arguments(const RunOptions *options, GVariant *rules) {
        g_auto(GVariantDict) named = G_VARIANT_DICT_INIT(NULL);

        g_variant_dict_insert_value(&named, "Allow", rules);
        g_variant_dict_insert(&named, "ListenSocket", "h", 0);
        if (options->groups)
                g_variant_dict_insert_value(
                        &named, "Groups",
                        g_variant_new_strv((const char *const *)options->groups, -1));
        if (options->max_connections > 0)
                g_variant_dict_insert(&named, "MaxConnections", "u",
                                      (guint32)options->max_connections);
        if (options->permissive)
                g_variant_dict_insert(&named, "Permissive", "b", TRUE);
        if (!options->no_stop)
                g_variant_dict_insert(&named, "DisconnectOnStop", "b", TRUE);
        return g_variant_dict_end(&named);
}

/* Returns the server's object path. The bus gets a duplicate of the socket, ours is closed. */
static char *add_server(const RunOptions *options, GDBusConnection *connection, GVariant *rules,
                        ListenSocket *listen_socket, GError **error) {
        g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&listen_socket->fd, 1);
        g_autoptr(GVariant) named = g_variant_ref_sink(named_arguments(options, rules));
        g_autoptr(GVariant) reply = NULL;
        GVariant *arguments;
        char *path;

        listen_socket->fd = -1;
        arguments = g_variant_new("(sss@a{sv}@a{sv})", options->type,
                                  options->app_id ? options->app_id : "", options->instance_id,
                                  g_variant_new("a{sv}", NULL), named);
        reply = bus_client_call(connection, "AddServer", arguments, "(oa{sv})", fds, error);
        if (!reply)
                return NULL;

        g_variant_get(reply, "(o@a{sv})", &path, NULL);
        return path;
}

static void end_server(const RunOptions *options, GDBusConnection *connection, const char *path) {
        const char *member = options->no_stop ? "StopListening" : "StopServer";
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = NULL;

        if (g_dbus_connection_is_closed(connection))
                return;

        reply = bus_client_call(connection, member, g_variant_new("(o)", path), "()", NULL, &error);
        if (!reply && !bus_client_error_is(error, ERROR_NOT_CONTAINER) &&
            !g_dbus_connection_is_closed(connection)) {
                g_autofree char *text = bus_client_error_text(error);

                g_printerr("dbus-container: %s: %s\n", member, text);
        }
}

static GStrv command_environment(const RunOptions *options, const char *socket_path) {
        g_autofree char *inside =
                options->sandbox ? sandbox_socket_path(options->bus.system) : g_strdup(socket_path);
        g_autofree char *address = listen_socket_address(inside);
        GStrv environment = g_get_environ();

        environment = g_environ_unsetenv(environment, "DBUS_STARTER_ADDRESS");
        environment = g_environ_unsetenv(environment, "DBUS_STARTER_BUS_TYPE");
        return g_environ_setenv(environment, bus_options_get_variable(&options->bus), address,
                                TRUE);
}

static int run_sandboxed(const RunOptions *options, ChildOptions *child, const char *socket_path,
                         GError **error) {
        SandboxOptions sandbox = { .socket_path = socket_path,
                                   .system = options->bus.system,
                                   .expose = (const char *const *)options->expose };
        g_auto(GStrv) argv = NULL;
        int status_pipe[2], status;

        if (!g_unix_open_pipe(status_pipe, FD_CLOEXEC, error))
                return CHILD_EXIT_FAILED;
        (void)g_unix_set_fd_nonblocking(status_pipe[0], TRUE, NULL);

        sandbox.status_fd = child->keep_fd = status_pipe[1];
        child->find_target = sandbox_find_command;
        argv = sandbox_argv(&sandbox, child->argv, error);
        child->argv = (const char *const *)argv;
        status = argv ? child_run(child, error) : CHILD_EXIT_FAILED;
        if (argv && status >= CHILD_EXIT_NOT_RUNNABLE && status <= CHILD_EXIT_NOT_FOUND && *error) {
                g_prefix_error(error, "--sandbox needs bubblewrap: ");
                status = CHILD_EXIT_FAILED;
        } else if (argv && status < CHILD_EXIT_SIGNAL && !sandbox_has_run(status_pipe[0])) {
                g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                            "bubblewrap could not make the sandbox");
                status = CHILD_EXIT_FAILED;
        }

        close(status_pipe[0]);
        close(status_pipe[1]);
        return status;
}

static int run_command(const RunOptions *options, char **command, const char *socket_path,
                       GError **error) {
        g_auto(GStrv) environment = command_environment(options, socket_path);
        ChildOptions child = { .argv = (const char *const *)command,
                               .keep_fd = -1,
                               .environment = (const char *const *)environment };

        if (options->sandbox)
                return run_sandboxed(options, &child, socket_path, error);
        return child_run(&child, error);
}

static void remove_socket(const void *data) {
        listen_socket_remove(data);
}

static int run_contained(RunOptions *options, char **command, GError **error) {
        g_autoptr(GDBusConnection) connection = NULL;
        g_auto(ListenSocket) listen_socket = LISTEN_SOCKET_INIT;
        g_autoptr(GVariant) rules = NULL;
        g_autofree char *path = NULL;
        int status;

        rules = rule_arguments_parse((const char *const *)options->rules,
                                     (const char *const *)options->rule_files, error);
        if (!rules)
                return CHILD_EXIT_FAILED;
        g_variant_ref_sink(rules);

        connection = bus_client_connect(&options->bus, error);
        if (!connection || !listen_socket_open(&listen_socket, error))
                return CHILD_EXIT_FAILED;

        child_catch_signals(remove_socket, &listen_socket);
        path = add_server(options, connection, rules, &listen_socket, error);
        if (!path) {
                g_autofree char *text = bus_client_error_text(*error);

                g_clear_error(error);
                g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                            "the bus did not add the container: %s", text);
                return CHILD_EXIT_FAILED;
        }

        status = run_command(options, command, listen_socket.path, error);
        end_server(options, connection, path);
        return status;
}

int command_run(char **argv) {
        g_auto(RunOptions) options = {};
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) arguments = g_strdupv(argv);
        char **command;
        int status = CHILD_EXIT_FAILED;

        if (parse_run_options(&options, &arguments, &error)) {
                command = arguments + 1;
                if (command[0] && g_str_equal(command[0], "--"))
                        command++;
                if (check_run_options(&options, command, &error))
                        status = run_contained(&options, command, &error);
        }

        if (error)
                g_printerr("dbus-container: %s\n", error->message);
        return status;
}
