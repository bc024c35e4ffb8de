/* SPDX-License-Identifier: MIT */
/*
 * How a service is started as a child: command, environment, and what its end means to those who
 * wait.
 */
#pragma once

#include "bus/bus.h"
#include "bus/service-file.h"
#include "bus/spawn.h"

#include <glib.h>

/* A D-Bus error to be sent. */
typedef struct ServiceError {
        const char *name; /* constant */
        char *text;       /* owned */
} ServiceError;

void service_error_clear(ServiceError *error);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ServiceError, service_error_clear)

/**
 * service_command_new() - the program to be executed and its arguments
 * @helper: <servicehelper>, which is given the name and does the rest; NULL: Exec of the file
 *
 * Return: NULL-terminated, g_strfreev(); NULL with *@ret_error set.
 */
char **service_command_new(const ServiceFile *file, const char *helper, ServiceError *ret_error);

/**
 * service_environment_new() - what a started service finds in its environment
 *
 * That of the bus, changed by UpdateActivationEnvironment, with the address of the bus as
 * DBUS_STARTER_ADDRESS and by its type. What a service manager has passed to the bus itself is left
 * out.
 *
 * Return: NULL-terminated, g_strfreev().
 */
char **service_environment_new(const Bus *bus);

/**
 * service_end_is_failure() - whether a child that ended so will not bring its service any more
 * @helper: the child was the launch helper, whose exit codes have meanings
 *
 * One that exits with 0 may have left another process behind that does.
 *
 * Return: true with *@ret_error set.
 */
bool service_end_is_failure(const char *name, const SpawnResult *result, bool helper,
                            ServiceError *ret_error);
