/* SPDX-License-Identifier: MIT */
/*
 * The program: command line, the order in which a process becomes a bus (see bus/context.h), and
 * signals.
 */
#include "config.h"

#include "bus/context.h"
#include "bus/daemonize.h"
#include "bus/driver-tables.h"
#include "bus/driver.h"
#include "bus/notify.h"
#include "bus/options.h"
#include "bus/privileges.h"
#include "bus/workers.h"
#include "containers/interface.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What is undone at the end; pid file and bus only once they are there. */
typedef struct Program {
        Options options;
        Config *config;      /* ref */
        Bus *bus;            /* owned */
        const char *pidfile; /* borrowed from config; NULL: none was written */
} Program;

static bool report(const char *what, const GError *error) {
        log_message(LOG_LEVEL_ERROR, "%s: %s", what, error->message);
        return false;
}

static int show_version(void) {
        printf("dbus-conductor %s\n"
               "A D-Bus message bus; MIT licence, without any warranty.\n",
               PACKAGE_VERSION);
        return EXIT_SUCCESS;
}

static int show_introspection(void) {
        Bus *bus = g_new0(Bus, 1);
        g_autoptr(GString) xml = g_string_new(DBUS_INTROSPECT_1_0_XML_DOCTYPE_DECL_NODE "<node>\n");
        const DriverTable *table;

        driver_init(bus);
        driver_tables_add(bus);
        driver_add_table(bus, &containers_interface, NULL);
        for (unsigned i = 0; (table = driver_get_table(bus, i)); i++)
                method_table_introspect(table->table, xml);
        printf("%s</node>\n", xml->str);
        driver_clear(bus);
        g_free(bus);
        return EXIT_SUCCESS;
}

/* --- signals --- */

static void on_signal(int signal, void *user) {
        Bus *bus = user;

        if (signal == SIGHUP) {
                context_reload(bus);
                return;
        }
        loop_quit(bus->loop);
}

/* A shell starts what is in the background with SIGINT ignored: that stays so. */
static void get_signals(sigset_t *ret_signals) {
        struct sigaction action;

        sigemptyset(ret_signals);
        sigaddset(ret_signals, SIGHUP);
        sigaddset(ret_signals, SIGTERM);
        if (sigaction(SIGINT, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
                sigaddset(ret_signals, SIGINT);
}

static bool watch_signals(Bus *bus) {
        sigset_t signals;
        int r;

        get_signals(&signals);
        r = loop_watch_signals(bus->loop, &signals, on_signal, bus);
        if (r < 0)
                log_message(LOG_LEVEL_ERROR, "Cannot wait for signals: %s", g_strerror(-r));
        return r == 0;
}

/* --- start --- */

static bool wants_fork(const Program *program) {
        if (program->options.fork == OPTIONS_AS_CONFIGURED)
                return program->config->fork;
        return program->options.fork == OPTIONS_ALWAYS;
}

/* From here on this is the process that stays. Signals wait until the bus can end in order. */
static bool enter_daemon(Program *program, GError **error) {
        DaemonizeFlags flags =
                program->config->keep_umask ? DAEMONIZE_KEEP_UMASK : DAEMONIZE_DEFAULT;
        sigset_t signals;

        if (wants_fork(program) && !daemonize_begin(flags, error))
                return false;
        get_signals(&signals);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        if (!program->options.pidfile || !program->config->pidfile)
                return true;
        if (!pidfile_create(program->config->pidfile, error))
                return false;
        program->pidfile = program->config->pidfile;
        return true;
}

static bool print_facts(const Program *program, GError **error) {
        const Options *options = &program->options;
        g_autofree char *pid = g_strdup_printf("%d", (int)getpid());

        if (options->address_fd >= 0 &&
            !daemonize_print(options->address_fd, program->bus->address, error))
                return false;
        return options->pid_fd < 0 || daemonize_print(options->pid_fd, pid, error);
}

static bool start(Program *program, const ContextOptions *context, GError **error) {
        const char *user = program->config->user;

        if (!enter_daemon(program, error))
                return false;
        program->bus = context_new(context, program->config, error);
        if (!program->bus || !print_facts(program, error))
                return false;
        privileges_raise_descriptor_limit();
        return !user || privileges_change_user(user, error);
}

/* Whoever is another user by now may not take away what root has put into a folder of root's. */
static void remove_pidfile(const char *path) {
        if (unlink(path) < 0 && errno != ENOENT)
                log_message(LOG_LEVEL_WARNING, "The pid file %s stays behind: %s", path,
                            g_strerror(errno));
}

static void stop(Program *program) {
        context_free(program->bus);
        if (program->pidfile)
                remove_pidfile(program->pidfile);
        config_unref(program->config);
        options_clear(&program->options);
}

static bool serve(Program *program) {
        const ContextOptions context = { .config_file = program->options.config_file,
                                         .address = program->options.address,
                                         .systemd_activation =
                                                 program->options.systemd_activation };
        g_autoptr(GError) error = NULL;

        if (!start(program, &context, &error))
                return report("Cannot start the bus", error);
        if (!watch_signals(program->bus))
                return false;
        daemonize_finish();
        /* reading the configuration took more memory than keeping it does */
        malloc_trim(0);
        notify_ready();
        int r = context_run(program->bus);

        notify_stopping();
        if (r < 0)
                log_message(LOG_LEVEL_ERROR, "The event loop failed: %s", g_strerror(-r));
        return r == 0;
}

static bool load(Program *program) {
        g_autoptr(GError) error = NULL;

        program->config = config_load(program->options.config_file, &error);
        if (!program->config)
                return report("Cannot start the bus", error);
        program->config->systemd_activation |= program->options.systemd_activation;
        log_init("dbus-conductor",
                 options_get_log_targets(&program->options, program->config->syslog));
        config_log_warnings(program->config);
        return true;
}

int main(int argc, char **argv) {
        Program program = { 0 };
        g_autoptr(GError) error = NULL;

        daemonize_open_standard();
        signal(SIGPIPE, SIG_IGN);
        /* where it was inherited as ignored, nobody could tell how a service ended */
        signal(SIGCHLD, SIG_DFL);
        if (!options_parse(argc, argv, &program.options, &error)) {
                fprintf(stderr, "%s\n%s", error->message, options_get_usage());
                return EXIT_FAILURE;
        }
        switch (program.options.action) {
        case OPTIONS_SHOW_HELP:
                fputs(options_get_usage(), stdout);
                return EXIT_SUCCESS;
        case OPTIONS_SHOW_VERSION:
                return show_version();
        case OPTIONS_SHOW_INTROSPECTION:
                return show_introspection();
        case OPTIONS_RUN:
                break;
        }
        notify_init();
        privileges_refuse_executable_memory();
        bool served = load(&program) && serve(&program);

        stop(&program);
        workers_leave(served ? EXIT_SUCCESS : EXIT_FAILURE);
}
