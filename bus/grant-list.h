/* SPDX-License-Identifier: MIT */
/*
 * What services allow a container by themselves, for people who ask why it may do something.
 */
#pragma once

#include "bus/bus.h"
#include "wire/writer.h"

/**
 * grant_list_write() - appends `a(usossu)`: flags, name, path and interface of each opt-in that holds
 * for @instance; file and line that it is from
 *
 * The name is that of a service file, or the unique name of a connection that has called
 * AllowContainers: no file then.
 */
void grant_list_write(Bus *bus, const Instance *instance, Writer *writer);
