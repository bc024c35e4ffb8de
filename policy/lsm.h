/* SPDX-License-Identifier: MIT */
/*
 * Linux security modules that mediate D-Bus, one face for all. Which file implements it is chosen when the bus is built;
 * whether it mediates is found out when it runs.
 */
#pragma once

#include "policy/config.h"
#include "policy/verdict.h"

/**
 * lsm_init() - looks whether a module is there and mediates D-Bus
 *
 * Return: false with @error set when the configuration requires what is not there.
 */
bool lsm_init(const Config *config, GError **error);

/** lsm_reload() - takes over <associate> and mode of a new configuration */
void lsm_reload(const Config *config);

/** lsm_is_enabled() - whether any module has to be asked; when false nothing below is called */
bool lsm_is_enabled(void);

/** lsm_get_feature() - what Features of org.freedesktop.DBus says: "AppArmor", "SELinux"; NULL while nothing mediates */
const char *lsm_get_feature(void);

/**
 * lsm_decide() - may the message of @query pass?
 * @ret_verdict: layer and rule are set on a denial, and with log on what is allowed but to be reported; the rule is
 *               borrowed until the next
 *
 * Not asked for messages of the bus itself.
 */
bool lsm_decide(const PolicyQuery *query, PolicyVerdict *ret_verdict);

/** lsm_decide_own() - may @subject own @name? */
bool lsm_decide_own(const PolicySubject *subject, WireString name, PolicyVerdict *ret_verdict);

/** lsm_decide_eavesdrop() - may @subject watch what is not addressed to it? */
bool lsm_decide_eavesdrop(const PolicySubject *subject, PolicyVerdict *ret_verdict);

/** lsm_can_remember() - whether decisions hold until the module says otherwise; then @policy_forget is called by it */
bool lsm_can_remember(void);

/** lsm_clear() - at exit */
void lsm_clear(void);
