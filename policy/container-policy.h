/* SPDX-License-Identifier: MIT */
/*
 * The container layer of the verdict: the table of containers1, section 4, for one container
 * server.
 *
 * A ContainerPolicy belongs to an instance and is shared by its connections. Two connections are in
 * the same instance when they share one.
 */
#pragma once

#include "policy/container-rules.h"
#include "policy/service-grants.h"
#include "policy/verdict.h"

typedef enum ContainerPolicyFlags {
        CONTAINER_POLICY_UNRESTRICTED =
                1 << 0, /* no Allow, and the configuration leaves it to the others */
        CONTAINER_POLICY_PERMISSIVE = 1 << 1, /* denials are only reported */
} ContainerPolicyFlags;

struct ContainerPolicy {
        unsigned n_refs;
        uint64_t number;         /* of the container server; opt-ins name it */
        ContainerRules *rules;   /* owned */
        ContainerPolicyFlags flags;
        uint64_t generation;     /* changes whenever rules are added; numbers as NameSet's */
        void *instance;          /* borrowed: the Instance it is of; NULL once that is gone */
};

ContainerPolicy *container_policy_new(uint64_t number, ContainerPolicyFlags flags);
ContainerPolicy *container_policy_ref(ContainerPolicy *policy);
void container_policy_unref(ContainerPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ContainerPolicy, container_policy_unref)

/**
 * container_policy_add_rule() - adds a checked rule, copied; decisions made before are forgotten
 */
void container_policy_add_rule(ContainerPolicy *policy, const ContainerRule *rule);

/**
 * container_policy_set_named_grants() - the opt-ins of service files
 * @named: borrowed until it is replaced; NULL: none. Who replaces it for good calls policy_forget()
 *
 * Return: those of before.
 */
const NamedGrants *container_policy_set_named_grants(const NamedGrants *named);

/**
 * container_policy_decide() - what the container layer says to a message
 *
 * Asked by policy_decide() when the sender or the receiver is contained. Sets layer and rule of
 * @ret_verdict on a denial (the rule is the text of one that would have allowed it; newly made at
 * each denial, borrowed until the next), also on one that is only reported because the container is
 * permissive: allowed and log are both set then. The answer depends on the message's type, flags,
 * destination, path, interface, member and number of descriptors, the names of both ends, rules and
 * opt-ins, and the other members of @query; on nothing else.
 */
bool container_policy_decide(const PolicyQuery *query, PolicyVerdict *ret_verdict);

/** container_policy_may_own() - whether rules let the container request @name */
bool container_policy_may_own(const ContainerPolicy *policy, WireString name);

/** container_policy_decide_own() - the same with a reason; for a contained @subject */
bool container_policy_decide_own(const PolicySubject *subject, WireString name,
                                 PolicyVerdict *ret_verdict);

/**
 * container_policy_decide_start() - whether a contained @subject may start the service of @name
 *
 * For StartServiceByName: any rule or opt-in with CALL for the name will do.
 */
bool container_policy_decide_start(const PolicySubject *subject, WireString name,
                                   PolicyVerdict *ret_verdict);

/**
 * container_policy_decide_see() - whether @observer, contained, may know that @owner has @name, with
 * the rule that would show it
 *
 * For one that asks for the name itself. Connections that called in are known to bus/.
 */
bool container_policy_decide_see(const PolicySubject *observer, WireString name,
                                 const PolicySubject *owner, PolicyVerdict *ret_verdict);

/**
 * container_policy_driver_allows() - whether a contained connection may call this member of the
 * driver
 *
 * The members that are never for contained connections (end of the table's section), where they
 * exist: elsewhere the driver says so itself.
 */
bool container_policy_driver_allows(const MessageView *view);

/**
 * container_policy_sees() - whether a contained connection may know of another one
 * @observer: contained
 * @other:    the connection in question
 *
 * Rules and opt-ins only; connections that called in are known to bus/.
 */
bool container_policy_sees(const PolicySubject *observer, const PolicySubject *other);

/**
 * container_policy_sees_name() - the same for a well-known name without an owner (activatable, or
 * gone)
 */
bool container_policy_sees_name(const ContainerPolicy *policy, WireString name);

/**
 * container_policy_sees_owned_name() - the same for a well-known name that @owner has
 *
 * A connection may be seen while one of its names is not.
 */
bool container_policy_sees_owned_name(const PolicySubject *observer, WireString name,
                                      const PolicySubject *owner);
