/* SPDX-License-Identifier: MIT */
/*
 * org.freedesktop.DBus: dispatch of method calls to the interfaces that the bus itself serves.
 *
 * Checks come in this order: path and interface, member, privilege, signature, then the handler.
 */
#pragma once

#include "bus/connection.h"
#include "wire/method.h"

/** driver_add_table() - serves @table, with @user for its handlers; both borrowed for good. In order of introspection */
void driver_add_table(Bus *bus, const MethodTable *table, void *user);

/** driver_message() - BusHooks.driver_message: a message to the driver that the verdict let through */
void driver_message(Bus *bus, Connection *sender, const Message *message);

/** driver_announce() - NameLost, NameOwnerChanged and NameAcquired of @change, in the reference's order; nothing if none changed */
void driver_announce(Bus *bus, const NameChange *change);

/** driver_announce_unique() - the same for a unique name that appears or, @appeared false, goes */
void driver_announce_unique(Bus *bus, Connection *connection, bool appeared);

/** driver_init() - registers all interfaces of bus/; driver_clear() frees what it made */
void driver_init(Bus *bus);
void driver_clear(Bus *bus);
