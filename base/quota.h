/* SPDX-License-Identifier: MIT */
/*
 * What the bus holds for somebody, counted against a limit of that somebody.
 *
 * A Quota belongs to one connection, one user or one container. It may have a parent: a charge is
 * made to the whole chain or to nobody. Limits are shared arrays, so that a reload changes them for
 * all at once.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum QuotaKind {
        QUOTA_INCOMING_BYTES, /* sent by it and still held in queues of others; max_incoming_bytes
                               */
        QUOTA_INCOMING_FDS,   /* max_incoming_unix_fds */
        QUOTA_OUTGOING_BYTES, /* waiting in its own queue; max_outgoing_bytes */
        QUOTA_OUTGOING_FDS,   /* max_outgoing_unix_fds */
        QUOTA_NAMES,          /* owned and queued names; max_names_per_connection */
        QUOTA_MATCHES,        /* max_match_rules_per_connection */
        QUOTA_REPLIES,        /* calls that it waits for; max_replies_per_connection */
        QUOTA_ACTIVATIONS,    /* pending activations that it waits for */
        QUOTA_CONNECTIONS,    /* of a user or container */
        QUOTA_KINDS,
} QuotaKind;

typedef struct QuotaLimits {
        uint64_t max[QUOTA_KINDS];
} QuotaLimits;

typedef struct Quota {
        struct Quota *parent;      /* borrowed, outlives this; NULL: none */
        const QuotaLimits *limits; /* borrowed, outlives this */
        unsigned factor;           /* the limits count this many times: 1, for a container 4 */
        uint64_t used[QUOTA_KINDS];
        uint64_t peak[QUOTA_KINDS]; /* most that was ever used at once, for statistics */
} Quota;

void quota_init(Quota *quota, Quota *parent, const QuotaLimits *limits, unsigned factor);

/** quota_clear() - asserts that everything was given back */
void quota_clear(Quota *quota);

/**
 * quota_charge() - counts @n of @kind against @quota and its parents
 *
 * Return: false, and nothing charged, when one of them would be over its limit.
 */
bool quota_charge(Quota *quota, QuotaKind kind, uint64_t n) G_GNUC_WARN_UNUSED_RESULT;

/** quota_charge_over() - counts @n without asking the limit, for what is already there and must be
 * held */
void quota_charge_over(Quota *quota, QuotaKind kind, uint64_t n);

/** quota_refund() - gives @n back, through the whole chain; more than was charged is asserted */
void quota_refund(Quota *quota, QuotaKind kind, uint64_t n);

/** quota_has_room() - whether quota_charge() of @n would succeed now */
bool quota_has_room(const Quota *quota, QuotaKind kind, uint64_t n);

/**
 * quota_describe_limit() - which limit of a chain has no room for @n, as records say it
 *
 * `NAME=VALUE` for the limit of one connection, `container:NAME=VALUE` for what the connections of
 * a container have together; VALUE is what is allowed there. When all have room (a
 * share of the limit was in the way), it is that of @quota itself. Return: newly allocated.
 */
char *quota_describe_limit(const Quota *quota, QuotaKind kind, uint64_t n);

/** quota_format_limit() - the same for a limit that is no quota's; @whose: NULL: as configured */
char *quota_format_limit(const char *whose, const char *name, uint64_t value);
