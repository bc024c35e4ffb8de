/* SPDX-License-Identifier: MIT */
/*
 * Linux security modules that mediate D-Bus, one face for all. All that were built in are here at
 * once; which of them mediates is found out when the bus starts.
 */
#pragma once

#include "policy/config.h"
#include "policy/verdict.h"

/**
 * lsm_init() - looks which module is there and mediates D-Bus
 *
 * Return: false with @error set when the configuration requires what is not there.
 */
bool lsm_init(const Config *config, GError **error);

/** lsm_reload() - takes over <associate> of a new configuration */
void lsm_reload(const Config *config);

/** lsm_is_enabled() - whether any module has to be asked; when false nothing below is called */
bool lsm_is_enabled(void);

/**
 * lsm_get_feature() - what Features of org.freedesktop.DBus says: "AppArmor", "SELinux"; NULL while
 * nothing mediates
 */
const char *lsm_get_feature(void);

/**
 * lsm_decide() - may the message of @query pass?
 * @ret_verdict: layer and rule are set on a denial, and with log on what is allowed but to be
 *               reported; the rule is borrowed until the next
 *
 * Not asked for messages of the bus itself. What the module wants to be audited is.
 */
bool lsm_decide(const PolicyQuery *query, PolicyVerdict *ret_verdict);

/** lsm_decide_own() - may @subject own @name? */
bool lsm_decide_own(const PolicySubject *subject, WireString name, PolicyVerdict *ret_verdict);

/** lsm_decide_eavesdrop() - may @subject watch what is not addressed to it? */
bool lsm_decide_eavesdrop(const PolicySubject *subject, PolicyVerdict *ret_verdict);

/**
 * lsm_can_remember() - whether decisions hold until the module's policy is another one
 *
 * Looks whether it is, where that costs next to nothing; policy_forget() has been called then.
 */
bool lsm_can_remember(void);

/**
 * lsm_watch() - has somebody told that another policy was loaded, with which configuration files
 * may have changed
 *
 * Return: a descriptor to be polled, borrowed, for which lsm_dispatch() is called when it is
 * readable; -1 where none is needed.
 */
int lsm_watch(void (*changed)(void *user), void *user);
void lsm_dispatch(void);

/** lsm_clear() - at exit */
void lsm_clear(void);

/**
 * lsm_has_selinux() - whether the kernel runs SELinux, for <include if_selinux_enabled="yes">; also
 * before lsm_init(), and in any thread
 */
bool lsm_has_selinux(void);

/** lsm_get_selinux_root() - where <include selinux_root_relative="yes"> starts; constant */
const char *lsm_get_selinux_root(void);
