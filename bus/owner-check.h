/* SPDX-License-Identifier: MIT */
/*
 * <service_owner_check/>: a name whose .service file has User= is owned by that user or by nobody.
 *
 * Who the user is, the system is asked anew for each request, in a thread: an answer that is kept
 * would be wrong for a user who comes to be later, or whose id is given to another one. Nothing
 * else of the caller is handled meanwhile; everybody else goes on.
 */
#pragma once

#include "bus/bus.h"
#include "bus/workers.h"

typedef struct OwnerCheck OwnerCheck;

/* What is known of a request by now. */
typedef enum OwnerAnswer {
        OWNER_ALLOWED,
        OWNER_DENIED,
        OWNER_UNKNOWN, /* the system did not say, or not in time, who the user is */
        OWNER_BUSY,    /* more is waiting than a limit allows */
        OWNER_LATER,   /* the request is parked, and comes once more as a driver message */
} OwnerAnswer;

/** owner_check_new() - both are borrowed */
OwnerCheck *owner_check_new(Bus *bus, Workers *workers);

/** owner_check_free() - after all connections; NULL is fine */
void owner_check_free(OwnerCheck *check);

/**
 * owner_check_ask() - may @caller own @name, as far as the name's service file is concerned?
 * @message:     the RequestName call that asks
 * @ret_verdict: on OWNER_DENIED the key of the file that denies; borrowed until the loop runs
 *
 * OWNER_ALLOWED without the element, without a file, and for a file without User=.
 */
OwnerAnswer owner_check_ask(OwnerCheck *check, Connection *caller, WireString name,
                            const Message *message, PolicyVerdict *ret_verdict);

/** owner_check_connection_gone() - drops what it waits for; again does nothing */
void owner_check_connection_gone(OwnerCheck *check, Connection *connection);
