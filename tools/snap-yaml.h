/* SPDX-License-Identifier: MIT */
/*
 * The dbus plugs and slots of an app in a snap.yaml.
 */
#pragma once

#include "tools/app-access.h"

#define SNAP_TYPE "io.snapcraft"

/**
 * snap_yaml_load() - adds what the plugs and slots of @app allow; its app id is snap.NAME.APP
 *
 * A slot of the interface dbus lets it own the slot's name on the slot's bus, and a plug talk to
 * the plug's. Those at the top that no app or hook names are for all apps. Built without libyaml
 * this always fails, and says so.
 *
 * Return: false with @error, "FILE:LINE: what is wrong, what was expected".
 */
bool snap_yaml_load(AppAccess *access, const char *file, const char *app, GError **error);
