/* SPDX-License-Identifier: MIT */
/*
 * Rules of the XML policy: from attributes to a PolicyRule, and the match of one rule with one message.
 *
 * Which attributes and combinations are refused, and what an attribute that is not given means, follows the reference
 * implementation to the letter, odd corners included: a policy that has been tried there must decide the same here.
 */
#include "policy/rules.h"

#include <errno.h>
#include <stdlib.h>

G_DEFINE_QUARK(policy-rule-error-quark, policy_rule_error)

typedef enum Family {
        FAMILY_SEND = 1 << 0,
        FAMILY_RECEIVE = 1 << 1,
        FAMILY_EAVESDROP = 1 << 2, /* alone it makes a receive rule */
        FAMILY_FDS = 1 << 3,
        FAMILY_OWN = 1 << 4,
        FAMILY_USER = 1 << 5,
        FAMILY_GROUP = 1 << 6,
        FAMILY_LOG = 1 << 7, /* goes with everything */
} Family;

#define FAMILIES_OF_MESSAGES (FAMILY_SEND | FAMILY_RECEIVE | FAMILY_EAVESDROP | FAMILY_FDS)
#define FAMILIES_THAT_SUFFICE \
        (FAMILY_SEND | FAMILY_RECEIVE | FAMILY_EAVESDROP | FAMILY_OWN | FAMILY_USER | FAMILY_GROUP)

typedef enum Field {
        FIELD_OF_INTERFACE,
        FIELD_OF_MEMBER,
        FIELD_OF_ERROR,
        FIELD_OF_PATH,
        FIELD_OF_TYPE,
        FIELD_OF_NAME,
        FIELD_OF_PREFIX,
        FIELD_OF_BROADCAST,
        FIELD_OF_REQUESTED_REPLY,
        FIELD_OF_EAVESDROP,
        FIELD_OF_MIN_FDS,
        FIELD_OF_MAX_FDS,
        FIELD_OF_ACCOUNT,
        FIELD_OF_LOG,
        N_FIELDS,
} Field;

static const struct {
        const char *name;
        Family family;
        Field field;
} known_attributes[] = {
        { "send_interface", FAMILY_SEND, FIELD_OF_INTERFACE },
        { "send_member", FAMILY_SEND, FIELD_OF_MEMBER },
        { "send_error", FAMILY_SEND, FIELD_OF_ERROR },
        { "send_path", FAMILY_SEND, FIELD_OF_PATH },
        { "send_type", FAMILY_SEND, FIELD_OF_TYPE },
        { "send_destination", FAMILY_SEND, FIELD_OF_NAME },
        { "send_destination_prefix", FAMILY_SEND, FIELD_OF_PREFIX },
        { "send_broadcast", FAMILY_SEND, FIELD_OF_BROADCAST },
        { "send_requested_reply", FAMILY_SEND, FIELD_OF_REQUESTED_REPLY },
        { "receive_interface", FAMILY_RECEIVE, FIELD_OF_INTERFACE },
        { "receive_member", FAMILY_RECEIVE, FIELD_OF_MEMBER },
        { "receive_error", FAMILY_RECEIVE, FIELD_OF_ERROR },
        { "receive_path", FAMILY_RECEIVE, FIELD_OF_PATH },
        { "receive_type", FAMILY_RECEIVE, FIELD_OF_TYPE },
        { "receive_sender", FAMILY_RECEIVE, FIELD_OF_NAME },
        { "receive_requested_reply", FAMILY_RECEIVE, FIELD_OF_REQUESTED_REPLY },
        { "eavesdrop", FAMILY_EAVESDROP, FIELD_OF_EAVESDROP },
        { "min_fds", FAMILY_FDS, FIELD_OF_MIN_FDS },
        { "max_fds", FAMILY_FDS, FIELD_OF_MAX_FDS },
        { "own", FAMILY_OWN, FIELD_OF_NAME },
        { "own_prefix", FAMILY_OWN, FIELD_OF_PREFIX },
        { "user", FAMILY_USER, FIELD_OF_ACCOUNT },
        { "group", FAMILY_GROUP, FIELD_OF_ACCOUNT },
        { "log", FAMILY_LOG, FIELD_OF_LOG },
};

/* The attributes of one element. */
typedef struct Attributes {
        Family families;
        const char *values[N_FIELDS]; /* borrowed; NULL: not given */
} Attributes;

G_GNUC_PRINTF(2, 3) static bool fail(GError **error, const char *format, ...) {
        va_list args;

        va_start(args, format);
        if (error)
                *error = g_error_new_valist(POLICY_RULE_ERROR, POLICY_RULE_ERROR_INVALID, format,
                                            args);
        va_end(args);
        return false;
}

static bool attributes_add(Attributes *attributes, const char *name, const char *value,
                           GError **error) {
        for (size_t i = 0; i < G_N_ELEMENTS(known_attributes); i++) {
                Family family = known_attributes[i].family;
                Field field = known_attributes[i].field;

                if (strcmp(name, known_attributes[i].name) != 0)
                        continue;
                /* The same criterion under two families is a combination that is refused anyway. */
                if (attributes->values[field])
                        return fail(
                                error,
                                "attribute %s cannot be combined with the others; expected one of "
                                "send_*, receive_*, own, own_prefix, user, group",
                                name);
                attributes->families |= family;
                attributes->values[field] = value;
                return true;
        }
        return fail(error,
                    "attribute %s is not known, expected send_*, receive_*, eavesdrop, min_fds, "
                    "max_fds, "
                    "own, own_prefix, user, group or log",
                    name);
}

static bool is_power_of_two(unsigned value) {
        return (value & (value - 1)) == 0;
}

/* What must not stand on one element, the values left aside. */
static bool attributes_check(const Attributes *attributes, GError **error) {
        const char *const *values = attributes->values;
        unsigned families = attributes->families;
        unsigned subjects = families & (FAMILY_OWN | FAMILY_USER | FAMILY_GROUP);

        if (!(families & FAMILIES_THAT_SUFFICE))
                return fail(error, "the rule says nothing, expected at least one of send_*, "
                                   "receive_*, eavesdrop, own, "
                                   "own_prefix, user, group");
        if (!is_power_of_two(subjects) || (subjects && (families & FAMILIES_OF_MESSAGES)) ||
            ((families & FAMILY_OWN) && values[FIELD_OF_NAME] && values[FIELD_OF_PREFIX]))
                return fail(error, "own, own_prefix, user, group and attributes about messages "
                                   "cannot be combined, "
                                   "expected one of them");
        if ((families & FAMILY_SEND) && (families & FAMILY_RECEIVE))
                return fail(
                        error,
                        "send_* and receive_* attributes cannot be combined, expected two rules");
        if (values[FIELD_OF_MEMBER] && !values[FIELD_OF_INTERFACE] && !values[FIELD_OF_PATH])
                return fail(
                        error,
                        "a member alone is ambiguous, expected an interface or a path beside it");
        if (values[FIELD_OF_ERROR] && (values[FIELD_OF_INTERFACE] || values[FIELD_OF_MEMBER]))
                return fail(error, "errors have no interface and member, expected either these or "
                                   "an error name");
        if ((families & FAMILY_SEND) && values[FIELD_OF_NAME] && values[FIELD_OF_PREFIX])
                return fail(error,
                            "send_destination and send_destination_prefix cannot be combined, "
                            "expected one of them");
        return true;
}

/* Wire strings of rules own their text. */
static WireString own_text(const char *text) {
        return wire_string(g_strdup(text));
}

static WireString own_pattern(const char *text) {
        if (!text || strcmp(text, "*") == 0)
                return (WireString){ .data = NULL };
        return own_text(text);
}

static void free_text(WireString text) {
        g_free((char *)text.data);
}

static bool parse_boolean(const Attributes *attributes, Field field, bool *value, GError **error) {
        static const char *const names[N_FIELDS] = {
                [FIELD_OF_BROADCAST] = "send_broadcast",
                [FIELD_OF_EAVESDROP] = "eavesdrop",
                [FIELD_OF_REQUESTED_REPLY] = "send_requested_reply and receive_requested_reply",
        };
        const char *text = attributes->values[field];

        if (!text)
                return true;
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
                return fail(error, "\"%s\" is no truth value, expected %s to be true or false",
                            text, names[field]);
        *value = text[0] == 't';
        return true;
}

/* A number in the way of the reference implementation: any base that C knows, and what follows it is ignored. */
static bool parse_fds(const char *text, uint32_t *value, GError **error) {
        char *end;
        long number;

        if (!text)
                return true;
        errno = 0;
        number = strtol(text, &end, 0);
        if (errno != 0 || end == text || number < 0 || number > (long)POLICY_RULE_MAX_FDS)
                return fail(error, "\"%s\" is no number of descriptors, expected 0 to %u", text,
                            POLICY_RULE_MAX_FDS);
        *value = (uint32_t)number;
        return true;
}

static bool parse_type(const char *text, uint8_t *type, GError **error) {
        static const char *const names[] = { "*", "method_call", "method_return", "error",
                                             "signal" };

        if (!text)
                return true;
        for (uint8_t i = 0; i < G_N_ELEMENTS(names); i++) {
                if (strcmp(text, names[i]) == 0) {
                        *type = i;
                        return true;
                }
        }
        return fail(error,
                    "\"%s\" is no message type, expected method_call, method_return, error, signal "
                    "or *",
                    text);
}

static bool parse_broadcast(const Attributes *attributes, PolicyBroadcast *ret_broadcast,
                            GError **error) {
        const char *destination = attributes->values[FIELD_OF_NAME];
        bool value;

        if (!attributes->values[FIELD_OF_BROADCAST])
                return true;
        if (!parse_boolean(attributes, FIELD_OF_BROADCAST, &value, error))
                return false;
        if (value && destination && strcmp(destination, "*") != 0)
                return fail(error,
                            "broadcasts have no destination, expected send_broadcast=\"true\" or "
                            "send_destination, not both");
        *ret_broadcast = value ? POLICY_BROADCAST_YES : POLICY_BROADCAST_NO;
        return true;
}

static bool fill_message_rule(PolicyRule *rule, const Attributes *attributes, GError **error) {
        const char *const *values = attributes->values;

        /* Without the attribute <allow> wants replies to be requested, and <deny> is about those that were not. */
        rule->requested_reply = rule->allow;
        rule->kind = attributes->families & FAMILY_SEND ? POLICY_RULE_SEND : POLICY_RULE_RECEIVE;
        rule->interface = own_pattern(values[FIELD_OF_INTERFACE]);
        rule->member = own_pattern(values[FIELD_OF_MEMBER]);
        rule->error = own_pattern(values[FIELD_OF_ERROR]);
        rule->path = own_pattern(values[FIELD_OF_PATH]);
        rule->name_is_prefix = values[FIELD_OF_PREFIX] != NULL;
        rule->name = rule->name_is_prefix ? own_text(values[FIELD_OF_PREFIX])
                                          : own_pattern(values[FIELD_OF_NAME]);
        return parse_type(values[FIELD_OF_TYPE], &rule->type, error) &&
               parse_broadcast(attributes, &rule->broadcast, error) &&
               parse_boolean(attributes, FIELD_OF_REQUESTED_REPLY, &rule->requested_reply, error) &&
               parse_boolean(attributes, FIELD_OF_EAVESDROP, &rule->eavesdrop, error) &&
               parse_fds(values[FIELD_OF_MIN_FDS], &rule->min_fds, error) &&
               parse_fds(values[FIELD_OF_MAX_FDS], &rule->max_fds, error);
}

static void fill_own_rule(PolicyRule *rule, const Attributes *attributes) {
        const char *const *values = attributes->values;

        rule->kind = POLICY_RULE_OWN;
        rule->name_is_prefix = values[FIELD_OF_PREFIX] != NULL;
        rule->name = rule->name_is_prefix ? own_text(values[FIELD_OF_PREFIX])
                                          : own_pattern(values[FIELD_OF_NAME]);
}

static void fill_account_rule(PolicyRule *rule, const Attributes *attributes) {
        const char *name = attributes->values[FIELD_OF_ACCOUNT];
        bool user = attributes->families & FAMILY_USER;

        rule->kind = user ? POLICY_RULE_USER : POLICY_RULE_GROUP;
        if (strcmp(name, "*") == 0)
                return;
        if (user)
                policy_account_set_user(&rule->account, name);
        else
                policy_account_set_group(&rule->account, name);
}

static char *describe(bool allow, const char *const *attributes) {
        GString *text = g_string_new(allow ? "allow" : "deny");

        for (; attributes[0]; attributes += 2)
                g_string_append_printf(text, " %s=\"%s\"", attributes[0], attributes[1]);
        return g_string_free(text, FALSE);
}

PolicyRule *policy_rule_new(bool allow, const char *const *attributes, GError **error) {
        g_autoptr(PolicyRule) rule = g_new0(PolicyRule, 1);
        Attributes known = { 0 };

        rule->allow = allow;
        rule->max_fds = POLICY_RULE_MAX_FDS;
        for (const char *const *at = attributes; at[0]; at += 2)
                if (!attributes_add(&known, at[0], at[1], error))
                        return NULL;
        if (!attributes_check(&known, error))
                return NULL;

        rule->log = g_strcmp0(known.values[FIELD_OF_LOG], "true") == 0;
        if (known.families & FAMILY_OWN)
                fill_own_rule(rule, &known);
        else if (known.families & (FAMILY_USER | FAMILY_GROUP))
                fill_account_rule(rule, &known);
        else if (!fill_message_rule(rule, &known, error))
                return NULL;
        rule->text = describe(allow, attributes);
        return g_steal_pointer(&rule);
}

void policy_rule_free(PolicyRule *rule) {
        if (!rule)
                return;
        free_text(rule->name);
        free_text(rule->path);
        free_text(rule->interface);
        free_text(rule->member);
        free_text(rule->error);
        policy_account_clear(&rule->account);
        policy_account_clear(&rule->applies_to);
        g_free(rule->text);
        g_clear_pointer(&rule->file, g_ref_string_release);
        g_free(rule);
}

/* The reply and eavesdropping attributes exempt messages from an <allow>, or from a <deny>. */
static bool flags_match(const PolicyRule *rule, const PolicyMessage *message) {
        if (rule->kind == POLICY_RULE_RECEIVE) {
                if (rule->allow && message->eavesdropping && !rule->eavesdrop)
                        return false;
                if (!rule->allow && !message->eavesdropping && rule->eavesdrop)
                        return false;
        }
        if (!message->reply)
                return true;
        if (rule->allow)
                return message->requested || !rule->requested_reply || rule->eavesdrop;
        return !message->requested || rule->requested_reply;
}

static bool text_matches(WireString pattern, WireString text) {
        return !pattern.data || !text.data || wire_string_equal(pattern, text);
}

static bool interface_matches(const PolicyRule *rule, const MessageView *view) {
        if (!rule->interface.data)
                return true;
        if (!view->interface.data)
                return !rule->allow;
        return wire_string_equal(rule->interface, view->interface);
}

bool policy_rule_covers(const PolicyRule *rule, uint8_t type, const PolicyMessage *message) {
        return (rule->type == MESSAGE_TYPE_INVALID || rule->type == type) &&
               flags_match(rule, message);
}

bool policy_rule_is_open(const PolicyRule *rule) {
        return !rule->name.data && !rule->path.data && !rule->interface.data &&
               !rule->member.data && !rule->error.data && rule->broadcast == POLICY_BROADCAST_ANY &&
               rule->min_fds == 0 && rule->max_fds >= POLICY_RULE_MAX_FDS;
}

bool policy_rule_matches(const PolicyRule *rule, const PolicyMessage *message) {
        const MessageView *view = message->view;

        if (!policy_rule_covers(rule, view->type, message))
                return false;
        if (rule->broadcast != POLICY_BROADCAST_ANY &&
            (rule->broadcast == POLICY_BROADCAST_YES) != message->broadcast)
                return false;
        if (view->n_fds < rule->min_fds || view->n_fds > rule->max_fds)
                return false;
        return interface_matches(rule, view) && text_matches(rule->member, view->member) &&
               text_matches(rule->path, view->path) && text_matches(rule->error, view->error_name);
}
