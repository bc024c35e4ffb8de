/* SPDX-License-Identifier: MIT */
/*
 * Records for people and programs, one line each. A line is built in one buffer and written by one
 * call, so that lines of several processes do not mix. What cannot be written at once is dropped
 * and counted: a full disk, a pipe that nobody reads or a log daemon that hangs must not change
 * what the bus does. Standard error is shared with others, so it is asked whether it would block
 * instead of being told not to; to syslog go datagrams from a socket of our own, because syslog(3)
 * waits for its reader.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define MAX_VALUE 1024
#define MAX_LINE 4096 /* a pipe that takes anything takes this much */
#define SYSLOG_PATH "/dev/log"
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
        int syslog_fd;      /* owned; -1: not connected */
        unsigned n_dropped; /* lines since the last one that was written to standard error */
} state = { .ident = "dbus-conductor", .targets = LOG_TO_STDERR, .syslog_fd = -1 };

static int connect_syslog(void) {
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SYSLOG_PATH };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
                close(fd);
                return -1;
        }
        return fd;
}

void log_init(const char *ident, LogTargets targets) {
        state.ident = ident;
        state.targets = targets;
        if (state.syslog_fd >= 0)
                close(state.syslog_fd);
        state.syslog_fd = targets & LOG_TO_SYSLOG ? connect_syslog() : -1;
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

/* A log daemon that was started again has another socket under the old name. */
static void write_syslog(LogLevel level, const char *text) {
        char line[MAX_LINE];
        int n = g_snprintf(line, sizeof line, "<%d>%s[%d]: %s", LOG_DAEMON | syslog_priority(level),
                           state.ident, (int)getpid(), text);
        size_t length = MIN((size_t)n, sizeof line - 1);

        for (unsigned attempt = 0; attempt < 2; attempt++) {
                if (state.syslog_fd < 0)
                        state.syslog_fd = connect_syslog();
                if (state.syslog_fd < 0)
                        return;
                if (send(state.syslog_fd, line, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
                    errno == EAGAIN)
                        return;
                close(state.syslog_fd);
                state.syslog_fd = -1;
        }
}

static bool would_block(int fd) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

        return poll(&poll_fd, 1, 0) == 0;
}

static void write_stderr(const char *text) {
        char line[MAX_LINE];
        int n;

        if (would_block(STDERR_FILENO)) {
                state.n_dropped++;
                return;
        }
        if (state.n_dropped > 0)
                n = g_snprintf(line, sizeof line - 1, "%s[%d]: (%u lines were lost) %s",
                               state.ident, (int)getpid(), state.n_dropped, text);
        else
                n = g_snprintf(line, sizeof line - 1, "%s[%d]: %s", state.ident, (int)getpid(),
                               text);
        state.n_dropped = 0;
        size_t length = MIN((size_t)n, sizeof line - 2);
        line[length] = '\n';
        ssize_t written = write(STDERR_FILENO, line, length + 1);
        (void)written;
}

static void write_line(LogLevel level, const char *text) {
        if (level == LOG_LEVEL_DEBUG && !state.verbose)
                return;
        if (state.targets & LOG_TO_SYSLOG)
                write_syslog(level, text);
        if (state.targets & LOG_TO_STDERR)
                write_stderr(text);
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
