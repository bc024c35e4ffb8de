/* SPDX-License-Identifier: MIT */
/*
 * The D-Bus lines of a Firejail profile (firejail-profile(5)) and of those that it includes.
 */
#pragma once

#include "tools/app-access.h"

#define FIREJAIL_TYPE "io.github.netblue30.firejail"

/**
 * firejail_profile_load() - adds what a profile allows on each bus; the app id is the file's name
 *
 * A bus that no line is about is open, as it is in Firejail. Lines that hold under a condition
 * are left out. Files of .local may be missing.
 *
 * Return: false with @error, "FILE:LINE: what is wrong, what was expected".
 */
bool firejail_profile_load(AppAccess *access, const char *file, GError **error);
