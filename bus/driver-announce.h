/* SPDX-License-Identifier: MIT */
/* NameLost, NameOwnerChanged, NameAcquired: who is told when a name gets another owner. */
#pragma once

#include "bus/connection.h"
#include "policy/service-grants.h"

/**
 * driver_announce() - NameLost, NameOwnerChanged and NameAcquired of @change, in this order;
 * nothing if none changed
 *
 * Contained connections are told only about names that they may know of.
 */
void driver_announce(Bus *bus, const NameChange *change);

/**
 * driver_announce_unique() - the same for the unique name of a connection that appears or,
 * @appeared false, goes
 */
void driver_announce_unique(Bus *bus, Connection *connection, bool appeared);

/**
 * driver_connection_gone() - names, queue places and match rules of a connection that closes or
 * becomes a monitor
 *
 * Releases and announces all of them, the unique name with them; for BusHooks.connection_gone.
 * What a monitor watches for goes with its second call, when it closes.
 */
void driver_connection_gone(Bus *bus, Connection *connection);

/**
 * driver_services_changed() - ActivatableServicesChanged; for ActivationHost.services_changed
 * @before: opt-ins of service files, until the last time
 *
 * Contained connections are told when the names that they see and can be started are others.
 */
void driver_services_changed(Bus *bus, const NamedGrants *before);
