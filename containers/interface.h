/* SPDX-License-Identifier: MIT */
/*
 * org.freedesktop.DBus.Containers1 as the bus serves it at /org/freedesktop/DBus (containers1,
 * section 2).
 */
#pragma once

#include "containers/registry.h"
#include "policy/denial.h"
#include "wire/method.h"

#define CONTAINERS_INTERFACE "org.freedesktop.DBus.Containers1"

/* The table; its user pointer is the Registry. METHOD_UNCONTAINED is the dispatcher's to check,
 * before signatures. */
extern const MethodTable containers_interface;

/**
 * containers_emit_denied() - sends the Denied signal
 * @instance: the contained end of the message, the sender's if both are; NULL: none, those of the
 *            sender's uid hear of it then
 */
void containers_emit_denied(Registry *registry, const Instance *instance, const Denial *denial);
