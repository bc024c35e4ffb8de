/* SPDX-License-Identifier: MIT */
/*
 * One rule of the XML policy, <allow> or <deny> with its attributes (dbus-daemon(1), "<policy>"), and the question
 * whether it matches a message.
 */
#pragma once

#include "policy/account.h"
#include "wire/message.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum PolicyRuleKind {
        POLICY_RULE_SEND,
        POLICY_RULE_RECEIVE,
        POLICY_RULE_OWN,
        POLICY_RULE_USER,  /* who may connect */
        POLICY_RULE_GROUP,
} PolicyRuleKind;

/* Which <policy> the rule stands in, in the order in which they are applied. */
typedef enum PolicyContext {
        POLICY_CONTEXT_DEFAULT,
        POLICY_CONTEXT_GROUP,
        POLICY_CONTEXT_USER,
        POLICY_CONTEXT_CONSOLE,    /* at_console="true" */
        POLICY_CONTEXT_NO_CONSOLE, /* at_console="false" */
        POLICY_CONTEXT_MANDATORY,
} PolicyContext;

typedef enum PolicyBroadcast {
        POLICY_BROADCAST_ANY,
        POLICY_BROADCAST_YES,
        POLICY_BROADCAST_NO
} PolicyBroadcast;

/* Absent text (data NULL) matches everything. */
typedef struct PolicyRule {
        PolicyRuleKind kind;
        bool allow, log, eavesdrop, requested_reply;
        bool name_is_prefix;
        uint8_t type;            /* MESSAGE_TYPE_...; 0: any */
        PolicyBroadcast broadcast;
        uint32_t min_fds, max_fds;
        WireString name;         /* destination, sender or name to own; owned */
        WireString path, interface, member, error; /* owned */
        PolicyAccount account;   /* of <allow user=> and <allow group=> */
        PolicyContext context;
        PolicyAccount applies_to; /* user or group of the context */
        char *text;              /* as written: deny send_interface="a.b"; owned */
        char *file;              /* a GRefString */
        unsigned line;
} PolicyRule;

/* max_fds of a rule that does not say it, and the most that one may say: as in the reference implementation. */
#define POLICY_RULE_MAX_FDS ((128u << 20) / 4)

#define POLICY_RULE_ERROR (policy_rule_error_quark())
enum { POLICY_RULE_ERROR_INVALID };

/** policy_rule_error_quark() - domain of the errors of this module */
GQuark policy_rule_error_quark(void);

/**
 * policy_rule_new() - a rule from an element
 * @allow:      <allow> or <deny>
 * @attributes: name, value, ..., NULL
 *
 * Refuses the attributes, values and combinations that the reference implementation refuses. Users and groups are
 * looked up. Context, file and line are the caller's to set.
 *
 * Return: caller owns it; NULL with @error set.
 */
PolicyRule *policy_rule_new(bool allow, const char *const *attributes, GError **error);
void policy_rule_free(PolicyRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PolicyRule, policy_rule_free)

/* What send and receive rules are asked about, but for names. */
typedef struct PolicyMessage {
        const MessageView *view;
        bool reply;            /* it has a reply serial, of whatever type it is */
        bool requested;        /* and its receiver waits for it */
        bool eavesdropping;    /* its receiver is not who it is addressed to */
        bool broadcast;        /* a signal without a destination */
} PolicyMessage;

/**
 * policy_rule_covers() - whether a send or receive rule can apply to a kind of message at all
 * @type:    MESSAGE_TYPE_...
 * @message: its view is not looked at
 *
 * Type, reply and eavesdropping only: what is known of a message before its text is looked at.
 */
bool policy_rule_covers(const PolicyRule *rule, uint8_t type, const PolicyMessage *message);

/**
 * policy_rule_matches() - whether a send or receive rule applies, its name left aside
 *
 * As the reference implementation: text that the message lacks matches a rule that names it, but for
 * the interface, of which <allow> wants to see that it is there.
 */
bool policy_rule_matches(const PolicyRule *rule, const PolicyMessage *message);

/** policy_rule_is_open() - whether it asks for no text, no name, no number of descriptors and no broadcast */
bool policy_rule_is_open(const PolicyRule *rule);
