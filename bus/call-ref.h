/* SPDX-License-Identifier: MIT */
/*
 * What is left of a call that the bus answers in a later turn.
 */
#pragma once

#include "wire/message.h"

typedef struct CallRef {
        uint64_t caller_id; /* 0: there is nobody to answer */
        uint32_t serial;
        bool expects_reply;
} CallRef;

/** call_ref_of() - @call, made by the connection with the number @caller_id */
static inline CallRef call_ref_of(uint64_t caller_id, const MessageView *call) {
        return (CallRef){ .caller_id = caller_id,
                          .serial = call->serial,
                          .expects_reply = message_view_expects_reply(call) };
}
