/* SPDX-License-Identifier: MIT */
/*
 * Messages as text, in the manner of dbus-monitor(1).
 */
#pragma once

#include <gio/gio.h>

/* Header field that names the sender's container server. */
#define MESSAGE_FIELD_CONTAINER 10

/**
 * message_text_header() - kind, time, both ends and what is asked for, in one line without its end
 * @usec: when the message came, since the epoch
 */
char *message_text_header(GDBusMessage *message, gint64 usec);

/** message_text_body() - each argument in lines of its own, indented; empty if there is none */
char *message_text_body(GDBusMessage *message);

/** message_text_get_container() - path of the sender's container; NULL: it is in none */
const char *message_text_get_container(GDBusMessage *message);
