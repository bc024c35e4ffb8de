/* SPDX-License-Identifier: MIT */
/* Who sits at the machine, for the policy's at_console. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/**
 * console_has_user() - whether @uid is logged in at a seat of the machine, as logind says
 *
 * Reads one small file below /run. Return: false as well when there is no logind.
 */
bool console_has_user(uid_t uid);
