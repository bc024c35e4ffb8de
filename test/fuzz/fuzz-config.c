/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a configuration file: it is refused with a reason or gives a policy that answers.
 *
 * What a file includes is read as well; the folder that relative names are looked for in does not exist.
 */
#include "policy/config.h"
#include "policy/verdict.h"
#include "policy/xml-loader.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(Policy *policy, Identity *identity) {
        g_autoptr(PolicySnapshot) snapshot = policy_get_snapshot(policy, identity, true);
        NameSet names = { .unique = WIRE_STRING_LITERAL(":1.1"), .generation = name_generation_next() };
        PolicySubject subject = { .identity = identity, .names = &names, .snapshot = snapshot, .id = 1 };
        PolicyVerdict verdict;

        for (uint8_t type = 0; type < 6; type++) {
                Message message = { .view = {
                        .type = type,
                        .serial = 1,
                        .reply_serial = type == MESSAGE_TYPE_METHOD_RETURN,
                        .path = WIRE_STRING_LITERAL("/a"),
                        .interface = WIRE_STRING_LITERAL("a.b"),
                        .member = WIRE_STRING_LITERAL("M"),
                } };
                PolicyQuery query = { .sender = &subject, .receiver = &subject, .message = &message };
                bool first = policy_decide(&query, &verdict);

                g_assert_cmpint(policy_decide(&query, &verdict), ==, first);
                g_assert_cmpint(verdict.allowed, ==, first);
        }
        policy_decide_own(&subject, wire_string("a.b"), &verdict);
        policy_decide_connect(policy, identity, 0, &verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;
        g_autoptr(Policy) policy = NULL;
        g_autoptr(Identity) identity = identity_new(0, 0, 1);

        if (!xml_loader_parse(config, "/nonexistent/a.conf", (const char *)data, size, &error)) {
                g_assert_true(strstr(error->message, ":") != NULL);
                return 0;
        }
        g_assert_null(error);
        policy = policy_new(config);
        ask(policy, identity);
        ask(policy, NULL);
        return 0;
}
