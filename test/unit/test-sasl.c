/* SPDX-License-Identifier: MIT */
#include "wire/sasl.h"

#include <string.h>

#define GUID "0123456789abcdef0123456789abcdef"
#define OK "OK " GUID "\r\n"
#define REJECTED "REJECTED EXTERNAL\r\n"
#define UID 1000
#define HEX_UID "31303030" /* "1000" */
#define HEX_OTHER "31303031"
#define AUTH "AUTH EXTERNAL " HEX_UID "\r\n"

/* Any answer ERROR with a text, which is for people. */
#define ERROR "ERROR \"...\"\r\n"

static void replace_texts(GString *output) {
        const char *quote = output->str;

        while ((quote = strchr(quote, '"'))) {
                const char *end = strchr(quote + 1, '"');
                gssize at = quote - output->str;

                g_assert_nonnull(end);
                g_string_erase(output, at + 1, end - quote - 1);
                g_string_insert(output, at + 1, "...");
                quote = output->str + at + 5;
        }
}

typedef struct Case {
        const char *input; /* without the leading NUL */
        const char *output;
        SaslState state;
} Case;

static void check_state(const Sasl *sasl, const Case *c, GString *output) {
        replace_texts(output);
        if (strcmp(output->str, c->output) != 0 || sasl->state != c->state)
                g_error("'%s' led to '%s' and state %d", c->input, output->str, sasl->state);
}

/* Feeds @c in pieces of at most @n_piece bytes; what is not consumed is offered again with more. */
static void check_pieces(const Case *c, SaslMechanisms mechanisms, size_t n_piece) {
        g_autoptr(GByteArray) input = g_byte_array_new();
        g_autoptr(GString) output = g_string_new(NULL);
        size_t offset = 0, n_seen = 0;
        Sasl sasl;

        g_byte_array_append(input, (const uint8_t *)"", 1);
        g_byte_array_append(input, (const uint8_t *)c->input, (guint)strlen(c->input));
        sasl_init(&sasl, mechanisms, UID, GUID, true);
        while (n_seen < input->len && sasl.state != SASL_DONE && sasl.state != SASL_FAILED) {
                g_autofree uint8_t *exact = NULL;

                n_seen = MIN(n_seen + n_piece, input->len);
                exact = g_memdup2(input->data + offset, n_seen - offset);
                offset += sasl_feed(&sasl, exact, n_seen - offset, output);
                g_assert_cmpuint(offset, <=, n_seen);
        }
        check_state(&sasl, c, output);
}

static void check_cases(const Case *cases, size_t n_cases, SaslMechanisms mechanisms) {
        for (size_t i = 0; i < n_cases; i++) {
                check_pieces(&cases[i], mechanisms, SIZE_MAX / 2);
                check_pieces(&cases[i], mechanisms, 1);
                check_pieces(&cases[i], mechanisms, 7);
        }
}

static void test_external(void) {
        static const Case cases[] = {
                { "", "", SASL_WAIT_AUTH },
                { AUTH, OK, SASL_WAIT_BEGIN },
                { AUTH "BEGIN\r\n", OK, SASL_DONE },
                { AUTH "BEGIN now\r\n", OK, SASL_DONE },
                { AUTH "BEGIN\n", OK, SASL_WAIT_BEGIN },
                { "AUTH \t EXTERNAL \t " HEX_UID "\r\n", OK, SASL_WAIT_BEGIN },
                { "AUTH EXTERNAL\r\n", "DATA\r\n", SASL_WAIT_DATA },
                { "AUTH EXTERNAL \r\n", "DATA\r\n", SASL_WAIT_DATA },
                { "AUTH EXTERNAL\r\nDATA\r\n", "DATA\r\n" OK, SASL_WAIT_BEGIN },
                { "AUTH EXTERNAL\r\nDATA " HEX_UID "\r\n", "DATA\r\n" OK, SASL_WAIT_BEGIN },
                { "AUTH EXTERNAL\r\nDATA " HEX_OTHER "\r\n", "DATA\r\n" REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL " HEX_OTHER "\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL " HEX_OTHER "\r\n" AUTH, REJECTED OK, SASL_WAIT_BEGIN },
                /* what sd-bus sends at once */
                { "AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n",
                  "DATA\r\n" OK "AGREE_UNIX_FD\r\n", SASL_DONE },
                /* what libdbus sends, waiting for each answer */
                { AUTH "NEGOTIATE_UNIX_FD\r\nBEGIN\r\n", OK "AGREE_UNIX_FD\r\n", SASL_DONE },
        };

        check_cases(cases, G_N_ELEMENTS(cases), SASL_EXTERNAL);
}

/* Only the usual spelling of the peer's own uid. */
static void test_identity(void) {
        static const Case cases[] = {
                { "AUTH EXTERNAL 2b" HEX_UID "\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL 20" HEX_UID "\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL 30" HEX_UID "\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL " HEX_UID "20\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL " HEX_UID "00\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL " HEX_UID "30\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL 313030\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL 30\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL 00\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL 726f6f74\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL 34323934393638323936\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL 3130303\r\n", ERROR, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL zz\r\n", ERROR, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL 3z\r\n", ERROR, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL " HEX_UID " \r\n", ERROR, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL " HEX_UID " 00\r\n", ERROR, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL\r\nDATA zz\r\n", "DATA\r\n" ERROR, SASL_WAIT_DATA },
                { "AUTH EXTERNAL\r\nDATA zz\r\nDATA\r\n", "DATA\r\n" ERROR OK, SASL_WAIT_BEGIN },
        };

        check_cases(cases, G_N_ELEMENTS(cases), SASL_EXTERNAL);
}

static void test_commands(void) {
        static const Case cases[] = {
                { "AUTH\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH \r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH DBUS_COOKIE_SHA1 " HEX_UID "\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH ANONYMOUS\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH external " HEX_UID "\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL\rx\r\n", REJECTED, SASL_WAIT_AUTH },
                { "auth EXTERNAL\r\n", ERROR, SASL_WAIT_AUTH },
                { " AUTH EXTERNAL\r\n", ERROR, SASL_WAIT_AUTH },
                { "AUTHEXTERNAL\r\n", ERROR, SASL_WAIT_AUTH },
                { "\r\n", ERROR, SASL_WAIT_AUTH },
                { "OK\r\n", ERROR, SASL_WAIT_AUTH },
                { "REJECTED\r\n", ERROR, SASL_WAIT_AUTH },
                { "\303\251\r\n" AUTH, ERROR OK, SASL_WAIT_BEGIN },
                /* each command in each state */
                { "DATA\r\n", ERROR, SASL_WAIT_AUTH },
                { "NEGOTIATE_UNIX_FD\r\n", ERROR, SASL_WAIT_AUTH },
                { "BEGIN\r\n" AUTH, "", SASL_FAILED },
                { "CANCEL\r\n", ERROR, SASL_WAIT_AUTH },
                { "ERROR\r\n", REJECTED, SASL_WAIT_AUTH },
                { "ERROR \"why\"\r\n", REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL\r\nAUTH EXTERNAL\r\n", "DATA\r\n" ERROR, SASL_WAIT_DATA },
                { "AUTH EXTERNAL\r\nNEGOTIATE_UNIX_FD\r\n", "DATA\r\n" ERROR, SASL_WAIT_DATA },
                { "AUTH EXTERNAL\r\nBEGIN\r\n", "DATA\r\n", SASL_FAILED },
                { "AUTH EXTERNAL\r\nCANCEL\r\n", "DATA\r\n" REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL\r\nERROR\r\n", "DATA\r\n" REJECTED, SASL_WAIT_AUTH },
                { "AUTH EXTERNAL\r\nHM\r\n", "DATA\r\n" ERROR, SASL_WAIT_DATA },
                { AUTH "AUTH EXTERNAL\r\n", OK ERROR, SASL_WAIT_BEGIN },
                { AUTH "DATA\r\n", OK ERROR, SASL_WAIT_BEGIN },
                { AUTH "NEGOTIATE_UNIX_FD x\r\n", OK "AGREE_UNIX_FD\r\n", SASL_WAIT_BEGIN },
                { AUTH "CANCEL\r\n", OK REJECTED, SASL_WAIT_AUTH },
                { AUTH "CANCEL\r\nBEGIN\r\n", OK REJECTED, SASL_FAILED },
                { AUTH "ERROR\r\n", OK REJECTED, SASL_WAIT_AUTH },
                { AUTH "HM\r\n", OK ERROR, SASL_WAIT_BEGIN },
        };

        check_cases(cases, G_N_ELEMENTS(cases), SASL_EXTERNAL);
}

static void test_anonymous(void) {
        static const Case cases[] = {
                { "AUTH ANONYMOUS\r\n", OK, SASL_WAIT_BEGIN },
                { "AUTH ANONYMOUS 6869\r\nBEGIN\r\n", OK, SASL_DONE },
                { "AUTH ANONYMOUS c3a9\r\n", OK, SASL_WAIT_BEGIN },
                { "AUTH ANONYMOUS ff\r\n", "REJECTED ANONYMOUS\r\n", SASL_WAIT_AUTH },
                { "AUTH ANONYMOUS f\r\n", ERROR, SASL_WAIT_AUTH },
                { AUTH, "REJECTED ANONYMOUS\r\n", SASL_WAIT_AUTH },
        };
        static const Case both[] = {
                { "AUTH\r\n", "REJECTED EXTERNAL ANONYMOUS\r\n", SASL_WAIT_AUTH },
        };
        static const Case none[] = { { AUTH, "REJECTED\r\n", SASL_WAIT_AUTH } };

        check_cases(cases, G_N_ELEMENTS(cases), SASL_ANONYMOUS);
        check_cases(both, G_N_ELEMENTS(both), SASL_EXTERNAL | SASL_ANONYMOUS);
        check_cases(none, G_N_ELEMENTS(none), 0);
}

static size_t feed(Sasl *sasl, const char *input, size_t n_input) {
        g_autoptr(GString) output = g_string_new(NULL);

        return sasl_feed(sasl, (const uint8_t *)input, n_input, output);
}

#define FEED(sasl, text) feed(sasl, text, sizeof(text) - 1)

/* Whoever cancels loses what was agreed. */
static void test_flags(void) {
        Sasl sasl;

        sasl_init(&sasl, SASL_EXTERNAL | SASL_ANONYMOUS, UID, GUID, true);
        FEED(&sasl, "\0AUTH ANONYMOUS\r\nNEGOTIATE_UNIX_FD\r\n");
        g_assert_true(sasl.anonymous);
        g_assert_true(sasl.fds_agreed);
        FEED(&sasl, "CANCEL\r\n");
        g_assert_false(sasl.anonymous);
        g_assert_false(sasl.fds_agreed);
        FEED(&sasl, AUTH);
        g_assert_cmpint(sasl.state, ==, SASL_WAIT_BEGIN);
        g_assert_false(sasl.anonymous);
        g_assert_false(sasl.fds_agreed);
}

static void test_no_fds(void) {
        Sasl sasl;

        sasl_init(&sasl, SASL_EXTERNAL, UID, GUID, false);
        FEED(&sasl, "\0" AUTH "NEGOTIATE_UNIX_FD\r\n");
        g_assert_cmpint(sasl.state, ==, SASL_WAIT_BEGIN);
        g_assert_false(sasl.fds_agreed);
}

static void test_first_byte(void) {
        Sasl sasl;

        sasl_init(&sasl, SASL_EXTERNAL, UID, GUID, true);
        g_assert_cmpint(sasl.state, ==, SASL_WAIT_NUL);
        g_assert_cmpuint(feed(&sasl, "", 0), ==, 0);
        g_assert_cmpint(sasl.state, ==, SASL_WAIT_NUL);
        FEED(&sasl, AUTH);
        g_assert_cmpint(sasl.state, ==, SASL_FAILED);

        /* A second NUL is no command. */
        sasl_init(&sasl, SASL_EXTERNAL, UID, GUID, true);
        FEED(&sasl, "\0\0" AUTH);
        g_assert_cmpint(sasl.state, ==, SASL_WAIT_AUTH);
}

/* What follows BEGIN are messages, which belong to somebody else. */
static void test_rest(void) {
        static const char input[] = "\0" AUTH "BEGIN\r\nl\1\0\1\r\n\r\n";
        Sasl sasl;

        sasl_init(&sasl, SASL_EXTERNAL, UID, GUID, true);
        g_assert_cmpuint(FEED(&sasl, input), ==, sizeof(input) - 1 - 8);
        g_assert_cmpint(sasl.state, ==, SASL_DONE);
        g_assert_cmpuint(FEED(&sasl, "AUTH\r\n"), ==, 0);
}

static void test_rejected_limit(void) {
        g_autoptr(GString) output = g_string_new(NULL);
        g_autoptr(GString) input = g_string_new("");
        Sasl sasl;

        g_string_append_len(input, "", 1);
        for (unsigned i = 0; i < SASL_MAX_REJECTED + 3; i++)
                g_string_append(input, "AUTH\r\n");
        sasl_init(&sasl, SASL_EXTERNAL, UID, GUID, true);
        g_assert_cmpuint(sasl_feed(&sasl, (const uint8_t *)input->str, input->len, output), ==,
                         1 + SASL_MAX_REJECTED * strlen("AUTH\r\n"));
        g_assert_cmpint(sasl.state, ==, SASL_FAILED);
        g_assert_cmpuint(output->len, ==, SASL_MAX_REJECTED * strlen(REJECTED));
}

static void test_line_limit(void) {
        g_autofree char *line = g_strnfill(SASL_MAX_LINE + 10, 'A');
        Sasl sasl;

        sasl_init(&sasl, SASL_EXTERNAL, UID, GUID, true);
        FEED(&sasl, "\0");
        g_assert_cmpuint(feed(&sasl, line, SASL_MAX_LINE - 2), ==, 0);
        g_assert_cmpint(sasl.state, ==, SASL_WAIT_AUTH);
        g_assert_cmpuint(feed(&sasl, line, SASL_MAX_LINE), ==, 0);
        g_assert_cmpint(sasl.state, ==, SASL_FAILED);
}

/* Many short lines are bounded as well, and with them the answers. */
static void test_total_limit(void) {
        g_autoptr(GString) output = g_string_new(NULL);
        Sasl sasl;
        unsigned n = 0;

        sasl_init(&sasl, SASL_EXTERNAL, UID, GUID, true);
        FEED(&sasl, "\0");
        while (sasl.state == SASL_WAIT_AUTH) {
                sasl_feed(&sasl, (const uint8_t *)"HM\r\n", 4, output);
                g_assert_cmpuint(++n, <=, SASL_MAX_LINE / 4);
        }
        g_assert_cmpint(sasl.state, ==, SASL_FAILED);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/sasl/external", test_external);
        g_test_add_func("/wire/sasl/identity", test_identity);
        g_test_add_func("/wire/sasl/commands", test_commands);
        g_test_add_func("/wire/sasl/anonymous", test_anonymous);
        g_test_add_func("/wire/sasl/flags", test_flags);
        g_test_add_func("/wire/sasl/no-fds", test_no_fds);
        g_test_add_func("/wire/sasl/first-byte", test_first_byte);
        g_test_add_func("/wire/sasl/rest", test_rest);
        g_test_add_func("/wire/sasl/rejected-limit", test_rejected_limit);
        g_test_add_func("/wire/sasl/line-limit", test_line_limit);
        g_test_add_func("/wire/sasl/total-limit", test_total_limit);
        return g_test_run();
}
