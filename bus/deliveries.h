/* SPDX-License-Identifier: MIT */
/*
 * Broadcasts that reached a container, told to those who asked for it: which of its connections get
 * one is decided by match rules, three layers of policy and room in queues, and nobody but the bus
 * knows all that.
 */
#pragma once

#include "bus/connection.h"

#define DELIVERIES_INTERFACE "org.freedesktop.DBus.Debug.Stats"

/** deliveries_watch() - @watcher, active, is told from now on */
void deliveries_watch(Connection *watcher);

/** deliveries_forget() - no longer; fine for one that never was */
void deliveries_forget(Connection *watcher);

/** deliveries_report() - @receiver, contained, has got a broadcast; @sender NULL: of the bus */
void deliveries_report(Bus *bus, const Connection *sender, const Connection *receiver,
                       const Message *message);
