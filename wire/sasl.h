/* SPDX-License-Identifier: MIT */
/*
 * Server side of the D-Bus authentication protocol ("Authentication Protocol"): bytes in, bytes
 * out, no socket.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * <auth> of the configuration; none given: EXTERNAL and what else the reference allows by default.
 */
typedef enum SaslMechanisms {
        SASL_EXTERNAL = 1 << 0,
        SASL_ANONYMOUS = 1 << 1,
} SaslMechanisms;

typedef enum SaslState {
        SASL_WAIT_NUL, /* the leading zero byte has not come yet */
        SASL_WAIT_AUTH,
        SASL_WAIT_DATA,
        SASL_WAIT_BEGIN,
        SASL_DONE,   /* BEGIN came: the rest of the input is messages */
        SASL_FAILED, /* to be disconnected */
} SaslState;

typedef struct Sasl {
        SaslState state;
        SaslMechanisms mechanisms;
        uid_t uid;           /* of the peer, from the socket */
        const char *guid;    /* 32 hex digits of the listener; borrowed */
        bool can_pass_fds;   /* the transport can */
        bool fds_agreed;     /* NEGOTIATE_UNIX_FD was answered with AGREE_UNIX_FD */
        bool anonymous;      /* authenticated as ANONYMOUS: no identity */
        unsigned n_rejected; /* a small number of failures ends it */
        size_t n_consumed;   /* bytes, all in all */
} Sasl;

/* A line that is longer, or more input than this before BEGIN, fails. */
#define SASL_MAX_LINE 16384
#define SASL_MAX_REJECTED 6

void sasl_init(Sasl *sasl, SaslMechanisms mechanisms, uid_t uid, const char *guid,
               bool can_pass_fds);

/**
 * sasl_feed() - consumes input
 * @input:   what came and was not consumed before
 * @n_input: its bytes
 * @output:  answers are appended; to be sent in any case
 *
 * Consumes whole lines only (and the leading NUL); what is left is less than SASL_MAX_LINE, or the
 * state is DONE or FAILED. After BEGIN nothing more is consumed: what follows are messages.
 * Works with pipelined commands.
 *
 * Return: bytes consumed. @sasl->state says what now.
 */
size_t sasl_feed(Sasl *sasl, const uint8_t *input, size_t n_input, GString *output);
