/* SPDX-License-Identifier: MIT */
/*
 * Authentication of anybody. The first byte of the input chooses the mechanisms and how the rest is cut into
 * pieces. Whatever comes, the outcome is the same in one piece as in many, answers are whole lines and
 * bounded, and nobody gets in who did not give the peer's own uid, or none, or may be anonymous.
 */
#include "wire/sasl.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define GUID "0123456789abcdef0123456789abcdef"
#define UID 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

static bool is_over(const Sasl *sasl) {
        return sasl->state == SASL_DONE || sasl->state == SASL_FAILED;
}

/* Return: bytes consumed. */
static size_t feed_pieces(Sasl *sasl, const uint8_t *data, size_t size, size_t n_piece,
                          GString *output) {
        size_t n_seen = 0, offset = 0;

        while (n_seen < size && !is_over(sasl)) {
                g_autofree uint8_t *exact = NULL;
                size_t n;

                n_seen = MIN(n_seen + n_piece, size);
                exact = g_memdup2(data + offset, n_seen - offset);
                n = sasl_feed(sasl, exact, n_seen - offset, output);
                require(n <= n_seen - offset);
                offset += n;
                require(is_over(sasl) || n_seen - offset < SASL_MAX_LINE);
        }
        return offset;
}

static void check_answers(const Sasl *sasl, const GString *output) {
        const char *ok = strstr(output->str, "OK " GUID "\r\n");

        require(output->len == 0 || g_str_has_suffix(output->str, "\r\n"));
        require(strlen(output->str) == output->len);
        require(output->len <= SASL_MAX_LINE * 32);
        require(sasl->n_rejected <= SASL_MAX_REJECTED);
        require(ok || (sasl->state != SASL_DONE && sasl->state != SASL_WAIT_BEGIN));
        require(!sasl->anonymous || (sasl->mechanisms & SASL_ANONYMOUS));
        require(sasl->state != SASL_DONE || sasl->mechanisms != 0);
}

/* Who was accepted as EXTERNAL: with the own uid in hexadecimal, or with nothing at all. */
static void check_identity(const Sasl *sasl, const uint8_t *data, size_t size) {
        if (sasl->state != SASL_DONE || sasl->anonymous)
                return;
        require(memmem(data, size, "AUTH", 4) && memmem(data, size, "EXTERNAL", 8));
        require(memmem(data, size, "31303030", 8) || memmem(data, size, "DATA", 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autoptr(GString) one = g_string_new(NULL), many = g_string_new(NULL);
        SaslMechanisms mechanisms;
        Sasl sasl, other;
        size_t n_piece;

        if (size == 0)
                return 0;
        mechanisms = data[0] & (SASL_EXTERNAL | SASL_ANONYMOUS);
        n_piece = 1 + (data[0] >> 3);
        sasl_init(&sasl, mechanisms, UID, GUID, data[0] & 4);
        sasl_init(&other, mechanisms, UID, GUID, data[0] & 4);
        feed_pieces(&sasl, data + 1, size - 1, SIZE_MAX / 2, one);
        check_answers(&sasl, one);
        check_identity(&sasl, data + 1, size - 1);

        feed_pieces(&other, data + 1, size - 1, n_piece, many);
        require(sasl.state == other.state);
        require(sasl.fds_agreed == other.fds_agreed && sasl.anonymous == other.anonymous);
        require(g_string_equal(one, many));
        return 0;
}
