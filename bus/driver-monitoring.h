/* SPDX-License-Identifier: MIT */
/* org.freedesktop.DBus.Monitoring: a connection that only watches. */
#pragma once

#include "wire/method.h"

/* Its handlers' user pointer is the Bus. */
extern const MethodTable driver_monitoring_interface;
