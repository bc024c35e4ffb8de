/* SPDX-License-Identifier: MIT */
/*
 * A program in containers of its own, one on each bus that it gets: the steps that run and learn
 * have in common, in the order in which they are to be called.
 */
#pragma once

#include "tools/access-options.h"
#include "tools/container.h"

/* What the command line says. Embed it zeroed. */
typedef struct RunOptions {
        BusOptions bus;
        AccessOptions access;
        char *type, *app_id, *instance_id; /* owned, NULL if not given */
        char **groups, **expose;           /* owned, NULL if not given */
        int max_connections;               /* 0: as the bus has it */
        gboolean no_stop, permissive, sandbox;
} RunOptions;

/** run_options_add() - adds them to @context, whose command they start */
void run_options_add(RunOptions *options, GOptionContext *context);
void run_options_clear(RunOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RunOptions, run_options_clear)

/**
 * run_options_find_command() - the command to run, in the arguments that parsing left
 *
 * Return: borrowed from @arguments; NULL with @error if there is none, or options contradict each
 *         other.
 */
char **run_options_find_command(const RunOptions *options, char **arguments, GError **error);

typedef struct ContainedRun {
        const RunOptions *options; /* borrowed */
        AppAccess access;
        ContainerSettings settings; /* borrows from access, options and instance_id */
        char *instance_id;          /* owned */
        Container containers[N_BUSES];
        unsigned n_containers;
} ContainedRun;

/**
 * contained_run_prepare() - reads the rules, connects to the buses and makes the sockets
 * @run: zeroed; contained_run_clear() is called whatever comes of it
 *
 * From then on a signal that ends us removes the sockets.
 */
bool contained_run_prepare(ContainedRun *run, const RunOptions *options, GError **error);

/** contained_run_add() - makes the containers */
bool contained_run_add(ContainedRun *run, GError **error);

/**
 * contained_run_command() - runs @command to its end, with a main loop
 *
 * Return: its exit status, or 125 to 127 with @error set, as child_run() has it.
 */
int contained_run_command(ContainedRun *run, char **command, GError **error);

/** contained_run_end() - ends the containers */
void contained_run_end(ContainedRun *run);
void contained_run_clear(ContainedRun *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ContainedRun, contained_run_clear)
