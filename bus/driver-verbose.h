/* SPDX-License-Identifier: MIT */
/* org.freedesktop.DBus.Verbose: debug records in the log, on and off. */
#pragma once

#include "wire/method.h"

/* Its handlers' user pointer is the Bus. */
extern const MethodTable driver_verbose_interface;
