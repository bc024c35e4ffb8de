/* SPDX-License-Identifier: MIT */
/*
 * The configuration that a running bus was started with.
 */
#pragma once

#include <gio/gio.h>

/**
 * bus_config_find() - the file, as the command line of the bus's process has it
 *
 * Return: newly allocated; NULL when that cannot be seen or says nothing.
 */
char *bus_config_find(GDBusConnection *connection);
