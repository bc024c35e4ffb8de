/* SPDX-License-Identifier: MIT */
/* The kernel's form of questions to AppArmor, and the rule that would answer them with yes. */
#include "policy/apparmor-query.h"

#define TEXT(literal) { .data = (literal), .length = sizeof(literal) - 1 }

static const struct {
        ApparmorQuery query;
        WireString bytes;
        const char *text;
} cases[] = {
        { { .action = APPARMOR_SEND,
            .label = "a//b",
            .bus = "session",
            .name = TEXT("org.a"),
            .peer_label = "unconfined",
            .path = TEXT("/p"),
            .interface = TEXT("org.i"),
            .member = TEXT("M") },
          TEXT("a//b\0\040session\0org.a\0unconfined\0/p\0org.i\0M"),
          "dbus send bus=session path=/p interface=org.i member=M "
          "peer=(name=org.a,label=unconfined)" },
        { { .action = APPARMOR_RECEIVE, .label = "b", .name = TEXT(":1.5"), .peer_label = "a" },
          TEXT("b\0\040\0:1.5\0a\0\0\0"),
          "dbus receive peer=(name=:1.5,label=a)" },
        { { .action = APPARMOR_BIND, .label = "a", .bus = "system", .name = TEXT("org.a") },
          TEXT("a\0\040system\0org.a"),
          "dbus bind bus=system name=org.a" },
        { { .action = APPARMOR_EAVESDROP, .label = "a", .bus = "system" },
          TEXT("a\0\040system"),
          "dbus eavesdrop bus=system" },
};

static void test_form(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GByteArray) bytes = apparmor_query_build(&cases[i].query, 6);
                g_autofree char *text = apparmor_query_to_text(&cases[i].query);

                g_assert_cmpmem(bytes->data, 6, "\0\0\0\0\0", 6);
                g_assert_cmpmem(bytes->data + 6, bytes->len - 6, cases[i].bytes.data,
                                cases[i].bytes.length);
                g_assert_cmpstr(text, ==, cases[i].text);
        }
}

static void test_label(void) {
        static const struct {
                const char *context, *label;
                bool complains;
        } labels[] = {
                { "unconfined", "unconfined", false },
                { "/usr/bin/a (enforce)", "/usr/bin/a", false },
                { "/usr/bin/a (complain)", "/usr/bin/a", true },
                { "a (b) c (enforce)", "a (b) c", false },
                { "", "", false },
                { ")", ")", false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(labels); i++) {
                g_autofree char *label = NULL;

                g_assert_cmpint(apparmor_label_split(labels[i].context, &label), ==,
                                labels[i].complains);
                g_assert_cmpstr(label, ==, labels[i].label);
        }
}

/* Text that could end its quotes, or the record, is written as digits. */
static void test_record(void) {
        static const struct {
                ApparmorQuery query;
                bool allowed;
                const char *text;
        } records[] = {
                { { .action = APPARMOR_SEND,
                    .label = "a",
                    .bus = "system",
                    .name = TEXT("org.a"),
                    .peer_label = "b",
                    .path = TEXT("/p"),
                    .interface = TEXT("org.i"),
                    .member = TEXT("M"),
                    .type = MESSAGE_TYPE_METHOD_CALL,
                    .pid = 7,
                    .peer_pid = 8 },
                  false,
                  "apparmor=\"DENIED\" operation=\"dbus_method_call\" bus=\"system\" path=\"/p\" "
                  "interface=\"org.i\" member=\"M\" mask=\"send\" name=\"org.a\" pid=7 label=\"a\" "
                  "peer_pid=8 peer_label=\"b\"" },
                { { .action = APPARMOR_RECEIVE,
                    .label = "a b",
                    .name = TEXT(":1.5"),
                    .peer_label = "x\"\n",
                    .error = TEXT("org.e"),
                    .type = MESSAGE_TYPE_ERROR },
                  true,
                  "apparmor=\"ALLOWED\" operation=\"dbus_error\" error_name=\"org.e\" "
                  "mask=\"receive\" name=\":1.5\" label=612062 peer_label=78220A" },
                { { .action = APPARMOR_BIND, .label = "a", .bus = "system", .name = TEXT("org.a") },
                  false,
                  "apparmor=\"DENIED\" operation=\"dbus_bind\" bus=\"system\" mask=\"bind\" "
                  "name=\"org.a\" label=\"a\"" },
                { { .action = APPARMOR_SEND, .label = "a", .type = 77 },
                  false,
                  "apparmor=\"DENIED\" operation=\"dbus_message\" mask=\"send\" label=\"a\"" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(records); i++) {
                g_autofree char *text =
                        apparmor_query_to_record(&records[i].query, records[i].allowed);

                g_assert_cmpstr(text, ==, records[i].text);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/policy/apparmor-query/form", test_form);
        g_test_add_func("/policy/apparmor-query/label", test_label);
        g_test_add_func("/policy/apparmor-query/record", test_record);
        return g_test_run();
}
