/* SPDX-License-Identifier: MIT */
/*
 * Rules as the metadata of a Flatpak app, as far as that has words for them.
 */
#pragma once

#include "tools/rule-list.h"

/**
 * flatpak_writer_write() - metadata of an app that may do what the rules allow
 * @app_id: of the app
 * @session, @system: rules for each bus; NULL: none
 *
 * Names only: what rules say of paths and interfaces is lost, and what Flatpak gives every app is
 * left out. What cannot be said is there as a comment. Return: newly allocated;
 * flatpak_metadata_parse() reads it.
 */
char *flatpak_writer_write(const char *app_id, const RuleList *session, const RuleList *system);
