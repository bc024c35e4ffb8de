/* SPDX-License-Identifier: MIT */
/*
 * Which outside connections a contained one may know of because they have sent it something
 * (containers1, section 4, visibility).
 */
#pragma once

#include "bus/connection.h"

/** sightings_add() - @seen has sent a call or a unicast signal to @observer, which is contained;
 * O(1), again does nothing */
void sightings_add(Connection *observer, Connection *seen);

/** sightings_has() - whether it ever did, and is still there; O(1) */
bool sightings_has(const Connection *observer, const Connection *seen);

/** sightings_forget() - @connection goes, as an observer and as one that was seen */
void sightings_forget(Connection *connection);
