/* SPDX-License-Identifier: MIT */
/* A bus of its own for a test in C, as harness.py has one for tests in Python. */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRIVATE_BUS_CONFIG                                                                         \
        "<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"    \
        "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>"           \
        "<allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>\n"

typedef struct PrivateBus {
        char *directory; /* owned */
        char *address;   /* owned */
        GPid pid;
} PrivateBus;

/* DBUS_CONDUCTOR, or the one that was built. */
static inline char *private_bus_find_program(void) {
        const char *program = g_getenv("DBUS_CONDUCTOR"), *folder = g_getenv("BUILD_DIR");

        if (program)
                return g_strdup(program);
        return g_build_filename(folder ? folder : ".", "dbus-conductor", NULL);
}

static inline char *private_bus_read_line(int fd) {
        g_autoptr(GString) line = g_string_new(NULL);
        char byte;

        while (read(fd, &byte, 1) == 1 && byte != '\n')
                g_string_append_c(line, byte);
        return g_string_free(g_steal_pointer(&line), FALSE);
}

static inline void private_bus_start(PrivateBus *bus) {
        g_autofree char *program = private_bus_find_program();
        g_autoptr(GError) error = NULL;
        int output;

        bus->directory = g_dir_make_tmp("conductor-XXXXXX", &error);
        g_assert_no_error(error);
        g_autofree char *file = g_build_filename(bus->directory, "bus.conf", NULL);
        g_autofree char *text = g_strdup_printf(PRIVATE_BUS_CONFIG, bus->directory);
        g_autofree char *option = g_strconcat("--config-file=", file, NULL);
        const char *command[] = { program, option, "--nofork", "--nopidfile", "--print-address=1",
                                  NULL };

        g_assert_true(g_file_set_contents(file, text, -1, &error));
        g_spawn_async_with_pipes(NULL, (char **)command, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                                 NULL, &bus->pid, NULL, &output, NULL, &error);
        g_assert_no_error(error);
        bus->address = private_bus_read_line(output);
        close(output);
        g_assert_cmpstr(bus->address, !=, "");
}

/* It must have gone on until now, end well and leave no socket. */
static inline void private_bus_stop(PrivateBus *bus) {
        g_autofree char *file = g_build_filename(bus->directory, "bus.conf", NULL);
        int status = -1;

        g_assert_cmpint(kill(bus->pid, SIGTERM), ==, 0);
        g_assert_cmpint(waitpid(bus->pid, &status, 0), ==, bus->pid);
        g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        g_unlink(file);
        g_assert_cmpint(g_rmdir(bus->directory), ==, 0);
        g_free(bus->directory);
        g_free(bus->address);
}
