/* SPDX-License-Identifier: MIT */
/* Rights and limits of the process: its user, and how many descriptors it may open. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/resource.h>

/**
 * privileges_change_user() - becomes @user, a name or a number, with all its groups
 *
 * Gives up every capability but CAP_AUDIT_WRITE, which LSM records need, where the process has it.
 * Looks afterwards whether nothing else is left. Before any thread is started. Blocks: asks the user
 * database. Nothing when the process is that user already, in every respect.
 */
bool privileges_change_user(const char *user, GError **error);

/**
 * privileges_refuse_executable_memory() - no memory that was writable can become executable
 *
 * For good, in this process alone: what it starts may do as it likes. Nothing before Linux 6.6, and
 * where the process has such memory already.
 */
void privileges_refuse_executable_memory(void);

/**
 * privileges_raise_descriptor_limit() - to the hard limit; as root to 65536 where that is more
 *
 * What cannot be raised stays as it is. The old limit is remembered for children.
 */
void privileges_raise_descriptor_limit(void);

/**
 * privileges_get_child_descriptor_limit() - RLIMIT_NOFILE as it was when the process started
 *
 * Return: borrowed for good; NULL when nothing was raised.
 */
const struct rlimit *privileges_get_child_descriptor_limit(void);
