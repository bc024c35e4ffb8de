/* SPDX-License-Identifier: MIT */
/*
 * What subcommands that ask a bus have in common: options, errors, exit statuses.
 */
#pragma once

#include "tools/bus-client.h"

/* Exit statuses; run and learn have those of tools/child.h. */
enum {
        COMMAND_FAILED = 1, /* the bus could not be asked, or refused */
        COMMAND_USAGE = 2,  /* wrong arguments */
};

/** command_tell() - one line about something that is wrong; @what may hold anything */
void command_tell(const char *what);

/** command_fail() - tells @error, about @what unless that is empty; returns COMMAND_FAILED */
int command_fail(const char *what, const GError *error);

/** command_fail_about() - the same for @what as typed; COMMAND_USAGE when it could be nothing */
int command_fail_about(const char *what, const GError *error);

/** command_usage() - tells what is wrong with the arguments; returns COMMAND_USAGE */
int command_usage(const char *format, ...) G_GNUC_PRINTF(1, 2);

/**
 * command_parse() - reads the options of @context, those of the bus included
 * @options: zeroed; bus_options_clear() is called whatever comes of it
 * @argv:    in: all arguments; out: the name of the command and what is no option
 *
 * Return: 0, or the exit status, after the message has been printed.
 */
int command_parse(GOptionContext *context, BusOptions *options, char ***argv);

/** command_open() - the same, and connects to the bus; NULL with *@ret_status set */
GDBusConnection *command_open(GOptionContext *context, char ***argv, int *ret_status);

/**
 * command_loop_new() - a main loop that ends with SIGINT, SIGTERM or @connection
 *
 * For one loop in the life of the program. Return: caller owns it.
 */
GMainLoop *command_loop_new(GDBusConnection *connection);
