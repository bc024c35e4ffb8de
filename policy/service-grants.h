/* SPDX-License-Identifier: MIT */
/*
 * Opt-ins: what a service allows to containers by itself (containers1, section 6).
 *
 * ServiceGrants belong to one connection, hold for all its names and are kept beside it. Named
 * grants come from service files and hold for whoever owns the name, or is started to own it.
 */
#pragma once

#include "base/hash.h"
#include "policy/container-rules.h"

/* Server number of grants that are for every container. */
#define GRANTS_FOR_ALL UINT64_MAX

typedef struct ServiceGrants ServiceGrants;

/* Counts what all connections of one user have granted together. */
typedef struct GrantAccount GrantAccount;

/** grant_account_new() - nothing yet. Return: a reference */
GrantAccount *grant_account_new(void);
void grant_account_unref(GrantAccount *account);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GrantAccount, grant_account_unref)

/** grant_account_is_used() - whether any ServiceGrants count there */
bool grant_account_is_used(const GrantAccount *account);

/** grant_account_get_limit() - how many rules one user may have, given the limit of a connection */
uint64_t grant_account_get_limit(uint64_t max_rules);

/** grant_account_get_room() - how many more there may be, given the limit of a connection */
RuleRoom grant_account_get_room(const GrantAccount *account, uint64_t max_rules);

/** service_grants_new() - none yet, in no list; @account: referenced, NULL: they count nowhere */
ServiceGrants *service_grants_new(GrantAccount *account);

/** service_grants_free() - takes them out of their list too. NULL is fine */
void service_grants_free(ServiceGrants *grants);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServiceGrants, service_grants_free)

/** service_grants_get_node() - for a list of their keeper; and back */
ListNode *service_grants_get_node(ServiceGrants *grants);
ServiceGrants *service_grants_from_node(ListNode *node);

/** service_grants_get_generation() - changes whenever they do; 0 for NULL. Numbers as NameSet's */
uint64_t service_grants_get_generation(const ServiceGrants *grants);

/** service_grants_count() - rules given and not withdrawn */
size_t service_grants_count(const ServiceGrants *grants);

/** service_grants_get_room() - how many more there may be, given a limit. NULL: none so far */
RuleRoom service_grants_get_room(const ServiceGrants *grants, uint64_t max_rules);

/**
 * service_grants_check() - whether @rule, with an empty name, may be granted; the error says what
 * was expected
 *
 * CALL or RECEIVE or both, with SEND_UNIX_FDS and PATH_IS_SUBTREE, nothing else.
 */
bool service_grants_check(const ContainerRule *rule, GError **error);

/** service_grants_add() - adds a checked rule, copied, for the container of number @container */
void service_grants_add(ServiceGrants *grants, uint64_t container, const ContainerRule *rule);

/** service_grants_withdraw() - takes back what was given to @container with the same number */
void service_grants_withdraw(ServiceGrants *grants, uint64_t container);

/**
 * service_grants_allow() - whether one granted rule for @container covers @query
 *
 * Name and names of @query are ignored: grants hold for all names. NULL @grants: no.
 */
bool service_grants_allow(const ServiceGrants *grants, uint64_t container,
                          const ContainerRuleQuery *query);

/**
 * service_grants_foreach() - calls @visit for each rule that holds for @container, those for all
 * among them. NULL @grants: none
 */
void service_grants_foreach(const ServiceGrants *grants, uint64_t container,
                            void (*visit)(const ContainerRule *rule, void *user), void *user);

/** service_grants_see() - whether anything at all was granted to @container */
bool service_grants_see(const ServiceGrants *grants, uint64_t container);

/** service_grants_call() - whether any rule with CALL was granted to @container */
bool service_grants_call(const ServiceGrants *grants, uint64_t container);

/** service_grants_may_send_fds() - whether any rule with SEND_UNIX_FDS was granted to @container */
bool service_grants_may_send_fds(const ServiceGrants *grants, uint64_t container);

/* Grants of service files, by well-known name, of the configuration in force. */
typedef struct NamedGrants NamedGrants;

NamedGrants *named_grants_new(void);
void named_grants_free(NamedGrants *named);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NamedGrants, named_grants_free)

/** named_grants_add() - adds a checked rule for @name, copied */
void named_grants_add(NamedGrants *named, const char *name, const ContainerRule *rule);

/** named_grants_is_empty() - whether nothing holds for any name */
bool named_grants_is_empty(const NamedGrants *named);

/**
 * named_grants_find() - what holds for the owner of @name, as grants for all; NULL if nothing does.
 * NULL @named is fine
 */
const ServiceGrants *named_grants_find(const NamedGrants *named, WireString name);

/** named_grants_find_hashed() - the same for a name of which hash_bytes() is at hand */
const ServiceGrants *named_grants_find_hashed(const NamedGrants *named, WireString name,
                                              uint64_t hash);
