/* SPDX-License-Identifier: MIT */
/*
 * One bus from start to end: makes the parts of struct Bus in their order, wires them together,
 * frees them.
 *
 * How a process starts one, as bus/main does it:
 *
 *      config_load()            errors go to standard error, exit status 1
 *      daemonize_begin()        what follows runs in the daemon; its parent waits for the end of
 * this context_new()            still as the user who started it: opens sockets, reads as root
 *      print bus->address, switch to <user>, loop_watch_signals(bus->loop, ...)
 *      context_run()            until loop_quit(bus->loop)
 *      context_free()           socket files are unlinked
 */
#pragma once

#include "bus/bus.h"

#include <glib.h>
#include <stdbool.h>

/*
 * What the command line says beside the configuration file. All text is borrowed and outlives the
 * bus.
 */
typedef struct ContextOptions {
        const char *config_file; /* read again by context_reload() */
        const char *address;     /* listen here instead of at every <listen>; NULL: as configured */
        bool systemd_activation; /* as if <systemd_activation/> stood in the file */
} ContextOptions;

/**
 * context_new() - a bus that listens, but does not run yet
 * @options: borrowed until context_free(), kept for context_reload()
 * @config:  already loaded from @options->config_file; a reference is taken
 *
 * Opens listeners, compiles the policy, makes registries, reads service directories. Sets
 * bus->address. Changes neither user nor limits, prints nothing, and starts no thread and no child:
 * those would keep the rights of the starting user; they begin in context_run().
 *
 * Return: the bus, owned by the caller; NULL with @error set, and no socket file is left.
 */
Bus *context_new(const ContextOptions *options, Config *config, GError **error);

/** context_run() - routes until loop_quit(). Return: 0, -errno of a loop that broke */
int context_run(Bus *bus);

/**
 * context_reload() - has the configuration read again, and all of it put in force, or nothing
 *
 * For SIGHUP; ReloadConfig and changed files do the same. It is done in a later turn, and told to
 * the log and the service manager. Listeners, type, user and pid file stay as they are.
 */
void context_reload(Bus *bus);

/** context_free() - closes all connections and listeners and unlinks socket files; NULL is fine */
void context_free(Bus *bus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bus, context_free)
