/* SPDX-License-Identifier: MIT */
/*
 * Arguments of dbus-daemon(1). GOptionContext is not used: it knows no option whose value may be
 * left out in one form (--print-address, --print-address=3, --print-address 3), and wrong input
 * must fail the way scripts know.
 */
#include "config.h"

#include "bus/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The reader's place in the arguments. */
typedef struct Reader {
        int argc, next;
        char **argv;
        Options *options; /* borrowed; under construction */
} Reader;

typedef bool (*Handler)(Reader *reader, const char *value, GError **error);

typedef enum OptionForm {
        FORM_PLAIN,          /* --fork */
        FORM_VALUE,          /* --address=X, --address X */
        FORM_OPTIONAL_VALUE, /* --print-pid, --print-pid=X, --print-pid X */
} OptionForm;

typedef struct OptionEntry {
        const char *name;
        OptionForm form;
        Handler handler;
} OptionEntry;

static bool fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool fail(GError **error, const char *format, ...) {
        va_list args;

        va_start(args, format);
        g_propagate_error(
                error, g_error_new_valist(G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, format, args));
        va_end(args);
        return false;
}

static bool set_config_file(Options *options, const char *option, const char *path,
                            GError **error) {
        if (options->config_file)
                return fail(error, "%s: the configuration file %s was asked for already", option,
                            options->config_file);
        if (*path == '\0')
                return fail(error, "%s: the file name is empty", option);
        options->config_file = g_canonicalize_filename(path, NULL);
        return true;
}

/*
 * Built for a bus whose files are elsewhere, the program still runs where only the usual place has
 * them.
 */
static bool set_stock_file(Options *options, const char *option, const char *name, GError **error) {
        g_autofree char *path = g_build_filename(DBUS_DATA_DIR, name, NULL);

        if (access(path, F_OK) < 0 && errno == ENOENT) {
                g_autofree char *usual = g_build_filename("/usr/share/dbus-1", name, NULL);

                if (access(usual, F_OK) == 0)
                        return set_config_file(options, option, usual, error);
        }
        return set_config_file(options, option, path, error);
}

static bool parse_descriptor(const char *option, const char *value, int *ret_fd, GError **error) {
        guint64 fd;

        if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT, &fd, NULL))
                return fail(error, "%s: \"%s\" is no number of a descriptor", option, value);
        *ret_fd = (int)fd;
        return true;
}

static bool on_config_file(Reader *reader, const char *value, GError **error) {
        return set_config_file(reader->options, "--config-file", value, error);
}

static bool on_session(Reader *reader, const char *value G_GNUC_UNUSED, GError **error) {
        return set_stock_file(reader->options, "--session", "session.conf", error);
}

static bool on_system(Reader *reader, const char *value G_GNUC_UNUSED, GError **error) {
        return set_stock_file(reader->options, "--system", "system.conf", error);
}

static bool on_address(Reader *reader, const char *value, GError **error) {
        if (reader->options->address)
                return fail(error, "--address: the address %s was asked for already",
                            reader->options->address);
        if (*value == '\0')
                return fail(error, "--address: the address is empty");
        reader->options->address = g_strdup(value);
        return true;
}

static bool on_print_address(Reader *reader, const char *value, GError **error) {
        if (!value) {
                reader->options->address_fd = STDOUT_FILENO;
                return true;
        }
        return parse_descriptor("--print-address", value, &reader->options->address_fd, error);
}

static bool on_print_pid(Reader *reader, const char *value, GError **error) {
        if (!value) {
                reader->options->pid_fd = STDOUT_FILENO;
                return true;
        }
        return parse_descriptor("--print-pid", value, &reader->options->pid_fd, error);
}

static bool on_fork(Reader *reader, const char *value G_GNUC_UNUSED, GError **error G_GNUC_UNUSED) {
        reader->options->fork = OPTIONS_ALWAYS;
        return true;
}

static bool on_nofork(Reader *reader, const char *value G_GNUC_UNUSED,
                      GError **error G_GNUC_UNUSED) {
        reader->options->fork = OPTIONS_NEVER;
        return true;
}

static bool on_nopidfile(Reader *reader, const char *value G_GNUC_UNUSED,
                         GError **error G_GNUC_UNUSED) {
        reader->options->pidfile = false;
        return true;
}

static bool on_systemd_activation(Reader *reader, const char *value G_GNUC_UNUSED,
                                  GError **error G_GNUC_UNUSED) {
        reader->options->systemd_activation = true;
        return true;
}

static bool on_syslog(Reader *reader, const char *value G_GNUC_UNUSED,
                      GError **error G_GNUC_UNUSED) {
        reader->options->log_targets = LOG_TO_SYSLOG | LOG_TO_STDERR;
        return true;
}

static bool on_nosyslog(Reader *reader, const char *value G_GNUC_UNUSED,
                        GError **error G_GNUC_UNUSED) {
        reader->options->log_targets = LOG_TO_STDERR;
        return true;
}

static bool on_syslog_only(Reader *reader, const char *value G_GNUC_UNUSED,
                           GError **error G_GNUC_UNUSED) {
        reader->options->log_targets = LOG_TO_SYSLOG;
        return true;
}

static bool on_help(Reader *reader, const char *value G_GNUC_UNUSED, GError **error G_GNUC_UNUSED) {
        reader->options->action = OPTIONS_SHOW_HELP;
        return true;
}

static bool on_version(Reader *reader, const char *value G_GNUC_UNUSED,
                       GError **error G_GNUC_UNUSED) {
        reader->options->action = OPTIONS_SHOW_VERSION;
        return true;
}

static bool on_introspect(Reader *reader, const char *value G_GNUC_UNUSED,
                          GError **error G_GNUC_UNUSED) {
        reader->options->action = OPTIONS_SHOW_INTROSPECTION;
        return true;
}

static const OptionEntry entries[] = {
        { "--address", FORM_VALUE, on_address },
        { "--config-file", FORM_VALUE, on_config_file },
        { "--fork", FORM_PLAIN, on_fork },
        { "--help", FORM_PLAIN, on_help },
        { "-h", FORM_PLAIN, on_help },
        { "-?", FORM_PLAIN, on_help },
        { "--introspect", FORM_PLAIN, on_introspect },
        { "--nofork", FORM_PLAIN, on_nofork },
        { "--nopidfile", FORM_PLAIN, on_nopidfile },
        { "--nosyslog", FORM_PLAIN, on_nosyslog },
        { "--print-address", FORM_OPTIONAL_VALUE, on_print_address },
        { "--print-pid", FORM_OPTIONAL_VALUE, on_print_pid },
        { "--session", FORM_PLAIN, on_session },
        { "--syslog", FORM_PLAIN, on_syslog },
        { "--syslog-only", FORM_PLAIN, on_syslog_only },
        { "--system", FORM_PLAIN, on_system },
        { "--systemd-activation", FORM_PLAIN, on_systemd_activation },
        { "--version", FORM_PLAIN, on_version },
};

static const OptionEntry *find_entry(const char *argument) {
        size_t n = strcspn(argument, "=");

        for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
                if (strncmp(entries[i].name, argument, n) == 0 && entries[i].name[n] == '\0')
                        return &entries[i];
        return NULL;
}

/*
 * The value behind `=`, or the next argument, which for an optional value must not look like an
 * option.
 */
static const char *take_value(Reader *reader, const OptionEntry *entry, const char *argument) {
        const char *equals = strchr(argument, '=');

        if (equals)
                return equals + 1;
        if (entry->form == FORM_PLAIN || reader->next >= reader->argc)
                return NULL;
        if (entry->form == FORM_OPTIONAL_VALUE &&
            g_str_has_prefix(reader->argv[reader->next], "--"))
                return NULL;
        return reader->argv[reader->next++];
}

static bool read_argument(Reader *reader, GError **error) {
        const char *argument = reader->argv[reader->next++];
        const OptionEntry *entry = find_entry(argument);

        if (!entry)
                return fail(error, "\"%s\" is no option of this program", argument);
        const char *value = take_value(reader, entry, argument);

        if (value && entry->form == FORM_PLAIN)
                return fail(error, "%s takes no value", entry->name);
        if (!value && entry->form == FORM_VALUE)
                return fail(error, "%s needs a value", entry->name);
        return entry->handler(reader, value, error);
}

bool options_parse(int argc, char **argv, Options *ret_options, GError **error) {
        g_auto(Options) options = { .address_fd = -1, .pid_fd = -1, .pidfile = true };
        Reader reader = { .argc = argc, .argv = argv, .next = 1, .options = &options };

        while (reader.next < argc && options.action == OPTIONS_RUN)
                if (!read_argument(&reader, error))
                        return false;
        if (options.action == OPTIONS_RUN && !options.config_file)
                return fail(
                        error,
                        "No configuration file: give --session, --system or --config-file=FILE");
        *ret_options = options;
        options.config_file = options.address = NULL;
        return true;
}

void options_clear(Options *options) {
        g_clear_pointer(&options->config_file, g_free);
        g_clear_pointer(&options->address, g_free);
}

LogTargets options_get_log_targets(const Options *options, bool configured) {
        if (options->log_targets)
                return options->log_targets;
        return configured ? LOG_TO_SYSLOG : LOG_TO_STDERR;
}

const char *options_get_usage(void) {
        return "Usage: dbus-conductor --session | --system | --config-file=FILE "
               "[--address=ADDRESS]\n"
               "        [--print-address[=DESCRIPTOR]] [--print-pid[=DESCRIPTOR]] [--fork | "
               "--nofork] [--nopidfile]\n"
               "        [--syslog | --syslog-only | --nosyslog] [--systemd-activation]\n"
               "       dbus-conductor --introspect | --version | --help\n";
}
