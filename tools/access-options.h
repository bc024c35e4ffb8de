/* SPDX-License-Identifier: MIT */
/*
 * The options that say what an app may reach: rules, files of them, and the formats of sandboxes.
 */
#pragma once

#include "tools/app-access.h"

/* Embed it zeroed, hand it to access_options_add(). */
typedef struct AccessOptions {
        char **rules, **rule_files;            /* owned, NULL if not given */
        char *flatpak, *firejail, *snap, *app; /* owned, NULL if not given */
} AccessOptions;

/** access_options_add() - adds them to those of a command; @options must outlive @context */
void access_options_add(AccessOptions *options, GOptionContext *context);
void access_options_clear(AccessOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AccessOptions, access_options_clear)

/** access_options_given() - whether any of them was */
bool access_options_given(const AccessOptions *options);

/**
 * access_options_load() - reads what they name into @access
 *
 * --allow and --allow-file hold for every bus. Return: false with @error naming option, or file
 * and line.
 */
bool access_options_load(const AccessOptions *options, AppAccess *access, GError **error);
