/* SPDX-License-Identifier: MIT */
/*
 * What RequestSenderFacts gives: the facts of GetConnectionCredentials that header fields have room
 * for, found out once for each sender, and only when somebody wants them.
 */
#pragma once

#include "bus/connection.h"

/** sender_facts_set() - finds out the facts of a registered connection, for its stamp */
void sender_facts_set(Connection *sender);

/** sender_facts_set_bus() - the same for the stamp of the bus itself */
void sender_facts_set_bus(Bus *bus);
