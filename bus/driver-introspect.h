/* SPDX-License-Identifier: MIT */
/* org.freedesktop.DBus.Introspectable, .Properties and .Peer: what every object has ("Standard
 * Interfaces"). */
#pragma once

#include "wire/method.h"

/* The user pointer of their handlers is the Bus. */
extern const MethodTable driver_introspectable_interface;
extern const MethodTable driver_properties_interface;
extern const MethodTable driver_peer_interface;
