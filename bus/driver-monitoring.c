/* SPDX-License-Identifier: MIT */
/*
 * BecomeMonitor: from then on a connection gets what its rules match, whoever it is for, and may
 * send nothing.
 *
 * All rules are read before anything changes, so that a wrong one leaves an ordinary connection
 * behind.
 */
#include "bus/driver-monitoring.h"

#include "bus/driver-matches.h"
#include "bus/driver.h"
#include "bus/router.h"

/* More are no honest wish, and each has its price for every message. */
#define MAX_RULES 4096

static GPtrArray *read_rules(MethodCall *call, Reader *array) {
        g_autoptr(GPtrArray) rules =
                g_ptr_array_new_with_free_func((GDestroyNotify)match_rule_free);
        WireString text;

        while (reader_get_string(array, &text)) {
                MatchRule *rule = driver_parse_rule(call, text);

                if (!rule)
                        return NULL;
                g_ptr_array_add(rules, rule);
                if (rules->len > MAX_RULES) {
                        method_fail(call, ERROR_LIMITS_EXCEEDED,
                                    "A monitor may have %u match rules", MAX_RULES);
                        return NULL;
                }
        }
        if (rules->len == 0)
                g_ptr_array_add(rules, match_rule_parse(WIRE_STRING_LITERAL(""), NULL));
        return g_steal_pointer(&rules);
}

static bool become_monitor(MethodCall *call, void *user) {
        Connection *caller = driver_caller(call);
        g_autoptr(GPtrArray) rules = NULL;
        PolicyVerdict verdict;
        Bus *bus = user;
        uint32_t flags;
        Reader texts;

        if (!policy_decide_eavesdrop(&caller->subject, &verdict))
                return driver_fail_denied(bus, call, &verdict,
                                          "You may not watch messages to others");
        if (!reader_enter(&call->body, 'a', &texts) || !reader_get_u32(&call->body, &flags))
                return method_fail(call, ERROR_INVALID_ARGS,
                                   "An array of match rules and flags were expected");
        /* before the rules: a later version's flags may be about another kind of them */
        if (flags != 0)
                return method_fail(call, ERROR_INVALID_ARGS, "BecomeMonitor has no flags");
        rules = read_rules(call, &texts);
        if (!rules)
                return false;
        /* Its last reply, while it can still get one. */
        router_send_return(bus, caller, &call->message->view, call->reply);
        call->answered = true;
        connection_become_monitor(caller);
        g_ptr_array_set_free_func(rules, NULL);
        for (guint i = 0; i < rules->len; i++)
                match_index_add(bus->monitor_matches, g_ptr_array_index(rules, i),
                                &caller->matches);
        return true;
}

static const MethodEntry methods[] = {
        { "BecomeMonitor", "asu", "", become_monitor, METHOD_PRIVILEGED },
        { NULL, NULL, NULL, NULL, 0 },
};

const MethodTable driver_monitoring_interface = {
        .interface = "org.freedesktop.DBus.Monitoring",
        .methods = methods,
};
