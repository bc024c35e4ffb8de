/* SPDX-License-Identifier: MIT */
/* Leading arguments of a message, as match rules ask for them. */
#pragma once

#include "wire/message.h"

/* Up to 64 leading arguments that match rules ask for ("Match Rules", argN). */
typedef struct MessageArgs {
        unsigned n_args;
        char types[64];       /* first type code of argument i; set below n_args, as texts */
        WireString texts[64]; /* of 's', 'o' and 'g' arguments, else data NULL */
} MessageArgs;

/**
 * message_get_args() - reads the first @n_wanted arguments (at most 64), fewer if there are fewer
 */
void message_get_args(const MessageView *view, unsigned n_wanted, MessageArgs *ret_args);
