/* SPDX-License-Identifier: MIT */
/* Methods of org.freedesktop.DBus about who is behind a name; handlers of the table in
 * bus/driver-bus. */
#pragma once

#include "wire/method.h"

/** driver_get_unix_user() - GetConnectionUnixUser(name) */
bool driver_get_unix_user(MethodCall *call, void *user);

/** driver_get_process_id() - GetConnectionUnixProcessID(name) */
bool driver_get_process_id(MethodCall *call, void *user);

/**
 * driver_get_audit_data() - GetAdtAuditSessionData(name): exists on Solaris only, so it always
 * fails
 */
bool driver_get_audit_data(MethodCall *call, void *user);

/**
 * driver_get_selinux_context() - GetConnectionSELinuxSecurityContext(name); fails unless
 * SELinux mediates
 */
bool driver_get_selinux_context(MethodCall *call, void *user);

/**
 * driver_get_credentials() - GetConnectionCredentials(name): all that is known, and the
 * container (containers1, section 5)
 */
bool driver_get_credentials(MethodCall *call, void *user);
