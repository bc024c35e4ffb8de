/* SPDX-License-Identifier: MIT */
/*
 * Sockets, container servers that accept on them, a program that finds no other bus. What a
 * description of an app says about who it is holds unless an option says otherwise.
 */
#include "tools/contained-run.h"

#include "tools/child.h"
#include "tools/sandbox-filter.h"
#include "tools/sandbox.h"

#include <glib-unix.h>
#include <unistd.h>

/* Nobody can own this name on the internet, so it collides with no sandbox technology. */
#define DEFAULT_TYPE "local.dbus.Container"

void run_options_add(RunOptions *options, GOptionContext *context) {
        GOptionEntry entries[] = {
                { "type", 0, 0, G_OPTION_ARG_STRING, &options->type,
                  "Reversed-DNS name of the sandbox technology [" DEFAULT_TYPE "]", "TYPE" },
                { "app-id", 0, 0, G_OPTION_ARG_STRING, &options->app_id,
                  "Name of the app [what its description says, or empty]", "ID" },
                { "instance-id", 0, 0, G_OPTION_ARG_STRING, &options->instance_id,
                  "Name of this instance of it [the pid of dbus-container]", "ID" },
                { "group", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->groups,
                  "Add a group of rules from the bus's configuration", "NAME" },
                { "max-connections", 0, 0, G_OPTION_ARG_INT, &options->max_connections,
                  "Allow fewer connections than the bus does", "N" },
                { "no-stop", 0, 0, G_OPTION_ARG_NONE, &options->no_stop,
                  "Leave connections open that outlive COMMAND", NULL },
                { "sandbox", 0, 0, G_OPTION_ARG_NONE, &options->sandbox,
                  "Run COMMAND under bubblewrap, where it can reach no other bus", NULL },
                { "expose", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->expose,
                  "Show a file or directory in the sandbox, read-only", "PATH" },
                G_OPTION_ENTRY_NULL,
        };

        g_option_context_set_strict_posix(context, TRUE);
        g_option_context_add_main_entries(context, entries, NULL);
        access_options_add(&options->access, context);
        bus_options_add(&options->bus, context);
        bus_options_add_both(&options->bus, context);
}

void run_options_clear(RunOptions *options) {
        bus_options_clear(&options->bus);
        access_options_clear(&options->access);
        g_clear_pointer(&options->type, g_free);
        g_clear_pointer(&options->app_id, g_free);
        g_clear_pointer(&options->instance_id, g_free);
        g_clear_pointer(&options->groups, g_strfreev);
        g_clear_pointer(&options->expose, g_strfreev);
}

static bool check_options(const RunOptions *options, GError **error) {
        if (options->max_connections < 0) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "--max-connections %d: expected a number from 1",
                            options->max_connections);
                return false;
        }
        if (options->expose && !options->sandbox) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "--expose needs --sandbox");
                return false;
        }
        if (options->type && !g_dbus_is_interface_name(options->type)) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "--type '%s': expected a reversed DNS name such as org.example.Sandbox",
                            options->type);
                return false;
        }
        return bus_options_check(&options->bus, error);
}

char **run_options_find_command(const RunOptions *options, char **arguments, GError **error) {
        char **command = arguments + 1;

        if (command[0] && g_str_equal(command[0], "--"))
                command++;
        if (!command[0]) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "expected a COMMAND to run");
                return NULL;
        }
        return check_options(options, error) ? command : NULL;
}

/* Shared with the signal handler: only system calls. */
static void remove_sockets(const void *data) {
        const ContainedRun *run = data;

        for (size_t i = 0; i < N_BUSES; i++)
                listen_socket_remove(&run->containers[i].socket);
}

/* The first of two that was given, or else @fallback. */
static const char *choose(const char *first, const char *second, const char *fallback) {
        if (first)
                return first;
        return second ? second : fallback;
}

bool contained_run_prepare(ContainedRun *run, const RunOptions *options, GError **error) {
        run->options = options;
        for (size_t i = 0; i < N_BUSES; i++)
                run->containers[i] = (Container)CONTAINER_INIT;
        app_access_init(&run->access);
        if (!access_options_load(&options->access, &run->access, error))
                return false;

        run->instance_id = options->instance_id ? g_strdup(options->instance_id)
                                                : g_strdup_printf("%d", (int)getpid());
        run->settings = (ContainerSettings){
                .type = choose(options->type, run->access.type, DEFAULT_TYPE),
                .app_id = choose(options->app_id, run->access.app_id, ""),
                .instance_id = run->instance_id,
                .groups = (const char *const *)options->groups,
                .max_connections = options->max_connections,
                .permissive = options->permissive,
                .keep_connections = options->no_stop,
        };
        for (size_t i = 0; i < N_BUSES; i++)
                if (bus_options_has(&options->bus, (BusKind)i) &&
                    !container_open(&run->containers[run->n_containers++], &options->bus,
                                    (BusKind)i, error))
                        return false;
        child_catch_signals(remove_sockets, run);
        return true;
}

bool contained_run_add(ContainedRun *run, GError **error) {
        for (unsigned i = 0; i < run->n_containers; i++) {
                Container *container = &run->containers[i];

                if (!container_add(container, &run->settings, run->access.rules[container->bus],
                                   error))
                        return false;
        }
        return true;
}

static GStrv command_environment(const ContainedRun *run) {
        GStrv environment = g_get_environ();

        environment = g_environ_unsetenv(environment, "DBUS_STARTER_ADDRESS");
        environment = g_environ_unsetenv(environment, "DBUS_STARTER_BUS_TYPE");
        for (unsigned i = 0; i < run->n_containers; i++) {
                const Container *container = &run->containers[i];
                g_autofree char *path = run->options->sandbox ? sandbox_socket_path(container->bus)
                                                              : g_strdup(container->socket.path);
                g_autofree char *address = listen_socket_address(path);

                environment = g_environ_setenv(environment, bus_kind_get_variable(container->bus),
                                               address, TRUE);
        }
        return environment;
}

static int run_filtered(const ContainedRun *run, ChildOptions *child, int filter_fd,
                        GError **error) {
        SandboxOptions sandbox = { .expose = (const char *const *)run->options->expose,
                                   .filter_fd = filter_fd };
        g_auto(GStrv) argv = NULL;
        int status_pipe[2], status;

        if (!g_unix_open_pipe(status_pipe, FD_CLOEXEC, error))
                return CHILD_EXIT_FAILED;
        (void)g_unix_set_fd_nonblocking(status_pipe[0], TRUE, NULL);

        for (unsigned i = 0; i < run->n_containers; i++)
                sandbox.socket_paths[run->containers[i].bus] = run->containers[i].socket.path;
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

static int run_sandboxed(const ContainedRun *run, ChildOptions *child, GError **error) {
        int filter_fd = sandbox_filter_open(error);
        int status;

        if (filter_fd < 0)
                return CHILD_EXIT_FAILED;
        status = run_filtered(run, child, filter_fd, error);
        close(filter_fd);
        return status;
}

int contained_run_command(ContainedRun *run, char **command, GError **error) {
        g_auto(GStrv) environment = command_environment(run);
        ChildOptions child = { .argv = (const char *const *)command,
                               .keep_fd = -1,
                               .environment = (const char *const *)environment };

        if (run->options->sandbox)
                return run_sandboxed(run, &child, error);
        return child_run(&child, error);
}

void contained_run_end(ContainedRun *run) {
        for (unsigned i = 0; i < run->n_containers; i++)
                container_end(&run->containers[i], &run->settings);
}

void contained_run_clear(ContainedRun *run) {
        for (unsigned i = 0; i < run->n_containers; i++)
                container_clear(&run->containers[i]);
        run->n_containers = 0;
        app_access_clear(&run->access);
        g_clear_pointer(&run->instance_id, g_free);
}
