/* SPDX-License-Identifier: MIT */
/* The interface org.freedesktop.DBus itself. */
#pragma once

#include "wire/method.h"

/* Its handlers' user pointer is the Bus. */
extern const MethodTable driver_bus_interface;
