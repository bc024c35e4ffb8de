/* SPDX-License-Identifier: MIT */
/*
 * Why a message was not delivered: every such result, its D-Bus error and its text, in one place.
 */
#pragma once

#include "policy/verdict.h"
#include "wire/message.h"

typedef enum Outcome {
        OUTCOME_OK,
        OUTCOME_DENIED,     /* the verdict says why */
        OUTCOME_NO_OWNER,   /* nobody owns the destination, and it shall or can not be started */
        OUTCOME_QUEUE_FULL, /* the receiver does not keep up */
        OUTCOME_TOO_MANY_CALLS, /* the sender waits for too many replies */
        OUTCOME_SERIAL_IN_USE,  /* the sender waits for a reply to this serial already */
        OUTCOME_NO_FDS,         /* descriptors for a receiver that cannot take them */
        OUTCOME_UNKNOWN_TYPE,   /* no message type that may be sent to somebody */
        OUTCOME_NO_HELLO,       /* the sender is not registered */
} Outcome;

/** outcome_error_name() - D-Bus error of @outcome, not OUTCOME_OK, for @message; constant */
const char *outcome_error_name(Outcome outcome, const MessageView *message);

/**
 * outcome_error_text() - what the sender reads
 * @verdict: of OUTCOME_DENIED; else not looked at
 *
 * Speaks of the message and of the layer that denied, never of the receiver beyond what the sender
 * addressed. Return: newly allocated.
 */
char *outcome_error_text(Outcome outcome, const MessageView *message, const PolicyVerdict *verdict);
