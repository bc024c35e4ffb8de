/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of dbus-container. Each gets its own arguments, argv[0] being its name, says
 * itself on standard error what went wrong, and returns the exit status of the program.
 */
#pragma once

enum {
        COMMAND_FAILED = 1, /* list and show: the bus could not be asked, or refused */
        COMMAND_USAGE = 2,  /* wrong arguments; run has 125 for both, see tools/child.h */
};

/** command_run() - runs a program as a contained client */
int command_run(char **argv);

/** command_list() - prints the container servers of a bus as a table */
int command_list(char **argv);

/** command_show() - prints all about servers or connections */
int command_show(char **argv);
