/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include "base/fdset.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Standard error, caught in memory. */
typedef struct Capture {
        int saved, memory; /* owned */
} Capture;

static void capture_start(Capture *capture) {
        capture->memory = memfd_create("stderr", MFD_CLOEXEC);
        g_assert_cmpint(capture->memory, >=, 0);
        capture->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        g_assert_cmpint(dup2(capture->memory, STDERR_FILENO), ==, STDERR_FILENO);
}

/* What came since, without the "ident[pid]: " of each line. */
static char *capture_end(Capture *capture, const char *ident) {
        g_autofree char *prefix = g_strdup_printf("%s[%d]: ", ident, (int)getpid());
        g_autofree char *text = g_malloc0(1 << 16);
        g_autoptr(GString) lines = g_string_new(NULL);

        dup2(capture->saved, STDERR_FILENO);
        close(capture->saved);
        g_assert_cmpint(pread(capture->memory, text, (1 << 16) - 1, 0), >=, 0);
        close(capture->memory);
        for (const char *line = text; *line;) {
                const char *end = strchr(line, '\n');

                g_assert_nonnull(end);
                g_assert_true(g_str_has_prefix(line, prefix));
                line += strlen(prefix);
                g_string_append_len(lines, line, end + 1 - line);
                line = end + 1;
        }
        return g_strdup(lines->str);
}

/* A pipe that nobody reads costs lines, and never time: a hang here is ended from outside. */
static void test_unread_pipe(void) {
        int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), fds[2];
        g_autofree char *text = g_malloc0(1 << 20), *long_line = g_strnfill(6000, 'x');
        ssize_t n = 0, got;

        g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
        g_assert_cmpint(dup2(fds[1], STDERR_FILENO), ==, STDERR_FILENO);
        for (unsigned i = 0; i < 2000; i++)
                log_message(LOG_LEVEL_WARNING, "%s", i % 2 ? long_line : "line");
        g_assert_cmpint(fcntl(fds[0], F_SETFL, O_NONBLOCK), ==, 0);
        while ((got = read(fds[0], text + n, (1 << 20) - 1 - (size_t)n)) > 0)
                n += got;
        log_message(LOG_LEVEL_WARNING, "after");
        g_assert_cmpint(read(fds[0], text, 1 << 20), >, 0);
        dup2(saved, STDERR_FILENO);
        close(saved);
        close(fds[0]);
        close(fds[1]);
        g_assert_nonnull(strstr(text, " lines were lost) after\n"));
        g_assert_cmpint(n, >, 4096);
}

static void test_escape(void) {
        static const struct {
                const char *value, *escaped;
        } cases[] = {
                { "plain", "plain" },
                { ":1.23", ":1.23" },
                { "/a/b_c-d", "/a/b_c-d" },
                { "", "\"\"" },
                { "two words", "\"two words\"" },
                { "a=b", "\"a=b\"" },
                { "a\"b", "\"a\\\"b\"" },
                { "a\\b", "\"a\\\\b\"" },
                { "a\nFAKE=1", "\"a\\nFAKE=1\"" },
                { "a\rb", "\"a\\x0db\"" },
                { "\033[2J", "\"\\x1b[2J\"" },
                { "\177", "\"\\x7f\"" },
                { "\303\251", "\"\\xc3\\xa9\"" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *escaped = log_escape(cases[i].value);

                g_assert_cmpstr(escaped, ==, cases[i].escaped);
        }
}

/* "cut after 1 KiB" */
static void test_cut(void) {
        g_autofree char *fits = g_strnfill(1000, 'x'), *long_value = g_strnfill(100000, 'x');
        g_autofree char *same = log_escape(fits), *cut = log_escape(long_value);

        g_assert_cmpstr(same, ==, fits);
        g_assert_cmpuint(strlen(cut), <, 1100);
        g_assert_true(g_str_has_suffix(cut, "...\""));
}

static void test_record(void) {
        g_autofree char *text = NULL;
        LogRecord *record;
        Capture capture;

        capture_start(&capture);
        record = log_record_new(LOG_LEVEL_WARNING, "Refused");
        log_record_add(record, "SENDER", ":1.5");
        log_record_add(record, "NOTHING", NULL);
        log_record_add(record, "PATH", "a\nb");
        log_record_add_number(record, "UID", UINT64_MAX);
        log_record_submit(record);
        text = capture_end(&capture, "dbus-conductor");
        g_assert_cmpstr(text, ==, "Refused SENDER=:1.5 PATH=\"a\\nb\" UID=18446744073709551615\n");
}

/* One record is one line, whatever is in it. */
static void test_message(void) {
        g_autofree char *text = NULL, *huge = g_strnfill(100000, 'x');
        Capture capture;

        capture_start(&capture);
        log_message(LOG_LEVEL_ERROR, "%s is %d", "it", 5);
        log_message(LOG_LEVEL_NOTICE, "one\ntwo\r\033three");
        text = capture_end(&capture, "dbus-conductor");
        g_assert_cmpstr(text, ==, "it is 5\none two  three\n");

        g_clear_pointer(&text, g_free);
        capture_start(&capture);
        log_message(LOG_LEVEL_NOTICE, "%s", huge);
        text = capture_end(&capture, "dbus-conductor");
        g_assert_cmpuint(strlen(text), <=, 4097);
        g_assert_cmpuint(strlen(text), >, 1000);
}

static void test_levels(void) {
        g_autofree char *text = NULL;
        Capture capture;

        capture_start(&capture);
        g_assert_false(log_is_verbose());
        log_message(LOG_LEVEL_DEBUG, "hidden");
        log_record_submit(log_record_new(LOG_LEVEL_DEBUG, "hidden"));
        log_set_verbose(true);
        g_assert_true(log_is_verbose());
        log_message(LOG_LEVEL_DEBUG, "seen");
        log_set_verbose(false);
        log_message(LOG_LEVEL_DEBUG, "hidden");
        log_message(LOG_LEVEL_WARNING, "warning");
        text = capture_end(&capture, "dbus-conductor");
        g_assert_cmpstr(text, ==, "seen\nwarning\n");
}

static void test_targets(void) {
        g_autofree char *text = NULL;
        Capture capture;

        capture_start(&capture);
        log_init("other", LOG_TO_STDERR);
        log_message(LOG_LEVEL_NOTICE, "as other");
        log_init("other", 0);
        log_message(LOG_LEVEL_NOTICE, "nowhere");
        log_init("dbus-conductor", LOG_TO_STDERR);
        text = capture_end(&capture, "other");
        g_assert_cmpstr(text, ==, "as other\n");
}

/* Where nothing can be written, nothing else happens. */
static void test_closed(void) {
        auto_fd saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

        close(STDERR_FILENO);
        log_message(LOG_LEVEL_ERROR, "lost");
        g_assert_cmpint(dup2(saved, STDERR_FILENO), ==, STDERR_FILENO);
}

static void test_rate(void) {
        const uint64_t second = 1000000, start = 5 * second;
        LogRate rate = { 0 };
        unsigned left_out = 99;

        for (unsigned i = 0; i < 20; i++) {
                g_assert_true(log_rate_allow(&rate, start + i, &left_out));
                g_assert_cmpuint(left_out, ==, 0);
        }
        for (unsigned i = 0; i < 7; i++)
                g_assert_false(log_rate_allow(&rate, start + 9 * second, &left_out));
        g_assert_true(log_rate_allow(&rate, start + 10 * second, &left_out));
        g_assert_cmpuint(left_out, ==, 7);
        g_assert_true(log_rate_allow(&rate, start + 10 * second, &left_out));
        g_assert_cmpuint(left_out, ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/base/log/unread-pipe", test_unread_pipe);
        g_test_add_func("/base/log/escape", test_escape);
        g_test_add_func("/base/log/cut", test_cut);
        g_test_add_func("/base/log/record", test_record);
        g_test_add_func("/base/log/message", test_message);
        g_test_add_func("/base/log/levels", test_levels);
        g_test_add_func("/base/log/targets", test_targets);
        g_test_add_func("/base/log/closed", test_closed);
        g_test_add_func("/base/log/rate", test_rate);
        return g_test_run();
}
