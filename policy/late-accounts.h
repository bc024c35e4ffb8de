/* SPDX-License-Identifier: MIT */
/*
 * Users and groups that rules speak of and that the system did not know when the configuration was
 * read. They may come to be while the bus runs, as dynamic users do.
 *
 * A plain value: the bus keeps one, a copy of it is looked up where looking up may block, and comes
 * back as an answer.
 */
#pragma once

#include "policy/config.h"
#include "policy/rules.h"

typedef struct LateAccount {
        PolicyAccount account; /* its name, and its id once that is known */
        bool is_group;
} LateAccount;

/**
 * late_accounts_new() - all names of @config without an id, each once
 * @before: the configuration that was in force, NULL: none
 * @late:   what was known of its names, NULL: none
 *
 * A name that could not be looked up while @config was read means who it meant before.
 *
 * Return: of LateAccount *, owned by the caller.
 */
GPtrArray *late_accounts_new(const Config *config, const Config *before, const GPtrArray *late);

GPtrArray *late_accounts_copy(const GPtrArray *accounts);

/** late_accounts_look_up() - asks the system for each; may block for long */
void late_accounts_look_up(GPtrArray *accounts);

/** late_accounts_get_answer() - the worst that came of asking for one of them */
PolicyAnswer late_accounts_get_answer(const GPtrArray *accounts);

/** late_accounts_keep() - names without an answer are as in @before; @accounts is a copy of it */
void late_accounts_keep(GPtrArray *accounts, const GPtrArray *before);

/** late_accounts_equal() - whether all names of @a have the same ids in @b, a copy of it */
bool late_accounts_equal(const GPtrArray *a, const GPtrArray *b);

/** late_accounts_have_groups() - whether some of them are groups */
bool late_accounts_have_groups(const GPtrArray *accounts);

/** late_accounts_find() - what is known of @name by now, NULL when it is none of these */
const PolicyAccount *late_accounts_find(const GPtrArray *accounts, const char *name, bool is_group);
