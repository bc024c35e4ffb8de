/* SPDX-License-Identifier: MIT */
/*
 * What keeps other buses out of reach:
 *
 *   sockets in the file system   only system directories are shown, read-only, none of which holds
 *                                sockets; /tmp, /run, home directories are new and empty
 *   abstract sockets             a network namespace of its own
 *   /proc/PID/root of others     a process namespace of its own, with a new /proc
 *   the shell we came from       a filter, see tools/sandbox-filter.c
 *
 * The container's socket is put where programs look for a bus without being told:
 * $XDG_RUNTIME_DIR/bus, or /run/dbus/system_bus_socket. The command is started by a shell, because
 * bubblewrap does not tell "not found" from other failures, and a shell does, in its exit status.
 */
#include "tools/sandbox.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM_BUS_SOCKET "/run/dbus/system_bus_socket"

/* Shown if they exist; with a merged /usr some are links into it. */
static const char *const system_directories[] = {
        "/usr",    "/bin", "/sbin", "/lib", "/lib32", "/lib64",
        "/libx32", "/etc", "/opt",  "/gnu", "/nix",
};

/* clang-format off */
static const char *const fixed_arguments[] = {
        "bwrap", "--die-with-parent", "--unshare-net", "--unshare-pid", "--unshare-ipc",
        "--dev", "/dev",
        "--proc", "/proc",
        "--tmpfs", "/tmp",
        "--tmpfs", "/run",
        "--dir", "/var",
        "--tmpfs", "/var/tmp",
        "--symlink", "/run", "/var/run",
};
/* clang-format on */

/* NULL-terminated builder of strings */
typedef struct Arguments {
        GPtrArray *strings; /* owned */
} Arguments;

static void arguments_add(Arguments *arguments, const char *first, ...) G_GNUC_NULL_TERMINATED;

static void arguments_add(Arguments *arguments, const char *first, ...) {
        va_list list;

        va_start(list, first);
        for (const char *next = first; next; next = va_arg(list, const char *))
                g_ptr_array_add(arguments->strings, g_strdup(next));
        va_end(list);
}

static char *runtime_directory(void) {
        return g_strdup_printf("/run/user/%u", (unsigned)getuid());
}

char *sandbox_socket_path(BusKind bus) {
        g_autofree char *runtime = runtime_directory();

        return bus == BUS_SYSTEM ? g_strdup(SYSTEM_BUS_SOCKET)
                                 : g_build_filename(runtime, "bus", NULL);
}

static void add_system_directory(Arguments *arguments, const char *path) {
        g_autofree char *link = g_file_read_link(path, NULL);

        if (link)
                arguments_add(arguments, "--symlink", link, path, NULL);
        else if (g_file_test(path, G_FILE_TEST_IS_DIR))
                arguments_add(arguments, "--ro-bind", path, path, NULL);
}

static void add_places(Arguments *arguments, const SandboxOptions *options) {
        g_autofree char *runtime = runtime_directory();
        const char *home = g_get_home_dir();

        for (size_t i = 0; i < G_N_ELEMENTS(fixed_arguments); i++)
                arguments_add(arguments, fixed_arguments[i], NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(system_directories); i++)
                add_system_directory(arguments, system_directories[i]);

        if (g_path_is_absolute(home) && !g_str_equal(home, "/"))
                arguments_add(arguments, "--dir", home, NULL);
        arguments_add(arguments, "--perms", "0700", "--dir", runtime, "--setenv", "XDG_RUNTIME_DIR",
                      runtime, NULL);
        for (size_t i = 0; i < N_BUSES; i++) {
                g_autofree char *inside = sandbox_socket_path((BusKind)i);

                if (options->socket_paths[i])
                        arguments_add(arguments, "--bind", options->socket_paths[i], inside, NULL);
        }
}

static gboolean add_exposed(Arguments *arguments, const char *const *paths, GError **error) {
        for (; paths && *paths; paths++) {
                if (!g_path_is_absolute(*paths)) {
                        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                                    "--expose '%s': expected an absolute path", *paths);
                        return FALSE;
                }
                arguments_add(arguments, "--ro-bind", *paths, *paths, NULL);
        }
        return TRUE;
}

GStrv sandbox_argv(const SandboxOptions *options, const char *const *command, GError **error) {
        g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
        Arguments arguments = { .strings = strings };
        g_autofree char *status = g_strdup_printf("%d", options->status_fd);
        g_autofree char *filter = g_strdup_printf("%d", options->filter_fd);

        add_places(&arguments, options);
        if (!add_exposed(&arguments, options->expose, error))
                return NULL;

        /* bubblewrap lets root keep them, and with them mount whatever has another bus in it */
        if (geteuid() == 0)
                arguments_add(&arguments, "--cap-drop", "ALL", NULL);
        arguments_add(&arguments, "--json-status-fd", status, "--seccomp", filter, "--", "/bin/sh",
                      "-c", "exec \"$@\"", "sh", NULL);
        for (; *command; command++)
                arguments_add(&arguments, *command, NULL);

        g_ptr_array_add(strings, NULL);
        return (GStrv)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
}

static pid_t first_child(pid_t pid) {
        g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", (int)pid, (int)pid);
        g_autofree char *children = NULL;

        if (!g_file_get_contents(path, &children, NULL, NULL))
                return 0;
        return (pid_t)g_ascii_strtoll(children, NULL, 10);
}

/*
 * bubblewrap forks twice: the first process is the init of the process namespace, its child the
 * command.
 */
pid_t sandbox_find_command(pid_t outer) {
        pid_t init = first_child(outer);

        return init > 0 ? first_child(init) : 0;
}

gboolean sandbox_has_run(int status_fd) {
        char text[4096];
        size_t length = 0;
        ssize_t n;

        while ((n = read(status_fd, text + length, sizeof text - 1 - length)) > 0)
                length += (size_t)n;
        text[length] = '\0';
        return strstr(text, "\"exit-code\"") != NULL;
}
