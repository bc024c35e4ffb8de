/* SPDX-License-Identifier: MIT */
/*
 * The way of a message: from the connection that sent it, past the verdict, to those who get it.
 *
 * Nothing reaches a connection but through the functions here.
 */
#pragma once

#include "bus/call-ref.h"
#include "bus/connection.h"
#include "wire/writer.h"

/** router_route() - one message of @sender; the whole trip. @message stays the caller's */
void router_route(Bus *bus, Connection *sender, const Message *message);

/**
 * router_send_return() - the answer of the bus to @call; none when it expects none
 * @body: NULL for none; empty afterwards
 */
void router_send_return(Bus *bus, Connection *receiver, const MessageView *call, Writer *body);

/**
 * router_send_late_return() - the same in a later turn; nobody gets it when the caller is gone
 * @body: empty afterwards
 */
void router_send_late_return(Bus *bus, const CallRef *call, Writer *body);

/**
 * router_send_error() - an error of the bus in answer to @call
 *
 * As in the reference implementation also to messages that expect no reply, but for contained
 * senders: those would learn from it what is hidden from them, and only monitors get it.
 */
void router_send_error(Bus *bus, Connection *receiver, const MessageView *call,
                       const char *error_name, const char *text);

/** router_send_late_error() - the same in a later turn; nobody gets it when the caller is gone */
void router_send_late_error(Bus *bus, const CallRef *call, const char *error_name,
                            const char *text);

/** router_send_error_for() - an error for a call with @serial that expects an answer */
void router_send_error_for(Bus *bus, Connection *receiver, uint32_t serial, const char *error_name,
                           const char *text);

/** router_send_signal() - a signal of org.freedesktop.DBus to one connection (NameAcquired,
 * NameLost) */
void router_send_signal(Bus *bus, Connection *receiver, const char *member, Writer *body);

/* May a connection get this broadcast of the bus? For what contained connections must not learn. */
typedef bool (*RouterFilter)(Connection *receiver, void *user);

/** router_broadcast_signal() - a signal of the bus to all whose match rules ask for it; @filter
 * NULL: everybody */
void router_broadcast_signal(Bus *bus, const char *interface, const char *member, Writer *body,
                             RouterFilter filter, void *user);

/**
 * router_deliver() - a message that was parked until its destination appeared; re-enters at the
 * verdict
 * @sender: still open; NULL: it is gone by now
 *
 * The sender gets an error when the verdict refuses, as if it had sent the message now.
 */
void router_deliver(Bus *bus, Connection *sender, const Message *message);

/** router_call() - a method call of the bus itself to @receiver (systemd activation, agents); no
 * reply is waited for */
void router_call(Bus *bus, Connection *receiver, const MessageHeader *header, Writer *body);

/**
 * router_request_start() - a message that asks for the start of a service
 * @starter: who shall start it; NULL: is not there yet, so that only monitors learn of it
 * @again:   monitors have got it before
 *
 * Monitors get it before the message that needs the service, as with the reference implementation.
 */
void router_request_start(Bus *bus, Connection *starter, const MessageHeader *header, Writer *body,
                          bool again);

/** router_expire_replies() - answers calls whose reply_timeout is over with NoReply */
void router_expire_replies(Bus *bus);

/** router_fail_replies() - @callee goes: who still waits for its answers gets NoReply */
void router_fail_replies(Bus *bus, Connection *callee);
