/* SPDX-License-Identifier: MIT */
/* UpdateActivationEnvironment: variables of the services that the bus, or systemd for it,
 * starts. */
#pragma once

#include "bus/bus.h"
#include "wire/method.h"

/** driver_update_activation_environment() - UpdateActivationEnvironment(variables) */
bool driver_update_activation_environment(MethodCall *call, void *user);

/**
 * driver_environment_name_owned() - a name has got an owner: if it is systemd's, it is told what it
 * missed
 */
void driver_environment_name_owned(Bus *bus, const char *name);
