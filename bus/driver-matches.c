/* SPDX-License-Identifier: MIT */
/*
 * Match rules as clients add and remove them; each counts against its connection.
 */
#include "bus/driver-matches.h"

#include "bus/driver.h"

MatchRule *driver_parse_rule(MethodCall *call, WireString text) {
        g_autoptr(GError) error = NULL;
        MatchRule *rule = match_rule_parse(text, &error);
        bool too_long;

        if (rule)
                return rule;
        too_long = g_error_matches(error, MATCH_RULE_ERROR, MATCH_RULE_ERROR_TOO_LONG);
        method_fail(call, too_long ? ERROR_LIMITS_EXCEEDED : ERROR_MATCH_RULE_INVALID, "%s",
                    error->message);
        return NULL;
}

static bool may_eavesdrop(Bus *bus, MethodCall *call) {
        const Connection *caller = driver_caller(call);
        PolicyVerdict verdict;

        if (!connection_is_privileged(caller))
                return method_fail(
                        call, ERROR_ACCESS_DENIED,
                        "Only root and the user of the bus may watch messages to others");
        if (!policy_decide_eavesdrop(&caller->subject, &verdict))
                return driver_fail_denied(bus, call, &verdict,
                                          "You may not watch messages to others");
        return true;
}

/* For contained connections the key itself is forbidden, whatever it says. */
static bool check_contained(Bus *bus, MethodCall *call, WireString rule) {
        const PolicyVerdict verdict = { .layer = POLICY_LAYER_CONTAINER };

        if (!driver_caller(call)->instance || !match_rule_names_eavesdrop(rule))
                return true;
        return driver_fail_denied(bus, call, &verdict, "Contained connections may not eavesdrop");
}

bool driver_add_match(MethodCall *call, void *user) {
        Connection *caller = driver_caller(call);
        g_autoptr(MatchRule) rule = NULL;
        WireString text;
        Bus *bus = user;

        if (!reader_get_string(&call->body, &text))
                return method_fail(call, ERROR_INVALID_ARGS, "A match rule was expected");
        if (!check_contained(bus, call, text))
                return false;
        if (!quota_has_room(&caller->quota, QUOTA_MATCHES, 1))
                return driver_fail_quota(bus, call, QUOTA_MATCHES, 1);
        rule = driver_parse_rule(call, text);
        if (!rule || (rule->eavesdrop && !may_eavesdrop(bus, call)))
                return false;
        if (!quota_charge(&caller->quota, QUOTA_MATCHES, 1))
                g_assert_not_reached();
        match_index_add(bus->matches, g_steal_pointer(&rule), &caller->matches);
        driver_note_peaks(bus, caller);
        return true;
}

bool driver_remove_match(MethodCall *call, void *user) {
        Connection *caller = driver_caller(call);
        g_autoptr(MatchRule) rule = NULL;
        WireString text;
        Bus *bus = user;

        if (!reader_get_string(&call->body, &text))
                return method_fail(call, ERROR_INVALID_ARGS, "A match rule was expected");
        rule = check_contained(bus, call, text) ? driver_parse_rule(call, text) : NULL;
        if (!rule)
                return false;
        if (!match_index_remove(bus->matches, rule, &caller->matches))
                return method_fail(call, ERROR_MATCH_RULE_NOT_FOUND, "You have no such match rule");
        quota_refund(&caller->quota, QUOTA_MATCHES, 1);
        return true;
}
