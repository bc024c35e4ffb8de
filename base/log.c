/* SPDX-License-Identifier: MIT */
/*
 * Records for people and programs, one line each. A line is built in one buffer and written by one call, so
 * that lines of several processes do not mix. Failures to write are ignored: a full disk must not change what
 * the bus does.
 */
#include "base/log.h"

#include <stdarg.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define MAX_VALUE 1024
#define MAX_LINE 4096
#define RATE_WINDOW_USEC (10u * 1000000u)
#define RATE_BURST 20

struct LogRecord {
        LogLevel level;
        GString *line; /* owned */
};

static struct {
        const char *ident;
        LogTargets targets;
        bool verbose;
} state = { .ident = "dbus-conductor", .targets = LOG_TO_STDERR };

void log_init(const char *ident, LogTargets targets) {
        state.ident = ident;
        state.targets = targets;
        if (targets & LOG_TO_SYSLOG)
                openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

LogTargets log_get_targets(void) {
        return state.targets;
}

void log_set_verbose(bool verbose) {
        state.verbose = verbose;
}

bool log_is_verbose(void) {
        return state.verbose;
}

static int syslog_priority(LogLevel level) {
        switch (level) {
        case LOG_LEVEL_ERROR:
                return LOG_ERR;
        case LOG_LEVEL_WARNING:
                return LOG_WARNING;
        case LOG_LEVEL_NOTICE:
                return LOG_NOTICE;
        case LOG_LEVEL_DEBUG:
                return LOG_DEBUG;
        }
        g_assert_not_reached();
}

static void write_line(LogLevel level, const char *text) {
        if (level == LOG_LEVEL_DEBUG && !state.verbose)
                return;
        if (state.targets & LOG_TO_SYSLOG)
                syslog(syslog_priority(level), "%s", text);
        if (state.targets & LOG_TO_STDERR) {
                g_autofree char *line =
                        g_strdup_printf("%s[%d]: %s\n", state.ident, (int)getpid(), text);
                ssize_t written = write(STDERR_FILENO, line, strlen(line));

                (void)written;
        }
}

void log_message(LogLevel level, const char *format, ...) {
        char text[MAX_LINE];
        va_list args;

        va_start(args, format);
        g_vsnprintf(text, sizeof text, format, args);
        va_end(args);
        for (char *p = text; *p; p++)
                if ((unsigned char)*p < ' ' && *p != '\t')
                        *p = ' ';
        write_line(level, text);
}

LogRecord *log_record_new(LogLevel level, const char *text) {
        LogRecord *record = g_new(LogRecord, 1);

        record->level = level;
        record->line = g_string_new(text);
        return record;
}

static bool is_plain(const char *value) {
        if (value[0] == '\0')
                return false;
        for (const char *p = value; *p; p++)
                if (*p <= ' ' || *p > '~' || strchr("\"'\\=", *p))
                        return false;
        return true;
}

static void append_escaped(GString *out, unsigned char c) {
        if (c == '"' || c == '\\')
                g_string_append_printf(out, "\\%c", c);
        else if (c == '\n')
                g_string_append(out, "\\n");
        else if (c < ' ' || c > '~')
                g_string_append_printf(out, "\\x%02x", c);
        else
                g_string_append_c(out, (char)c);
}

char *log_escape(const char *value) {
        size_t n = strnlen(value, MAX_VALUE);

        if (is_plain(value) && n < MAX_VALUE)
                return g_strdup(value);
        GString *out = g_string_new("\"");
        for (size_t i = 0; i < n; i++)
                append_escaped(out, (unsigned char)value[i]);
        g_string_append(out, value[n] ? "...\"" : "\"");
        return g_string_free(out, FALSE);
}

void log_record_add(LogRecord *record, const char *key, const char *value) {
        if (!value)
                return;
        g_autofree char *escaped = log_escape(value);
        g_string_append_printf(record->line, " %s=%s", key, escaped);
}

void log_record_add_number(LogRecord *record, const char *key, uint64_t value) {
        g_string_append_printf(record->line, " %s=%" G_GUINT64_FORMAT, key, value);
}

void log_record_submit(LogRecord *record) {
        write_line(record->level, record->line->str);
        g_string_free(record->line, TRUE);
        g_free(record);
}

bool log_rate_allow(LogRate *rate, uint64_t now_usec, unsigned *ret_n_left_out) {
        if (rate->window_usec == 0 || now_usec - rate->window_usec >= RATE_WINDOW_USEC) {
                rate->window_usec = now_usec;
                rate->n_written = 0;
        }
        if (rate->n_written >= RATE_BURST) {
                rate->n_left_out++;
                return false;
        }
        rate->n_written++;
        *ret_n_left_out = rate->n_left_out;
        rate->n_left_out = 0;
        return true;
}
