/* SPDX-License-Identifier: MIT */
/* Methods of org.freedesktop.DBus about names; handlers of the table in bus/driver-bus, which
 * see. */
#pragma once

#include "wire/method.h"

/**
 * driver_request_name() - RequestName(name, flags): may it, is there room, then bus/names
 * decides
 */
bool driver_request_name(MethodCall *call, void *user);

/** driver_release_name() - ReleaseName(name) */
bool driver_release_name(MethodCall *call, void *user);

/** driver_name_has_owner() - NameHasOwner(name); the bus has its own name */
bool driver_name_has_owner(MethodCall *call, void *user);

/** driver_get_name_owner() - GetNameOwner(name): unique name of the primary owner */
bool driver_get_name_owner(MethodCall *call, void *user);

/** driver_list_queued_owners() - ListQueuedOwners(name), the primary owner first */
bool driver_list_queued_owners(MethodCall *call, void *user);

/**
 * driver_list_names() - ListNames(): the bus, unique names, well-known names; what the caller
 * may know
 */
bool driver_list_names(MethodCall *call, void *user);

/** driver_list_activatable_names() - ListActivatableNames() */
bool driver_list_activatable_names(MethodCall *call, void *user);
