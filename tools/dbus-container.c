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
        const char *arguments, *summary;
} Command;

static const Command commands[] = {
        { "run", command_run, "[OPTION...] [--] COMMAND [ARGUMENT...]",
          "run a program as a contained client" },
        { "list", command_list, "[OPTION...]", "print the container servers of a bus" },
        { "show", command_show, "[OPTION...] CONTAINER...", "print all about a container" },
        { "rules", command_rules, "[OPTION...] [CONTAINER]",
          "print the rules of a container, or what an app's description allows" },
        { "explain", command_explain, "[OPTION...] [CONTAINER] QUESTION...",
          "say whether something is allowed, by whom, and what would be needed" },
        { "learn", command_learn, "[OPTION...] [--] COMMAND [ARGUMENT...]",
          "run a program and print the rules that it needs" },
        { "denials", command_denials, "[OPTION...] [CONTAINER]",
          "print what containers were denied" },
        { "monitor", command_monitor, "[OPTION...] [CONTAINER]",
          "print the messages of containers, and what became of them" },
        { "top", command_top, "[OPTION...]", "show containers by traffic" },
        { "graph", command_graph, "[OPTION...]", "draw who may reach whom" },
        { "stop", command_stop, "[OPTION...] CONTAINER...", "end a container" },
};

static void print_help(void) {
        g_print("Usage:\n");
        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
                g_print("  dbus-container %s %s\n", commands[i].name, commands[i].arguments);
        g_print("\n"
                "Commands:\n");
        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
                g_print("  %-8s %s\n", commands[i].name, commands[i].summary);
        g_print("\n"
                "dbus-container COMMAND --help tells the options of each.\n");
}

/* "run, list, ... or stop"; newly allocated */
static char *command_names(void) {
        GString *names = g_string_new(NULL);

        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
                if (i > 0)
                        g_string_append(names, i + 1 < G_N_ELEMENTS(commands) ? ", " : " or ");
                g_string_append(names, commands[i].name);
        }
        return g_string_free(names, FALSE);
}

static int fail(const char *given) {
        g_autofree char *names = command_names();

        if (given)
                g_printerr("dbus-container: '%s' is no command; expected %s\n", given, names);
        else
                g_printerr("dbus-container: expected a command: %s; see dbus-container --help\n",
                           names);
        return CHILD_EXIT_FAILED;
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

        return fail(argc >= 2 ? argv[1] : NULL);
}
