/* SPDX-License-Identifier: MIT */
/*
 * What an app was promised: who it is, and its rules on each bus. Filled by the readers of the
 * formats in which sandboxes write that down.
 */
#pragma once

#include "tools/bus-client.h"
#include "tools/proxy-rule.h"
#include "tools/rule-list.h"

typedef struct AppAccess {
        char *type, *app_id;      /* owned; NULL: nobody said */
        RuleList *rules[N_BUSES]; /* owned */
} AppAccess;

/** app_access_init() - nothing said, no rules */
void app_access_init(AppAccess *access);
void app_access_clear(AppAccess *access);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AppAccess, app_access_clear)

/** app_access_set_identity() - replaces type and app id; both are copied */
void app_access_set_identity(AppAccess *access, const char *type, const char *app_id);

/**
 * app_access_add() - adds what proxy_rule_parse() makes of @text, which is about well-known names
 * @source: where it stands, "FILE:LINE"; the error starts with it
 */
bool app_access_add(AppAccess *access, BusKind bus, ProxyVerb verb, const char *text,
                    const char *source, GError **error);

/** app_access_open() - allows everything on @bus */
void app_access_open(AppAccess *access, BusKind bus, const char *source);
