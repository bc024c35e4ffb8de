/* SPDX-License-Identifier: MIT */
/*
 * Permissions as xdg-dbus-proxy(1) takes them, and with it Flatpak and Firejail: turned into
 * rules of a container server.
 *
 *     see, talk, own       NAME
 *     call, broadcast      NAME=[METHOD][@PATH]
 *
 * Each of see, talk and own includes what stands before it; descriptors may always be sent, as the
 * proxy lets them through.
 */
#pragma once

#include "policy/container-rule.h"

typedef enum ProxyVerb {
        PROXY_VERB_SEE,
        PROXY_VERB_TALK,
        PROXY_VERB_OWN,
        PROXY_VERB_CALL,
        PROXY_VERB_BROADCAST,
} ProxyVerb;

/** proxy_verb_find() - the verb of this word; false when it is none */
bool proxy_verb_find(const char *word, ProxyVerb *ret_verb);

/**
 * proxy_rule_parse() - what a permission of the proxy is as a rule
 * @text:     the name, with =RULE behind it for call and broadcast
 * @ret_rule: set on success; caller clears it
 *
 * Return: false with @error saying what was expected.
 */
bool proxy_rule_parse(ProxyVerb verb, const char *text, ContainerRule *ret_rule, GError **error);

/** proxy_rule_set_open() - makes @ret_rule, an empty one, the rule that allows everything */
void proxy_rule_set_open(ContainerRule *ret_rule);
