/* SPDX-License-Identifier: MIT */
/* org.freedesktop.DBus.Debug.Stats: what the bus holds, and for whom. */
#pragma once

#include "wire/method.h"

/* Its handlers' user pointer is the Bus. */
extern const MethodTable driver_stats_interface;
