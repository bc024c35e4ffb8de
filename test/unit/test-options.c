/* SPDX-License-Identifier: MIT */
/* The command line: every option of dbus-daemon(1) in every form, and what is refused. */
#include "bus/options.h"

#include <unistd.h>

#define MAX_ARGUMENTS 8

/* Parses what stands in @line, separated by spaces. */
static bool parse(const char *line, Options *ret_options, GError **error) {
        g_autofree char *all = g_strdup_printf("dbus-conductor%s%s", *line ? " " : "", line);
        g_auto(GStrv) arguments = g_strsplit(all, " ", -1);

        return options_parse((int)g_strv_length(arguments), arguments, ret_options, error);
}

typedef struct Accepted {
        const char *line;
        const char *config_file; /* end of it; NULL: none */
        const char *address;
        int address_fd, pid_fd;
        OptionsOverride fork;
        bool pidfile, systemd_activation;
        LogTargets log_targets;
} Accepted;

static const Accepted accepted[] = {
        { "--session", "/session.conf", NULL, -1, -1, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--system", "/system.conf", NULL, -1, -1, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--config-file=/a/b", "/a/b", NULL, -1, -1, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--config-file /a/b", "/a/b", NULL, -1, -1, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--config-file b", "/b", NULL, -1, -1, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--config-file=/proc/self/fd/7", "/proc/self/fd/7", NULL, -1, -1, OPTIONS_AS_CONFIGURED,
          true, false, 0 },
        { "--config-file --session", "/--session", NULL, -1, -1, OPTIONS_AS_CONFIGURED, true, false,
          0 },
        { "--session --address=unix:path=/x", "", "unix:path=/x", -1, -1, OPTIONS_AS_CONFIGURED,
          true, false, 0 },
        { "--session --address unix:path=/x", "", "unix:path=/x", -1, -1, OPTIONS_AS_CONFIGURED,
          true, false, 0 },
        { "--session --print-address", "", NULL, 1, -1, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--session --print-address=7", "", NULL, 7, -1, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--session --print-address 7", "", NULL, 7, -1, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--print-address --session", "/session.conf", NULL, 1, -1, OPTIONS_AS_CONFIGURED, true,
          false, 0 },
        { "--session --print-pid", "", NULL, -1, 1, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--session --print-pid=8", "", NULL, -1, 8, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--session --print-pid 8", "", NULL, -1, 8, OPTIONS_AS_CONFIGURED, true, false, 0 },
        { "--session --fork", "", NULL, -1, -1, OPTIONS_ALWAYS, true, false, 0 },
        { "--session --nofork", "", NULL, -1, -1, OPTIONS_NEVER, true, false, 0 },
        { "--session --fork --nofork", "", NULL, -1, -1, OPTIONS_NEVER, true, false, 0 },
        { "--session --nopidfile", "", NULL, -1, -1, OPTIONS_AS_CONFIGURED, false, false, 0 },
        { "--session --systemd-activation", "", NULL, -1, -1, OPTIONS_AS_CONFIGURED, true, true,
          0 },
        { "--session --syslog", "", NULL, -1, -1, OPTIONS_AS_CONFIGURED, true, false,
          LOG_TO_SYSLOG | LOG_TO_STDERR },
        { "--session --nosyslog", "", NULL, -1, -1, OPTIONS_AS_CONFIGURED, true, false,
          LOG_TO_STDERR },
        { "--session --syslog-only", "", NULL, -1, -1, OPTIONS_AS_CONFIGURED, true, false,
          LOG_TO_SYSLOG },
};

static void test_accepted(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(accepted); i++) {
                const Accepted *row = &accepted[i];
                g_autoptr(GError) error = NULL;
                g_auto(Options) options = { 0 };

                g_test_message("%s", row->line);
                g_assert_true(parse(row->line, &options, &error));
                g_assert_no_error(error);
                g_assert_cmpint(options.action, ==, OPTIONS_RUN);
                g_assert_true(g_path_is_absolute(options.config_file));
                g_assert_true(g_str_has_suffix(options.config_file, row->config_file));
                g_assert_cmpstr(options.address, ==, row->address);
                g_assert_cmpint(options.address_fd, ==, row->address_fd);
                g_assert_cmpint(options.pid_fd, ==, row->pid_fd);
                g_assert_cmpint(options.fork, ==, row->fork);
                g_assert_cmpint(options.pidfile, ==, row->pidfile);
                g_assert_cmpint(options.systemd_activation, ==, row->systemd_activation);
                g_assert_cmpint(options.log_targets, ==, row->log_targets);
        }
}

static const char *const refused[] = {
        "",
        "--fork",
        "--bogus",
        "--sess",
        "-x",
        "something",
        "--",
        "--session something",
        "--session --system",
        "--session --session",
        "--session --config-file=/a",
        "--config-file=/a --config-file=/b",
        "--config-file",
        "--config-file=",
        "--session --address",
        "--session --address=",
        "--session --address=unix:path=/a --address=unix:path=/b",
        "--session --print-address=",
        "--session --print-address=x",
        "--session --print-address=1x",
        "--session --print-address=-1",
        "--session --print-address x",
        "--session --print-pid=99999999999",
        "--session --nopidfile=1",
        "--session=1",
};

static void test_refused(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
                g_autoptr(GError) error = NULL;
                Options options;

                g_test_message("%s", refused[i]);
                g_assert_false(parse(refused[i], &options, &error));
                g_assert_nonnull(error);
                g_assert_cmpstr(error->message, !=, "");
        }
}

static void test_information(void) {
        static const struct {
                const char *line;
                OptionsAction action;
        } rows[] = {
                { "--help", OPTIONS_SHOW_HELP },
                { "--version", OPTIONS_SHOW_VERSION },
                { "--introspect", OPTIONS_SHOW_INTROSPECTION },
                { "--session --version --bogus", OPTIONS_SHOW_VERSION },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autoptr(GError) error = NULL;
                g_auto(Options) options = { 0 };

                g_assert_true(parse(rows[i].line, &options, &error));
                g_assert_no_error(error);
                g_assert_cmpint(options.action, ==, rows[i].action);
        }
}

static void test_log_targets(void) {
        const Options none = { 0 }, only = { .log_targets = LOG_TO_SYSLOG };

        g_assert_cmpint(options_get_log_targets(&none, false), ==, LOG_TO_STDERR);
        g_assert_cmpint(options_get_log_targets(&none, true), ==, LOG_TO_SYSLOG);
        g_assert_cmpint(options_get_log_targets(&only, false), ==, LOG_TO_SYSLOG);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/options/accepted", test_accepted);
        g_test_add_func("/bus/options/refused", test_refused);
        g_test_add_func("/bus/options/information", test_information);
        g_test_add_func("/bus/options/log-targets", test_log_targets);
        return g_test_run();
}
