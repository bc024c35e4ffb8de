/* SPDX-License-Identifier: MIT */
/*
 * The metadata file of a Flatpak app (flatpak-metadata(5)): its name, and what it may reach on
 * each bus.
 */
#pragma once

#include "tools/app-access.h"

#define FLATPAK_TYPE "org.flatpak"

/**
 * flatpak_metadata_parse() - adds what @text says to @access, and what Flatpak gives every app
 * @text: UTF-8, as small_file_check() wants it
 * @name: of the file, for errors and sources
 *
 * Return: false with @error, "NAME:LINE: what is wrong, what was expected" where a line is to
 *         blame.
 */
bool flatpak_metadata_parse(AppAccess *access, const char *text, const char *name, GError **error);

/** flatpak_metadata_load() - the same for a file */
bool flatpak_metadata_load(AppAccess *access, const char *file, GError **error);
