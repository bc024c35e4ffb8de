/* SPDX-License-Identifier: MIT */
/*
 * A user or group as the configuration names it, and what the system says of it.
 *
 * That the system has no such name is an answer. That it could not be asked, because a descriptor
 * or a server was missing, is none: what was known before stays.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What came of asking, the worst last. */
typedef enum PolicyAnswer {
        POLICY_ANSWER_GIVEN,     /* there is such a name, or there is none */
        POLICY_ANSWER_FAILED,    /* who would know cannot be reached */
        POLICY_ANSWER_EXHAUSTED, /* this process lacks what it takes to ask */
} PolicyAnswer;

typedef struct PolicyAccount {
        char *name;          /* owned; NULL: everybody */
        uint32_t id;         /* uid or gid; meaningless unless known */
        bool known;          /* false: the system did not know the name when it was asked last */
        PolicyAnswer answer; /* the last one */
} PolicyAccount;

/** policy_account_set_user() - @name is a number or a name that is looked up, which may block */
void policy_account_set_user(PolicyAccount *account, const char *name);
void policy_account_set_group(PolicyAccount *account, const char *name);

/**
 * policy_account_look_up() - asks the system for the name again, which may block
 *
 * Without an answer known and id stay as they are.
 */
void policy_account_look_up(PolicyAccount *account, bool is_group);

/** policy_account_why_unknown() - for a log record, behind the name. Return: constant text */
const char *policy_account_why_unknown(const PolicyAccount *account);

void policy_account_copy(PolicyAccount *account, const PolicyAccount *from);
void policy_account_clear(PolicyAccount *account);
