/* SPDX-License-Identifier: MIT */
/*
 * One record for each denial of any layer: in the log, and as the Denied signal of Containers1 when
 * a container is part of it (containers1, section 8).
 */
#pragma once

#include "bus/bus.h"
#include "wire/method.h"

/** denials_report() - BusHooks.denied; also for a verdict that only wants to be logged */
void denials_report(Bus *bus, const PolicyQuery *query, const PolicyVerdict *verdict);

/**
 * denials_report_connect() - BusHooks.connect_denied; @instance is the one whose socket it was, or
 * NULL
 */
void denials_report_connect(Bus *bus, Identity *identity, Instance *instance,
                            const PolicyVerdict *verdict);

/**
 * denials_report_limit() - a call of Containers1 was refused because of a limit
 * @instance: that it was about; NULL: none, the signal tells of the server `/` then
 * @rule:     as quota_format_limit() says it
 */
void denials_report_limit(Bus *bus, const MethodCall *call, const Instance *instance,
                          const char *rule);

/** denials_report_own() - the same for a name that @connection may not own */
void denials_report_own(Bus *bus, Connection *connection, WireString name,
                        const PolicyVerdict *verdict);

/** denials_report_left_out() - logs how many records a server that goes did not get written */
void denials_report_left_out(Instance *instance);
