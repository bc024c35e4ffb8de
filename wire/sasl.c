/* SPDX-License-Identifier: MIT */
/*
 * The server's half of the authentication protocol.
 *
 *     state        AUTH          DATA           NEGOTIATE_UNIX_FD   BEGIN    CANCEL     ERROR
 *     WAIT_AUTH    see below     error          error               FAILED   error      rejected
 *     WAIT_DATA    error         see below      error               FAILED   rejected   rejected
 *     WAIT_BEGIN   error         error          agreed              DONE     rejected   rejected
 *
 * Both AUTH and DATA lead to WAIT_BEGIN when the identity is accepted and back to WAIT_AUTH when
 * not; AUTH EXTERNAL without a response leads to WAIT_DATA. Errors leave the state as it is. Of an
 * identity there is only one: the kernel has said who the peer is, and all that the peer can do is
 * to agree.
 */
#include "wire/sasl.h"

#include "wire/syntax.h"

#include <string.h>

/* A part of the input; not NUL-terminated. */
typedef struct Text {
        const char *data;
        size_t length;
} Text;

typedef struct Command {
        const char *name;
        void (*handle)(Sasl *sasl, Text arguments, GString *output);
} Command;

void sasl_init(Sasl *sasl, SaslMechanisms mechanisms, uid_t uid, const char *guid,
               bool can_pass_fds) {
        *sasl = (Sasl){
                .state = SASL_WAIT_NUL,
                .mechanisms = mechanisms,
                .uid = uid,
                .guid = guid,
                .can_pass_fds = can_pass_fds,
        };
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static bool text_is(Text text, const char *other) {
        return text.length == strlen(other) && memcmp(text.data, other, text.length) == 0;
}

/* Cuts the first word and the blanks behind it off @rest. */
static Text take_word(Text *rest) {
        Text word = { .data = rest->data };

        while (word.length < rest->length && !is_blank(rest->data[word.length]))
                word.length++;
        rest->data += word.length;
        rest->length -= word.length;
        while (rest->length > 0 && is_blank(*rest->data)) {
                rest->data++;
                rest->length--;
        }
        return word;
}

/* Return: what @hex says, NUL behind it; NULL when it is not hexadecimal. */
static char *decode_hex(Text hex, size_t *ret_length) {
        g_autofree char *decoded = g_malloc(hex.length / 2 + 1);

        if (hex.length % 2 != 0)
                return NULL;
        for (size_t i = 0; i < hex.length / 2; i++) {
                int high = g_ascii_xdigit_value(hex.data[2 * i]);
                int low = g_ascii_xdigit_value(hex.data[2 * i + 1]);

                if (high < 0 || low < 0)
                        return NULL;
                decoded[i] = (char)(high * 16 + low);
        }
        decoded[hex.length / 2] = '\0';
        *ret_length = hex.length / 2;
        return g_steal_pointer(&decoded);
}

static void answer_error(GString *output, const char *text) {
        g_string_append_printf(output, "ERROR \"%s\"\r\n", text);
}

static void reject(Sasl *sasl, GString *output) {
        g_string_append(output, "REJECTED");
        if (sasl->mechanisms & SASL_EXTERNAL)
                g_string_append(output, " EXTERNAL");
        if (sasl->mechanisms & SASL_ANONYMOUS)
                g_string_append(output, " ANONYMOUS");
        g_string_append(output, "\r\n");

        sasl->anonymous = false;
        sasl->fds_agreed = false;
        sasl->n_rejected++;
        sasl->state = sasl->n_rejected < SASL_MAX_REJECTED ? SASL_WAIT_AUTH : SASL_FAILED;
}

static void accept_peer(Sasl *sasl, bool anonymous, GString *output) {
        g_string_append_printf(output, "OK %s\r\n", sasl->guid);
        sasl->anonymous = anonymous;
        sasl->state = SASL_WAIT_BEGIN;
}

/* Whether @identity is the decimal number of the peer's uid, written in the one usual way. */
static bool is_own_uid(const Sasl *sasl, const char *identity, size_t length) {
        g_autofree char *uid = g_strdup_printf("%lu", (unsigned long)sasl->uid);

        return strlen(uid) == length && memcmp(uid, identity, length) == 0;
}

/* The response to EXTERNAL, which may be empty: then the peer is whoever the kernel says. */
static void check_external(Sasl *sasl, Text hex, GString *output) {
        g_autofree char *identity = NULL;
        size_t length;

        identity = decode_hex(hex, &length);
        if (!identity)
                answer_error(output, "Response is not hexadecimal");
        else if (length == 0 || is_own_uid(sasl, identity, length))
                accept_peer(sasl, false, output);
        else
                reject(sasl, output);
}

/* ANONYMOUS proves nothing; the response is a note to the administrator, which nobody reads. */
static void check_anonymous(Sasl *sasl, Text hex, GString *output) {
        g_autofree char *note = NULL;
        size_t length;

        note = decode_hex(hex, &length);
        if (!note)
                answer_error(output, "Response is not hexadecimal");
        else if (syntax_is_utf8(note, length))
                accept_peer(sasl, true, output);
        else
                reject(sasl, output);
}

static void handle_auth(Sasl *sasl, Text arguments, GString *output) {
        Text mechanism;

        if (sasl->state != SASL_WAIT_AUTH) {
                answer_error(output, "AUTH is not expected now");
                return;
        }
        mechanism = take_word(&arguments);
        if ((sasl->mechanisms & SASL_EXTERNAL) && text_is(mechanism, "EXTERNAL")) {
                if (arguments.length > 0) {
                        check_external(sasl, arguments, output);
                        return;
                }
                g_string_append(output, "DATA\r\n");
                sasl->state = SASL_WAIT_DATA;
                return;
        }
        if ((sasl->mechanisms & SASL_ANONYMOUS) && text_is(mechanism, "ANONYMOUS"))
                check_anonymous(sasl, arguments, output);
        else
                reject(sasl, output);
}

static void handle_data(Sasl *sasl, Text arguments, GString *output) {
        if (sasl->state == SASL_WAIT_DATA)
                check_external(sasl, arguments, output);
        else
                answer_error(output, "DATA is not expected now");
}

static void handle_negotiate_unix_fd(Sasl *sasl, G_GNUC_UNUSED Text arguments, GString *output) {
        if (sasl->state != SASL_WAIT_BEGIN) {
                answer_error(output, "Authentication comes first");
                return;
        }
        if (!sasl->can_pass_fds) {
                answer_error(output, "This transport cannot pass descriptors");
                return;
        }
        sasl->fds_agreed = true;
        g_string_append(output, "AGREE_UNIX_FD\r\n");
}

static void handle_begin(Sasl *sasl, G_GNUC_UNUSED Text arguments, G_GNUC_UNUSED GString *output) {
        sasl->state = sasl->state == SASL_WAIT_BEGIN ? SASL_DONE : SASL_FAILED;
}

static void handle_cancel(Sasl *sasl, G_GNUC_UNUSED Text arguments, GString *output) {
        if (sasl->state == SASL_WAIT_AUTH)
                answer_error(output, "There is nothing to cancel");
        else
                reject(sasl, output);
}

static void handle_error(Sasl *sasl, G_GNUC_UNUSED Text arguments, GString *output) {
        reject(sasl, output);
}

static const Command commands[] = {
        { "AUTH", handle_auth },     { "DATA", handle_data },
        { "BEGIN", handle_begin },   { "NEGOTIATE_UNIX_FD", handle_negotiate_unix_fd },
        { "CANCEL", handle_cancel }, { "ERROR", handle_error },
};

static bool is_ascii(Text text) {
        for (size_t i = 0; i < text.length; i++)
                if (text.data[i] < 1 || (uint8_t)text.data[i] > 0x7f)
                        return false;
        return true;
}

static void handle_line(Sasl *sasl, Text line, GString *output) {
        Text name;

        if (!is_ascii(line)) {
                answer_error(output, "Not ASCII");
                return;
        }
        name = take_word(&line);
        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
                if (text_is(name, commands[i].name)) {
                        commands[i].handle(sasl, line, output);
                        return;
                }
        }
        answer_error(output, "No such command");
}

static bool is_over(const Sasl *sasl) {
        return sasl->state == SASL_DONE || sasl->state == SASL_FAILED;
}

/* Consumes one line. Return: its bytes with the line end, 0 when no whole line is there. */
static size_t feed_line(Sasl *sasl, const uint8_t *input, size_t n_input, GString *output) {
        const uint8_t *end = memmem(input, n_input, "\r\n", 2);
        Text line = { .data = (const char *)input };

        if (!end)
                return 0;
        line.length = (size_t)(end - input);
        handle_line(sasl, line, output);
        return line.length + 2;
}

size_t sasl_feed(Sasl *sasl, const uint8_t *input, size_t n_input, GString *output) {
        size_t offset = 0, n;

        if (sasl->state == SASL_WAIT_NUL && n_input > 0) {
                sasl->state = input[0] == 0 ? SASL_WAIT_AUTH : SASL_FAILED;
                offset = 1;
                sasl->n_consumed = 1;
        }
        while (!is_over(sasl) && offset < n_input) {
                size_t n_allowed = SASL_MAX_LINE - sasl->n_consumed;

                n = feed_line(sasl, input + offset, MIN(n_input - offset, n_allowed), output);
                if (n == 0 && n_input - offset >= n_allowed)
                        sasl->state = SASL_FAILED;
                if (n == 0)
                        break;
                offset += n;
                sasl->n_consumed += n;
        }
        return offset;
}
