/* SPDX-License-Identifier: MIT */
/*
 * The command of a container: started, sent the signals that we get, waited for.
 */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

/*
 * Exit statuses of programs that run other programs, as env(1), timeout(1) and chroot(1) have
 * them.
 */
enum {
        CHILD_EXIT_FAILED = 125,       /* we failed before or after */
        CHILD_EXIT_NOT_RUNNABLE = 126, /* the command was found but could not be started */
        CHILD_EXIT_NOT_FOUND = 127,
        CHILD_EXIT_SIGNAL = 128, /* plus the number of the signal that ended it */
};

typedef struct ChildOptions {
        const char *const *argv;        /* borrowed */
        const char *const *environment; /* borrowed */
        int keep_fd; /* not closed in the child although close-on-exec; -1 for none */
        /* who gets the signals, 0 for nobody; NULL: the child itself */
        pid_t (*find_target)(pid_t child);
} ChildOptions;

/**
 * child_catch_signals() - from now on signals are kept for the child instead of ending us
 * @before: called, with @data, when a signal ends us before there is a child; does only what a
 *          handler may do
 */
void child_catch_signals(void (*before)(const void *data), const void *data);

/**
 * child_run() - runs a command to its end; child_catch_signals() must have been called
 *
 * Return: the exit status to end with, 125 to 127 with @error set when the command was not started.
 */
int child_run(const ChildOptions *options, GError **error);
