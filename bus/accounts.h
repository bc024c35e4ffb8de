/* SPDX-License-Identifier: MIT */
/*
 * Who is who, while the bus runs: users and groups that the configuration names and the system did
 * not know at first.
 *
 * When somebody connects and there are such names, they are looked up anew, in a thread. Until the
 * answer is there nothing of him is handled, so that a <deny> for him holds from his first message.
 * Nobody else waits, and neither does
 *
 *      - the superuser and the bus's own user, who were there before the bus
 *      - whoever already has a connection that was asked about
 *
 * When the system does not answer, who waits is hung up on after auth_timeout. When it says for
 * some seconds that it cannot tell, because a server is not reached, who waits goes on under what
 * is known, as if the configuration had been read then. For everybody else a name means who it
 * meant before. It is asked again until there is an answer.
 */
#pragma once

#include "base/hash.h"
#include "base/identity.h"
#include "bus/loop.h"
#include "bus/workers.h"
#include "policy/config.h"
#include "policy/verdict.h"

typedef struct Accounts Accounts;

/* Embedded in each connection; zeroed it is one that nobody asked about. */
typedef struct AccountsPeer AccountsPeer;
struct AccountsPeer {
        ListNode node; /* linked while it waits */
        uint64_t came; /* number of the newest look-up when it began to wait */
        GBytes *key;   /* owned; uid, and groups where these matter; NULL: it was not asked about */
        uint64_t generation; /* of the configuration for which it counts as known; 0: it does not */
        void (*known)(AccountsPeer *peer); /* it is known who it is */
};

typedef struct AccountsHost {
        /* some name has another id now: the policy is another one */
        void (*changed)(void *user, GPtrArray *accounts);
        void *user;
} AccountsHost;

/** accounts_new() - @loop and @workers are borrowed */
Accounts *accounts_new(Loop *loop, Workers *workers, const AccountsHost *host);
void accounts_free(Accounts *accounts);

/**
 * accounts_set_config() - the names that @config did not know; they are looked up anew, for those
 *                         who wait and those who are there
 * @before: the configuration in force until now, NULL: none
 *
 * Return: of LateAccount *, borrowed until the next call or change; for policy_new_with_accounts().
 */
GPtrArray *accounts_set_config(Accounts *accounts, const Config *config, const Config *before);

/**
 * accounts_must_wait() - whether it has to be found out first who @identity is
 * @known: called when that is done, unless accounts_forget() comes first
 */
bool accounts_must_wait(Accounts *accounts, AccountsPeer *peer, Identity *identity,
                        void (*known)(AccountsPeer *peer));

/** accounts_forget() - the connection is gone; again does nothing */
void accounts_forget(Accounts *accounts, AccountsPeer *peer);
