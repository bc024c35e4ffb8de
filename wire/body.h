/* SPDX-License-Identifier: MIT */
/* Validation of marshalled values; the part of message_parse() that follows signatures. */
#pragma once

#include "wire/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that are being validated. */
typedef struct BodyCursor {
        const uint8_t *bytes; /* 8-aligned: alignment counts from here */
        size_t offset;        /* of what comes next, at most end */
        size_t end;           /* nothing may reach beyond */
        bool big_endian;
} BodyCursor;

/**
 * body_check_values() - validates the values of a valid signature, one after the other
 * @cursor: is behind the values on success
 * @depth:  containers that are open around them
 */
bool body_check_values(BodyCursor *cursor, const char *signature, size_t n_signature,
                       unsigned depth);

/** body_check_variant() - validates one variant: its signature and its value */
bool body_check_variant(BodyCursor *cursor, unsigned depth);

/**
 * body_is_valid() - whether @n_body bytes are exactly the values of @signature
 *
 * For message_parse() and tests. @body may lie at any alignment; padding counts from it. @signature
 * is valid.
 */
bool body_is_valid(const uint8_t *body, size_t n_body, WireString signature,
                           bool big_endian);
