/* SPDX-License-Identifier: MIT */
/* The interfaces of bus/ that the driver serves, in the order of introspection. */
#pragma once

#include "bus/bus.h"

/** driver_tables_add() - registers them all; after driver_init() */
void driver_tables_add(Bus *bus);
