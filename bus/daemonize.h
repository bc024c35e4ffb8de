/* SPDX-License-Identifier: MIT */
/* Going to the background, the pid file, and what is printed for whoever started the bus. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/** daemonize_open_standard() - opens /dev/null for each of the descriptors 0 to 2 that is closed */
void daemonize_open_standard(void);

typedef enum DaemonizeFlags {
        DAEMONIZE_DEFAULT = 0,
        DAEMONIZE_KEEP_UMASK = 1 << 0,
} DaemonizeFlags;

/**
 * daemonize_begin() - goes on as a new process, leader of its own session, in the root directory
 *
 * The old process waits until the new one calls daemonize_finish() and then ends with status 0;
 * with status 1 when the new one ends first. Standard descriptors stay open until then, so that
 * errors can be seen. To be called before anything else is set up: neither threads nor timers
 * survive it.
 *
 * Return: true in the new process; false with @error set in the old one.
 */
bool daemonize_begin(DaemonizeFlags flags, GError **error);

/**
 * daemonize_finish() - the bus is up: standard descriptors go to /dev/null, the old process ends.
 * Nothing without begin
 */
void daemonize_finish(void);

/**
 * daemonize_print() - writes @text and a newline to @fd, and closes it unless it is a standard
 * descriptor
 */
bool daemonize_print(int fd, const char *text, GError **error);

/** pidfile_create() - writes the number of this process to @path, which must not exist yet */
bool pidfile_create(const char *path, GError **error);
