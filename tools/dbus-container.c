/* SPDX-License-Identifier: MIT */
/*
 * dbus-container: runs programs as contained clients of a message bus, and shows the containers of
 * one.
 */
#include "config.h"

#include "tools/child.h"
#include "tools/commands.h"

#include <glib.h>
#include <locale.h>
#include <string.h>

typedef struct Command {
        const char *name;
        int (*run)(char **argv);
        const char *summary;
} Command;

static const Command commands[] = {
        { "run", command_run, "run a program as a contained client" },
        { "list", command_list, "print the container servers of a bus" },
        { "show", command_show, "print all about a server, or the server of a connection" },
};

static void print_help(void) {
        g_print("Usage:\n"
                "  dbus-container run [OPTION...] [--] COMMAND [ARGUMENT...]\n"
                "  dbus-container list [OPTION...]\n"
                "  dbus-container show [OPTION...] PATH|BUSNAME...\n"
                "\n"
                "Commands:\n");
        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
                g_print("  %-6s %s\n", commands[i].name, commands[i].summary);
        g_print("\n"
                "dbus-container COMMAND --help tells the options of each.\n");
}

int main(int argc, char *argv[]) {
        setlocale(LC_ALL, "");
        g_set_prgname("dbus-container");

        if (argc >= 2 && (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h"))) {
                print_help();
                return 0;
        }
        if (argc >= 2 && g_str_equal(argv[1], "--version")) {
                g_print("dbus-container (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
                return 0;
        }

        for (size_t i = 0; argc >= 2 && i < G_N_ELEMENTS(commands); i++)
                if (g_str_equal(argv[1], commands[i].name)) {
                        g_autofree char *name = g_strconcat("dbus-container ", argv[1], NULL);

                        g_set_prgname(name);
                        return commands[i].run(argv + 1);
                }

        if (argc >= 2)
                g_printerr("dbus-container: '%s' is no command; expected run, list or show\n",
                           argv[1]);
        else
                g_printerr("dbus-container: expected a command: run, list or show; see "
                           "dbus-container --help\n");
        return CHILD_EXIT_FAILED;
}
