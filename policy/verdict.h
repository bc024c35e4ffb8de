/* SPDX-License-Identifier: MIT */
/*
 * The one place that decides: container rules, LSM and XML policy, all of which must agree.
 *
 * Every message that is about to reach a connection or the driver is asked about once per sender-receiver pair,
 * and so is every name that somebody wants to own. What can be remembered is remembered here.
 */
#pragma once

#include "base/identity.h"
#include "policy/names.h"
#include "wire/message.h"

#include <glib.h>
#include <stdbool.h>

typedef struct Policy Policy;                   /* rules of one configuration, compiled */
typedef struct PolicySnapshot
        PolicySnapshot; /* the XML rules that apply to one class of connections */
typedef struct ContainerPolicy ContainerPolicy; /* policy/container-policy.h */
typedef struct Config Config;                   /* policy/config.h */
typedef struct ServiceGrants ServiceGrants; /* opt-ins of a service, policy/container-policy.h */

/* One end of a message. Embedded in each connection; refreshed by bus/ when something changes. */
typedef struct PolicySubject {
        Identity *identity;         /* borrowed */
        const NameSet *names;       /* borrowed */
        PolicySnapshot *snapshot;   /* ref; of the configuration in force */
        ContainerPolicy *container; /* ref; NULL: uncontained */
        ServiceGrants *grants;      /* owned by bus/; NULL: the connection never opted in */
        uint64_t id;                /* number of the connection, never reused */
} PolicySubject;

typedef struct PolicyQuery {
        const PolicySubject *sender;    /* NULL: the bus itself */
        const PolicySubject *
                receiver; /* who would get it; NULL: the driver, or a service that is not running yet */
        const PolicySubject
                *addressed; /* owner of the destination; NULL: broadcast, driver or not running */
        const Message *message;
        bool to_driver;                 /* the destination is org.freedesktop.DBus */
        bool activation;     /* the destination is an activatable name without an owner */
        bool reply_expected; /* a return or error that the receiver waits for from this sender */
        bool was_addressed_before; /* the receiver, uncontained, is visible to the contained sender by an earlier call */
        const char *
                assumed_label; /* LSM label that a service to be activated will have; NULL: not known */
} PolicyQuery;

typedef enum PolicyLayer {
        POLICY_LAYER_NONE,
        POLICY_LAYER_CONTAINER,
        POLICY_LAYER_XML,
        POLICY_LAYER_APPARMOR,
        POLICY_LAYER_SELINUX,
        POLICY_LAYER_LIMIT,
        POLICY_LAYER_SERVICE, /* User= of a .service file */
} PolicyLayer;

typedef struct PolicyVerdict {
        bool allowed;
        bool hidden;       /* denied, and the receiver must not seem to exist */
        bool filtered; /* denied, but no denial to speak of: a broadcast that was not asked for */
        bool log;          /* allowed or denied by a rule that wants a record */
        bool of_receiver;  /* the receiver's container is meant, not the sender's */
        PolicyLayer layer; /* who denied */
        const char *
                rule; /* text of the rule or query that denied, NULL: none; borrowed until the configuration changes */
        const char *file;  /* of the rule; NULL: none */
        unsigned line;
} PolicyVerdict;

/**
 * policy_new() - compiles the rules of @config
 *
 * The policy keeps a reference on what it needs of @config. Return: caller owns a reference.
 */
Policy *policy_new(Config *config);

/**
 * policy_new_with_accounts() - the same, with users and groups that @config did not know when it was read
 * @late: of LateAccount * (policy/late-accounts.h); a reference is taken, it must not change any more
 */
Policy *policy_new_with_accounts(Config *config, GPtrArray *late);
Policy *policy_ref(Policy *policy);
void policy_unref(Policy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Policy, policy_unref)

/**
 * policy_get_snapshot() - the XML rules for a peer
 * @identity:   NULL for an anonymous one
 * @at_console: whether its user sits at the machine
 *
 * Connections for which the same rules apply share one snapshot. Group ids are only asked for
 * when the policy has group rules. Return: a reference.
 */
PolicySnapshot *policy_get_snapshot(Policy *policy, Identity *identity, bool at_console);
PolicySnapshot *policy_snapshot_ref(PolicySnapshot *snapshot);
void policy_snapshot_unref(PolicySnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PolicySnapshot, policy_snapshot_unref)

/**
 * policy_needs_console() - whether any rule says at_console, so that somebody has to find out
 */
bool policy_needs_console(const Policy *policy);

/**
 * policy_decide() - may this message go to this receiver?
 * @ret_verdict: always set
 *
 * The only entry for messages. O(1) for a pair and kind of message that was asked about before.
 *
 * Return: @ret_verdict->allowed.
 */
bool policy_decide(const PolicyQuery *query, PolicyVerdict *ret_verdict);

/** policy_decide_own() - may @subject request @name? Asked after syntax and before limits. */
bool policy_decide_own(const PolicySubject *subject, WireString name, PolicyVerdict *ret_verdict);

/**
 * policy_decide_connect() - may a peer with this identity (NULL: anonymous) connect at all?
 * @bus_uid: uid of the bus; it may connect unless a rule denies it, others only where a rule allows them
 */
bool policy_decide_connect(Policy *policy, Identity *identity, uid_t bus_uid,
                           PolicyVerdict *ret_verdict);

/**
 * policy_decide_eavesdrop() - may @subject become a monitor or add an eavesdropping match rule, as far as the LSM is concerned?
 */
bool policy_decide_eavesdrop(const PolicySubject *subject, PolicyVerdict *ret_verdict);

/** policy_layer_name() - "container", "xml", "apparmor", "selinux", "limit", "service"; constant */
const char *policy_layer_name(PolicyLayer layer);

/** policy_forget() - drops everything that is remembered; for changes that no generation number covers */
void policy_forget(void);
