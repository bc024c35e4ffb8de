/* SPDX-License-Identifier: MIT */
/*
 * What the program in a sandbox may not ask the kernel for.
 */
#pragma once

#include <glib.h>

/**
 * sandbox_filter_open() - a descriptor from which bubblewrap reads its system call filter
 *
 * Return: it stays open at exec, caller closes it; -1 with @error set.
 */
int sandbox_filter_open(GError **error);
