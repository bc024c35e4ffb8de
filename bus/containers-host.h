/* SPDX-License-Identifier: MIT */
/* What containers/ needs done above it: accepting, polling, closing, signals, look-up of names. */
#pragma once

#include "bus/bus.h"

/** containers_host_new() - makes the registry of @bus and serves its interface; needs the driver */
void containers_host_new(Bus *bus);

/** containers_host_stop() - the bus exits: stops all servers, before connections are freed */
void containers_host_stop(Bus *bus);

/** containers_host_free() - when all connections are gone */
void containers_host_free(Bus *bus);

/** containers_host_reload() - takes over bus->config */
void containers_host_reload(Bus *bus);

/** containers_host_sees_name() - BusHooks.sees_name */
bool containers_host_sees_name(Bus *bus, Connection *observer, WireString name);
