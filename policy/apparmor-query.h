/* SPDX-License-Identifier: MIT */
/* Questions to AppArmor in the form that the kernel takes, and as people write them in profiles. */
#pragma once

#include "wire/message.h"

#include <glib.h>
#include <sys/types.h>

typedef enum ApparmorAction {
        APPARMOR_SEND,
        APPARMOR_RECEIVE,
        APPARMOR_BIND,
        APPARMOR_EAVESDROP
} ApparmorAction;

/* Absent text: data NULL. Which members count depends on the action. */
typedef struct ApparmorQuery {
        ApparmorAction action;
        const char *label;      /* who does it */
        const char *bus;        /* type of the bus; NULL: none */
        WireString name;        /* of the other end, or to be owned */
        const char *peer_label; /* of the other end */
        WireString path, interface, member, error;
        uint8_t type;        /* MESSAGE_TYPE_... */
        pid_t pid, peer_pid; /* 0: not known */
} ApparmorQuery;

/**
 * apparmor_query_build() - what aa_query_label() takes
 * @n_reserved: bytes that are left free at its start
 *
 * Return: newly allocated.
 */
GByteArray *apparmor_query_build(const ApparmorQuery *query, size_t n_reserved);

/** apparmor_query_to_text() - the rule of a profile that would allow it; newly allocated */
char *apparmor_query_to_text(const ApparmorQuery *query);

/**
 * apparmor_query_to_record() - the record of an answer, as AppArmor's tools read it in audit logs
 *
 * Return: newly allocated.
 */
char *apparmor_query_to_record(const ApparmorQuery *query, bool allowed);

/**
 * apparmor_label_split() - cuts a security context "LABEL (MODE)"
 * @ret_label: newly allocated
 *
 * Return: whether the label is in complain mode: denials are only reported.
 */
bool apparmor_label_split(const char *context, char **ret_label);
