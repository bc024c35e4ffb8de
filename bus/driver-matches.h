/* SPDX-License-Identifier: MIT */
/* AddMatch and RemoveMatch; handlers of the table in bus/driver-bus. */
#pragma once

#include "bus/match-rule.h"
#include "wire/method.h"

/**
 * driver_add_match() - AddMatch(rule); eavesdropping only for who is privileged, may by the
 * LSM, and is not contained
 */
bool driver_add_match(MethodCall *call, void *user);

/** driver_remove_match() - RemoveMatch(rule): one that is equal */
bool driver_remove_match(MethodCall *call, void *user);

/**
 * driver_parse_rule() - match_rule_parse(); NULL when @call has failed with the error of the
 * reference implementation
 */
MatchRule *driver_parse_rule(MethodCall *call, WireString text);
