/* SPDX-License-Identifier: MIT */
/*
 * <allow> and <deny>: which attributes go together, and which messages a single rule is about. The first table
 * is what dbus-daemon 1.14 accepts and refuses, tried with it.
 */
#include "policy/rules.h"

#include <string.h>

/* Attributes as in XML, with ' for quotes. */
static PolicyRule *make_rule(bool allow, const char *text, GError **error) {
        g_autoptr(GPtrArray) attributes = g_ptr_array_new_with_free_func(g_free);
        g_auto(GStrv) parts = g_strsplit(text, "'", -1);

        for (char **part = parts; part[0] && part[1]; part += 2) {
                char *name = g_strstrip(g_strdup(part[0]));

                g_assert_true(g_str_has_suffix(name, "="));
                name[strlen(name) - 1] = '\0';
                g_ptr_array_add(attributes, name);
                g_ptr_array_add(attributes, g_strdup(part[1]));
        }
        g_ptr_array_add(attributes, NULL);
        return policy_rule_new(allow, (const char *const *)attributes->pdata, error);
}

static const struct {
        const char *attributes;
        bool valid;
} combinations[] = {
        { "", false },
        { "bogus='a'", false },
        { "send_interface='a.b'", true },
        { "send_interface='nonsense'", true },
        { "send_member='M'", false },
        { "send_member='*'", false },
        { "send_member='M' send_interface='a.b'", true },
        { "send_member='M' send_interface='*'", true },
        { "send_member='M' send_path='/a'", true },
        { "send_member='M' send_path='*'", true },
        { "send_error='a.E'", true },
        { "send_error='a.E' send_interface='a.b'", false },
        { "send_error='*' send_interface='*'", false },
        { "send_error='a.E' send_path='/a' send_member='M'", false },
        { "send_error='a.E' send_path='/a' send_destination='a.b'", true },
        { "send_destination=''", true },
        { "send_destination='a.b' send_destination_prefix='a.b'", false },
        { "send_destination='*' send_destination_prefix='a.b'", false },
        { "send_destination_prefix='a'", true },
        { "send_broadcast='true'", true },
        { "send_broadcast='yes'", false },
        { "send_broadcast='*'", false },
        { "send_broadcast='true' send_destination='a.b'", false },
        { "send_broadcast='true' send_destination='*'", true },
        { "send_broadcast='true' send_destination_prefix='a.b'", true },
        { "send_broadcast='false' send_destination='a.b'", true },
        { "send_type='signal'", true },
        { "send_type='*'", true },
        { "send_type=''", false },
        { "send_type='bogus'", false },
        { "send_requested_reply='true'", true },
        { "send_requested_reply='yes'", false },
        { "receive_interface='a.b'", true },
        { "receive_member='M'", false },
        { "receive_member='M' receive_path='/a'", true },
        { "receive_error='a.E'", true },
        { "receive_error='a.E' receive_interface='a.b'", false },
        { "receive_sender=''", true },
        { "receive_type='bogus'", false },
        { "receive_requested_reply='*'", false },
        { "receive_type='signal' send_destination='a.b'", false },
        { "receive_interface='a.b' send_interface='a.b'", false },
        { "eavesdrop='true'", true },
        { "eavesdrop='false'", true },
        { "eavesdrop='yes'", false },
        { "eavesdrop='true' send_destination='*'", true },
        { "eavesdrop='true' receive_sender='*'", true },
        { "eavesdrop='true' own='*'", false },
        { "min_fds='1'", false },
        { "max_fds='1'", false },
        { "min_fds='1' max_fds='1'", false },
        { "log='true'", false },
        { "min_fds='1' log='true'", false },
        { "min_fds='1' send_destination='*'", true },
        { "min_fds='5' max_fds='2' send_destination='*'", true },
        { "min_fds='-1' send_destination='*'", false },
        { "min_fds='x' send_destination='*'", false },
        { "min_fds='1x' send_destination='*'", true },
        { "min_fds='0x1' send_destination='*'", true },
        { "min_fds='33554433' send_destination='*'", false },
        { "max_fds='' receive_sender='*'", false },
        { "max_fds='0' eavesdrop='true'", true },
        { "max_fds='0' own='*'", false },
        { "own='*'", true },
        { "own=''", true },
        { "own='nonsense' log='maybe'", true },
        { "own='*' own_prefix='a'", false },
        { "own_prefix='a'", true },
        { "own='a.b' user='root'", false },
        { "own='a.b' send_destination='a.b'", false },
        { "user='*'", true },
        { "user='root'", true },
        { "user='no such user'", true },
        { "user='65000'", true },
        { "user='*' group='*'", false },
        { "user='*' log='true'", true },
        { "user='*' send_type='signal'", false },
        { "group='no such group'", true },
        { "group='*'", true },
};

static void test_combinations(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(combinations); i++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(PolicyRule) rule = make_rule(true, combinations[i].attributes, &error);

                g_test_message("%s: %s", combinations[i].attributes, error ? error->message : "");
                g_assert_cmpint(rule != NULL, ==, combinations[i].valid);
                if (error)
                        g_assert_nonnull(strstr(error->message, "expected"));
        }
}

/* A rule's match depends on nothing but these. */
typedef struct Sample {
        uint8_t type;
        const char *path, *interface, *member, *error_name, *destination;
        unsigned n_fds;
        bool reply, requested, eavesdropping;
} Sample;

static bool matches(const PolicyRule *rule, const Sample *sample) {
        MessageView view = {
                .type = sample->type ? sample->type : MESSAGE_TYPE_METHOD_CALL,
                .path = wire_string(sample->path),
                .interface = wire_string(sample->interface),
                .member = wire_string(sample->member),
                .error_name = wire_string(sample->error_name),
                .destination = wire_string(sample->destination),
                .n_fds = sample->n_fds,
        };
        PolicyMessage message = {
                .view = &view,
                .reply = sample->reply,
                .requested = sample->requested,
                .eavesdropping = sample->eavesdropping,
                .broadcast = sample->type == MESSAGE_TYPE_SIGNAL && !sample->destination,
        };

        return policy_rule_matches(rule, &message);
}

#define CALL .type = MESSAGE_TYPE_METHOD_CALL
#define RETURN .type = MESSAGE_TYPE_METHOD_RETURN
#define ERROR .type = MESSAGE_TYPE_ERROR
#define SIGNAL .type = MESSAGE_TYPE_SIGNAL

static const struct {
        bool allow;
        const char *attributes;
        Sample sample;
        bool matches;
} matches_of_rules[] = {
        { true, "send_type='signal'", { SIGNAL }, true },
        { true, "send_type='signal'", { CALL }, false },
        { true, "send_type='*'", { ERROR }, true },
        { true, "send_path='/a'", { .path = "/a" }, true },
        { true, "send_path='/a'", { .path = "/a/b" }, false },
        { true, "send_path='/a'", { .path = NULL }, true },
        /* "the interface field in messages is optional ... This will cause no-interface messages to be blocked" */
        { true, "send_interface='a.b'", { .interface = "a.b" }, true },
        { true, "send_interface='a.b'", { .interface = "a.c" }, false },
        { true, "send_interface='a.b'", { .interface = NULL }, false },
        { false, "send_interface='a.b'", { .interface = NULL }, true },
        { true, "send_interface='*'", { .interface = NULL }, true },
        { true,
          "send_interface='a.b' send_member='M'",
          { .interface = "a.b", .member = "M" },
          true },
        { true,
          "send_interface='a.b' send_member='M'",
          { .interface = "a.b", .member = "N" },
          false },
        { false, "send_path='/a' send_member='M'", { .path = "/a", .member = NULL }, true },
        { true, "send_error='a.E'", { ERROR, .error_name = "a.E" }, true },
        { true, "send_error='a.E'", { ERROR, .error_name = "a.F" }, false },
        { true, "send_error='a.E'", { CALL }, true },
        /* "Rules with send_broadcast="true" match signal messages with no destination" */
        { true, "send_broadcast='true'", { SIGNAL }, true },
        { true, "send_broadcast='true'", { SIGNAL, .destination = ":1.1" }, false },
        { true, "send_broadcast='true'", { CALL }, false },
        { true, "send_broadcast='false'", { SIGNAL }, false },
        { true, "send_broadcast='false'", { SIGNAL, .destination = ":1.1" }, true },
        { true, "send_broadcast='false'", { CALL }, true },
        /* "at least that many", "no more than that many" */
        { true, "send_type='*' min_fds='1'", { .n_fds = 0 }, false },
        { true, "send_type='*' min_fds='1'", { .n_fds = 1 }, true },
        { true, "send_type='*' max_fds='1'", { .n_fds = 1 }, true },
        { true, "send_type='*' max_fds='1'", { .n_fds = 2 }, false },
        /* "For <allow>, [send|receive]_requested_reply="true" is the default" */
        { true, "send_type='*'", { RETURN, .reply = true, .requested = true }, true },
        { true, "send_type='*'", { RETURN, .reply = true }, false },
        { true, "send_requested_reply='false'", { RETURN, .reply = true }, true },
        { true, "send_type='*' eavesdrop='true'", { RETURN, .reply = true }, true },
        { true, "receive_type='*'", { RETURN, .reply = true }, false },
        { true, "receive_requested_reply='false'", { ERROR, .reply = true }, true },
        /* "For <deny>, [send|receive]_requested_reply="false" is the default" */
        { false, "send_type='*'", { RETURN, .reply = true, .requested = true }, false },
        { false, "send_type='*'", { RETURN, .reply = true }, true },
        { false,
          "send_requested_reply='true'",
          { RETURN, .reply = true, .requested = true },
          true },
        { false, "send_requested_reply='true'", { CALL }, true },
        /* "For <allow>, eavesdrop="true" indicates that the rule matches even when eavesdropping" */
        { true, "receive_sender='*'", { .eavesdropping = true }, false },
        { true, "eavesdrop='true'", { .eavesdropping = true }, true },
        { true, "eavesdrop='true'", { .eavesdropping = false }, true },
        /* "For <deny>, eavesdrop="true" indicates that the rule matches only when eavesdropping" */
        { false, "eavesdrop='true'", { .eavesdropping = true }, true },
        { false, "eavesdrop='true'", { .eavesdropping = false }, false },
        { false, "receive_sender='*'", { .eavesdropping = true }, true },
        { false, "receive_sender='*'", { .eavesdropping = false }, true },
        /* The sender's rules do not know of eavesdropping. */
        { true, "send_type='*'", { .eavesdropping = true }, true },
        { false, "send_type='*' eavesdrop='true'", { .eavesdropping = false }, true },
};

static void test_matches(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(matches_of_rules); i++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(PolicyRule) rule = make_rule(matches_of_rules[i].allow,
                                                       matches_of_rules[i].attributes, &error);

                g_assert_no_error(error);
                g_test_message("%zu: %s", i, rule->text);
                g_assert_cmpint(matches(rule, &matches_of_rules[i].sample), ==,
                                matches_of_rules[i].matches);
        }
}

static void test_fields(void) {
        g_autoptr(PolicyRule) rule =
                make_rule(false, "send_destination_prefix='a.b' log='true' eavesdrop='true'", NULL);
        g_autoptr(PolicyRule) own = make_rule(true, "own='*'", NULL);
        g_autoptr(PolicyRule) user = make_rule(true, "user='4711'", NULL);
        g_autoptr(PolicyRule) everybody = make_rule(true, "group='*'", NULL);
        g_autoptr(PolicyRule) unknown = make_rule(true, "user='no such user'", NULL);

        g_assert_cmpint(rule->kind, ==, POLICY_RULE_SEND);
        g_assert_true(rule->name_is_prefix && rule->log && rule->eavesdrop && !rule->allow &&
                      !rule->requested_reply);
        g_assert_true(wire_string_is(rule->name, "a.b"));
        g_assert_cmpstr(rule->text, ==,
                        "deny send_destination_prefix=\"a.b\" log=\"true\" eavesdrop=\"true\"");
        g_assert_false(policy_rule_is_open(rule));
        g_assert_cmpint(own->kind, ==, POLICY_RULE_OWN);
        g_assert_null(own->name.data);
        g_assert_cmpint(user->kind, ==, POLICY_RULE_USER);
        g_assert_true(user->account.known);
        g_assert_cmpuint(user->account.id, ==, 4711);
        g_assert_cmpint(everybody->kind, ==, POLICY_RULE_GROUP);
        g_assert_null(everybody->account.name);
        g_assert_cmpstr(unknown->account.name, ==, "no such user");
        g_assert_false(unknown->account.known);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/policy/rules/combinations", test_combinations);
        g_test_add_func("/policy/rules/matches", test_matches);
        g_test_add_func("/policy/rules/fields", test_fields);
        return g_test_run();
}
