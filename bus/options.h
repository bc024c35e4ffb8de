/* SPDX-License-Identifier: MIT */
/* The command line of dbus-daemon(1). */
#pragma once

#include "base/log.h"

#include <glib.h>
#include <stdbool.h>

/* What the program is asked to do. */
typedef enum OptionsAction {
        OPTIONS_RUN,
        OPTIONS_SHOW_HELP,
        OPTIONS_SHOW_VERSION,
        OPTIONS_SHOW_INTROSPECTION,
} OptionsAction;

/* A setting of the configuration file that the command line may decide. */
typedef enum OptionsOverride {
        OPTIONS_AS_CONFIGURED,
        OPTIONS_ALWAYS,
        OPTIONS_NEVER
} OptionsOverride;

typedef struct Options {
        OptionsAction action;
        char *config_file; /* owned; absolute; may be NULL when not OPTIONS_RUN */
        char *address;  /* owned; NULL: as configured */
        int address_fd; /* --print-address; -1: no */
        int pid_fd;     /* --print-pid; -1: no */
        OptionsOverride fork;
        bool pidfile; /* false: --nopidfile */
        bool systemd_activation;
        LogTargets log_targets; /* 0: as configured */
} Options;

/**
 * options_parse() - reads the arguments of main()
 * @ret_options: set on success; options_clear() frees what it owns
 *
 * Both forms, `--address=X` and `--address X`, are taken. As in the reference implementation
 * --config-file, --session, --system and --address may be given once together, of contradicting
 * others the last one counts. What asks for information (--help, --version, --introspect) ends the
 * reading.
 *
 * Return: false with @error set: a text for the person who typed it.
 */
bool options_parse(int argc, char **argv, Options *ret_options, GError **error);
void options_clear(Options *options);

/** options_get_log_targets() - where records go; @configured: <syslog/> is in the configuration */
LogTargets options_get_log_targets(const Options *options, bool configured);

/** options_get_usage() - one line that names all options, with its newline; constant */
const char *options_get_usage(void);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)
