/* SPDX-License-Identifier: MIT */
/*
 * Error names, also those of the launch helper's exit codes, are the reference implementation's;
 * texts are our own.
 */
#include "bus/service-command.h"

#include "wire/protocol.h"

#include <string.h>

/* Variables that speak of the bus as a service, not of what it starts. */
static const char *const own_variables[] = { "LISTEN_FDNAMES", "LISTEN_FDS",   "LISTEN_PID",
                                             "NOTIFY_SOCKET",  "WATCHDOG_PID", "WATCHDOG_USEC" };

/* Exit codes of dbus-daemon-launch-helper. */
typedef struct HelperExit {
        int code;
        const char *error_name;
        const char *text;
} HelperExit;

static const HelperExit helper_exits[] = {
        { 2, ERROR_NO_MEMORY, "it ran out of memory" },
        { 3, ERROR_SPAWN_CONFIG_INVALID, "the configuration of the system bus is not valid" },
        { 4, ERROR_SPAWN_SETUP_FAILED, "it could not prepare the environment" },
        { 5, ERROR_SPAWN_SERVICE_INVALID, "it was given no valid name" },
        { 6, ERROR_SPAWN_SERVICE_NOT_FOUND, "it found no service file for the name" },
        { 7, ERROR_SPAWN_PERMISSIONS_INVALID,
          "the helper is not installed with the permissions that it needs" },
        { 8, ERROR_SPAWN_PERMISSIONS_INVALID, "the service file is not valid, or lacks a key" },
        { 9, ERROR_SPAWN_EXEC_FAILED, "the program could not be executed" },
        { 10, ERROR_INVALID_ARGS, "it was called with wrong arguments" },
        { 11, ERROR_SPAWN_CHILD_SIGNALED, "the program was ended by a signal" },
};

void service_error_clear(ServiceError *error) {
        g_clear_pointer(&error->text, g_free);
}

static void set_error(ServiceError *ret_error, const char *name, const char *format, ...)
        G_GNUC_PRINTF(3, 4);

static void set_error(ServiceError *ret_error, const char *name, const char *format, ...) {
        va_list args;

        va_start(args, format);
        *ret_error = (ServiceError){ .name = name, .text = g_strdup_vprintf(format, args) };
        va_end(args);
}

/* --- command --- */

static char **parse_command(const char *text, GError **error) {
        g_autoptr(GError) cause = NULL;
        char **arguments = NULL;

        if (g_shell_parse_argv(text, NULL, &arguments, &cause))
                return arguments;
        if (g_error_matches(cause, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING)) {
                const char *nothing[] = { "", NULL };

                /* fails to execute, and is reported so */
                return g_strdupv((char **)nothing);
        }
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
}

static char **helper_command(const ServiceFile *file, const char *helper, ServiceError *ret_error) {
        const char *command[] = { helper, file->name, NULL };

        if (file->user)
                return g_strdupv((char **)command);
        set_error(ret_error, ERROR_SPAWN_FILE_INVALID,
                  "The service file of %s has no key User, which the system bus needs", file->name);
        return NULL;
}

char **service_command_new(const ServiceFile *file, const char *helper, ServiceError *ret_error) {
        g_autoptr(GError) error = NULL;
        char **command;

        if (helper)
                return helper_command(file, helper, ret_error);
        command = parse_command(file->exec, &error);
        if (!command)
                set_error(ret_error, ERROR_INVALID_ARGS,
                          "Exec in the service file of %s is no valid command line: %s", file->name,
                          error->message);
        return command;
}

/* --- environment --- */

static char **apply_updates(char **environment, GHashTable *updates) {
        GHashTableIter iter;
        void *name, *value;

        if (!updates)
                return environment;
        g_hash_table_iter_init(&iter, updates);
        while (g_hash_table_iter_next(&iter, &name, &value))
                environment = value ? g_environ_setenv(environment, name, value, TRUE)
                                    : g_environ_unsetenv(environment, name);
        return environment;
}

char **service_environment_new(const Bus *bus) {
        const char *type = bus->config->type;
        char **environment = g_get_environ();

        for (size_t i = 0; i < G_N_ELEMENTS(own_variables); i++)
                environment = g_environ_unsetenv(environment, own_variables[i]);
        environment = apply_updates(environment, bus->environment);
        if (bus->address)
                environment =
                        g_environ_setenv(environment, "DBUS_STARTER_ADDRESS", bus->address, TRUE);
        if (!type || !bus->address)
                return environment;
        environment = g_environ_setenv(environment, "DBUS_STARTER_BUS_TYPE", type, TRUE);
        if (strcmp(type, "session") == 0)
                environment = g_environ_setenv(environment, "DBUS_SESSION_BUS_ADDRESS",
                                               bus->address, TRUE);
        if (strcmp(type, "system") == 0)
                environment = g_environ_setenv(environment, "DBUS_SYSTEM_BUS_ADDRESS", bus->address,
                                               TRUE);
        return environment;
}

/* --- end --- */

static void set_helper_error(const char *name, int code, ServiceError *ret_error) {
        for (size_t i = 0; i < G_N_ELEMENTS(helper_exits); i++)
                if (helper_exits[i].code == code) {
                        set_error(ret_error, helper_exits[i].error_name,
                                  "The launch helper could not start %s: %s", name,
                                  helper_exits[i].text);
                        return;
                }
        set_error(ret_error, ERROR_SPAWN_CHILD_EXITED,
                  "The launch helper could not start %s: it exited with status %d", name, code);
}

bool service_end_is_failure(const char *name, const SpawnResult *result, bool helper,
                            ServiceError *ret_error) {
        switch (result->end) {
        case SPAWN_EXITED:
                if (result->code == 0)
                        return false;
                if (helper)
                        set_helper_error(name, result->code, ret_error);
                else
                        set_error(
                                ret_error, ERROR_SPAWN_CHILD_EXITED,
                                "The process for %s exited with status %d before it owned the name",
                                name, result->code);
                return true;
        case SPAWN_SIGNALED:
                set_error(ret_error, ERROR_SPAWN_CHILD_SIGNALED,
                          "The process for %s was ended by signal %d before it owned the name",
                          name, result->code);
                return true;
        case SPAWN_EXEC_FAILED:
                set_error(ret_error, ERROR_SPAWN_EXEC_FAILED,
                          "The program for %s could not be executed: %s", name,
                          g_strerror(result->code));
                return true;
        case SPAWN_SETUP_FAILED:
                set_error(ret_error, ERROR_SPAWN_SETUP_FAILED,
                          "The process for %s could not be set up: %s", name,
                          g_strerror(result->code));
                return true;
        }
        g_assert_not_reached();
}
