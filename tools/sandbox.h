/* SPDX-License-Identifier: MIT */
/*
 * Command lines for bubblewrap, so that a container's program can reach no other bus socket than
 * its own.
 */
#pragma once

#include "tools/bus-client.h"

#include <gio/gio.h>
#include <sys/types.h>

typedef struct SandboxOptions {
        const char *socket_paths[N_BUSES]; /* borrowed; outside; NULL: no such bus */
        const char *const *expose; /* borrowed; paths to show read-only, NULL-terminated, or NULL */
        int status_fd;             /* where bubblewrap reports to; not to be closed at exec */
        int filter_fd;             /* from sandbox_filter_open() */
} SandboxOptions;

/** sandbox_socket_path() - where the container's socket for @bus is inside; newly allocated */
char *sandbox_socket_path(BusKind bus);

/**
 * sandbox_argv() - the command line that runs @command under bubblewrap
 *
 * Return: NULL-terminated, caller frees it; NULL with @error when a path to expose is not absolute.
 */
GStrv sandbox_argv(const SandboxOptions *options, const char *const *command, GError **error);

/**
 * sandbox_find_command() - the process in the sandbox that a signal is meant for
 * @outer: bubblewrap's own pid
 *
 * Return: its pid; 0 when it does not run (yet).
 */
pid_t sandbox_find_command(pid_t outer);

/**
 * sandbox_has_run() - whether the command was started, from what bubblewrap wrote to @status_fd
 *
 * False means that bubblewrap itself failed and has already said why. Reads without blocking.
 */
gboolean sandbox_has_run(int status_fd);
