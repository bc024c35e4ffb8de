/* SPDX-License-Identifier: MIT */
/*
 * dbus-container run: a program in a container of its own, from the command line to the exit
 * status.
 */
#include "tools/child.h"
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/contained-run.h"

static const char description[] =
        "Rules are 'talk NAME', 'see NAME', 'call NAME [INTERFACE[.MEMBER]] [@PATH] [fds]', the\n"
        "same with receive, and 'own NAME'; NAME.* and @PATH/* cover what is below, too. Without\n"
        "rules the program can talk to the bus itself and to others in its container, and to\n"
        "nobody else.\n"
        "\n"
        "The exit status is that of COMMAND, 128 plus the signal that ended it, 125 if\n"
        "dbus-container failed, 126 if COMMAND could not be started and 127 if it was not found.\n";

static char **parse_run_options(RunOptions *options, char ***argv, GError **error) {
        g_autoptr(GOptionContext) context = g_option_context_new("[--] COMMAND [ARGUMENT...]");
        GOptionEntry entries[] = {
                { "permissive", 0, 0, G_OPTION_ARG_NONE, &options->permissive,
                  "Report what the rules do not allow instead of denying it", NULL },
                G_OPTION_ENTRY_NULL,
        };

        g_option_context_set_summary(context,
                                     "Runs a program as a contained client of a message bus.");
        g_option_context_set_description(context, description);
        g_option_context_add_main_entries(context, entries, NULL);
        run_options_add(options, context);
        if (!g_option_context_parse_strv(context, argv, error))
                return NULL;
        return run_options_find_command(options, *argv, error);
}

static int run_contained(const RunOptions *options, char **command, GError **error) {
        g_auto(ContainedRun) run = { 0 };
        int status;

        if (!contained_run_prepare(&run, options, error) || !contained_run_add(&run, error))
                return CHILD_EXIT_FAILED;
        status = contained_run_command(&run, command, error);
        contained_run_end(&run);
        return status;
}

int command_run(char **argv) {
        g_auto(RunOptions) options = { 0 };
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) arguments = g_strdupv(argv);
        char **command = parse_run_options(&options, &arguments, &error);
        int status = command ? run_contained(&options, command, &error) : CHILD_EXIT_FAILED;

        if (error)
                command_tell(error->message);
        return status;
}
