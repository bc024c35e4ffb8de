/* SPDX-License-Identifier: MIT */
/*
 * The verdict: asks container rules, LSM and XML rules, in this order, until one denies.
 *
 * Three ways lead to it, the fast ones first. Where the XML rules of both ends allow everything of the message's class
 * and nobody else has a say, one AND of two words answers. Else the verdict may be known from an earlier message
 * that did not differ in anything that counts. Only then the layers are asked.
 */
#include "policy/container-policy.h"
#include "policy/lsm.h"
#include "policy/memory.h"
#include "policy/service-grants.h"
#include "policy/snapshot.h"

/* Tables with fewer rules are searched faster than a verdict is remembered. */
#define FEW_RULES 6

/* A question with what follows from it. */
typedef struct Case {
        const PolicyQuery *query;
        const PolicySnapshot *from, *to; /* whose rules are asked; NULL: none */
        PolicyMessage message;
        bool contained;
} Case;

const char *policy_layer_name(PolicyLayer layer) {
        switch (layer) {
        case POLICY_LAYER_NONE:
                return "none";
        case POLICY_LAYER_CONTAINER:
                return "container";
        case POLICY_LAYER_XML:
                return "xml";
        case POLICY_LAYER_APPARMOR:
                return "apparmor";
        case POLICY_LAYER_SELINUX:
                return "selinux";
        case POLICY_LAYER_LIMIT:
                return "limit";
        case POLICY_LAYER_SERVICE:
                return "service";
        }
        g_assert_not_reached();
}

/* Rules are for those who have said Hello. */
static const PolicySnapshot *snapshot_of(const PolicySubject *subject) {
        return subject && subject->names->unique.data ? subject->snapshot : NULL;
}

/*
 * Replies of the bus itself count as requested. Nobody waits for a reply that goes to the bus, or to somebody whom
 * it is not addressed to.
 */
static Case make_case(const PolicyQuery *query) {
        const MessageView *view = &query->message->view;
        bool eavesdropping = query->receiver != query->addressed && view->destination.data;
        bool requested = query->sender ? query->reply_expected && query->receiver : true;

        return (Case){
                .query = query,
                .from = snapshot_of(query->sender),
                .to = snapshot_of(query->receiver),
                .message = {
                        .view = view,
                        .reply = view->reply_serial != 0,
                        .requested = requested && !eavesdropping,
                        .eavesdropping = eavesdropping,
                        .broadcast = view->type == MESSAGE_TYPE_SIGNAL && !view->destination.data,
                },
                .contained = (query->sender && query->sender->container) ||
                             (query->receiver && query->receiver->container),
        };
}

/* Who has not said Hello may say nothing else, and that whatever the rules are. */
static bool may_be_first(const PolicyQuery *query) {
        const MessageView *view = &query->message->view;

        return query->to_driver && view->type == MESSAGE_TYPE_METHOD_CALL &&
               wire_string_is(view->member, "Hello") &&
               (!view->interface.data || wire_string_is(view->interface, DBUS_BUS_NAME));
}

static bool xml_is_open(const Case *asked) {
        uint32_t class = rule_table_class(asked->message.view->type, &asked->message);
        const PolicyQuery *query = asked->query;

        if (query->sender && !(asked->from && (asked->from->send.open & class)))
                return false;
        if (asked->to && !(asked->to->receive.open & class))
                return false;
        return class != 0;
}

static void note_rule(PolicyVerdict *verdict, const PolicyRule *rule) {
        verdict->rule = rule->text;
        verdict->file = rule->file;
        verdict->line = rule->line;
        verdict->log |= rule->log;
}

static bool deny_by_xml(PolicyVerdict *verdict, const PolicyRule *rule) {
        *verdict = (PolicyVerdict){ .layer = POLICY_LAYER_XML };
        if (rule)
                note_rule(verdict, rule);
        return false;
}

static bool xml_allows_sending(const Case *asked, PolicyVerdict *verdict) {
        const PolicySubject *receiver = asked->query->receiver;
        RulePeer peer = {
                .names = receiver ? receiver->names : NULL,
                .text = asked->message.view->destination,
        };
        const PolicyRule *rule;

        if (!asked->query->sender)
                return true;
        if (!asked->from)
                return may_be_first(asked->query) || deny_by_xml(verdict, NULL);
        rule = rule_table_find(&asked->from->send, &asked->message, &peer);
        if (!rule || !rule->allow)
                return deny_by_xml(verdict, rule);
        if (rule->log && !verdict->rule) {
                note_rule(verdict, rule);
                verdict->layer = POLICY_LAYER_XML;
        }
        return true;
}

static bool xml_allows_receiving(const Case *asked, PolicyVerdict *verdict) {
        const PolicySubject *sender = asked->query->sender;
        RulePeer peer = {
                .names = sender ? sender->names : NULL,
                .text = WIRE_STRING_LITERAL(DBUS_BUS_NAME),
        };
        const PolicyRule *rule;

        if (!asked->to)
                return true;
        rule = rule_table_find(&asked->to->receive, &asked->message, &peer);
        return (rule && rule->allow) || deny_by_xml(verdict, rule);
}

static bool xml_decide(const Case *asked, PolicyVerdict *verdict) {
        uint8_t type = asked->message.view->type;

        if (type < MESSAGE_TYPE_METHOD_CALL || type > MESSAGE_TYPE_SIGNAL)
                return deny_by_xml(verdict, NULL);
        return xml_is_open(asked) ||
               (xml_allows_sending(asked, verdict) && xml_allows_receiving(asked, verdict));
}

/* A denial replaces what was said before; a record that the LSM wants is kept unless there is one already. */
static bool take_lsm_verdict(PolicyVerdict *verdict, PolicyVerdict *by_lsm, bool allowed) {
        by_lsm->allowed = allowed;
        if (!allowed || (by_lsm->log && !verdict->rule))
                *verdict = *by_lsm;
        return allowed;
}

static void ask_layers(const Case *asked, PolicyVerdict *verdict) {
        *verdict = (PolicyVerdict){ .allowed = true };
        if (asked->contained && !container_policy_decide(asked->query, verdict)) {
                verdict->allowed = false;
                return;
        }
        /* To an LSM the bus itself is no subject. */
        if (asked->query->sender && lsm_is_enabled()) {
                PolicyVerdict by_lsm = { .allowed = true };
                bool allowed = lsm_decide(asked->query, &by_lsm);

                if (!take_lsm_verdict(verdict, &by_lsm, allowed))
                        return;
        }
        if (!xml_decide(asked, verdict))
                verdict->allowed = false;
}

/* Containers and LSM look at more than what makes up a class of connections. */
static bool is_personal(const Case *asked) {
        return asked->contained || lsm_is_enabled();
}

/*
 * The fields in one piece say more than verdicts depend on, but are compared at once, and most
 * senders repeat themselves. Not so where a field is a number of the message.
 */
static bool add_fields(const MessageView *view, MemoryKey *key) {
        WireString fields;

        if (view->n_spans != 1 || view->reply_serial != 0)
                return false;
        fields = (WireString){
                .data = (const char *)view->bytes + view->spans[0].start,
                .length = view->spans[0].end - view->spans[0].start,
        };
        return memory_key_add(key, MEMORY_FIELDS, fields);
}

/* Return: false when it is too much. */
static bool add_texts(const Case *asked, MemoryKey *key) {
        const MessageView *view = asked->message.view;

        key->digest = memory_digest(view->member, 0xa0761d6478bd642fu) ^
                      memory_digest(view->path, 0xe7037ed1a0b428dbu) ^
                      memory_digest(view->interface, 0x8ebc6af09c88c6e3u);
        if (add_fields(view, key))
                return true;
        if (!memory_key_add(key, MEMORY_MEMBER, view->member) ||
            !memory_key_add(key, MEMORY_PATH, view->path) ||
            !memory_key_add(key, MEMORY_INTERFACE, view->interface) ||
            !memory_key_add(key, MEMORY_ERROR, view->error_name))
                return false;
        /* To XML rules a destination that has an owner is that owner. */
        if (!key->is_personal && asked->query->receiver)
                return true;
        return memory_key_add(key, MEMORY_DESTINATION, view->destination);
}

/* All that is no number of its own: type, flags, descriptors and one bit for each state. */
static uint64_t make_kind(const Case *asked) {
        const PolicyQuery *query = asked->query;
        const MessageView *view = asked->message.view;
        uint64_t kind = (uint64_t)view->n_fds << 32 | (uint64_t)view->type << 24 |
                        (uint64_t)view->flags << 16;

        kind |= (uint64_t)(query->sender != NULL) << 0 | (uint64_t)(query->receiver != NULL) << 1 |
                (uint64_t)query->to_driver << 2 | (uint64_t)query->activation << 3;
        kind |= (uint64_t)query->reply_expected << 4 | (uint64_t)query->was_addressed_before << 5 |
                (uint64_t)asked->message.reply << 6 | (uint64_t)asked->message.requested << 7;
        kind |= (uint64_t)asked->message.eavesdropping << 8 | (uint64_t)asked->contained << 9 |
                (uint64_t)(view->destination.data != NULL) << 10 |
                (uint64_t)(query->addressed != NULL) << 11 | (uint64_t)view->big_endian << 12 |
                (uint64_t)is_personal(asked) << 13;
        return kind;
}

static void add_subject(const Case *asked, const PolicySubject *subject, unsigned end,
                        MemoryKey *key) {
        const PolicySnapshot *snapshot = end == 0 ? asked->from : asked->to;

        if (!subject)
                return;
        key->facts.snapshots[end] = snapshot ? snapshot->number : 0;
        /* What is said of one connection without a name is true of all of its class, as long as no rule has ":1.5". */
        if (subject->names->n_names > 0 || key->is_personal ||
            (asked->from && asked->from->send.has_unique_names) ||
            (asked->to && asked->to->receive.has_unique_names))
                key->facts.names[end] = subject->names->generation;
        if (!key->is_personal)
                return;
        key->persons.ids[end] = subject->id;
        key->persons.containers[end] = subject->container ? subject->container->generation : 0;
        key->persons.grants[end] = service_grants_get_generation(subject->grants);
}

/* Return: false for what is not to be remembered. */
static bool make_key(const Case *asked, MemoryKey *key) {
        unsigned n_rules = 0;

        if (lsm_is_enabled() && !lsm_can_remember())
                return false;
        if (asked->from)
                n_rules += asked->from->send.n_rules;
        if (asked->to)
                n_rules += asked->to->receive.n_rules;
        key->is_personal = is_personal(asked);
        if (!key->is_personal && n_rules <= FEW_RULES)
                return false;
        memset(&key->facts, 0, sizeof key->facts);
        if (key->is_personal)
                memset(&key->persons, 0, sizeof key->persons);
        key->n_text = 0;
        if (!add_texts(asked, key))
                return false;
        key->facts.kind = make_kind(asked);
        add_subject(asked, asked->query->sender, 0, key);
        add_subject(asked, asked->query->receiver, 1, key);
        return true;
}

bool policy_decide(const PolicyQuery *query, PolicyVerdict *ret_verdict) {
        Case asked = make_case(query);
        const PolicyVerdict *known;
        MemoryKey key;

        if (!asked.contained && !lsm_is_enabled() && xml_is_open(&asked)) {
                *ret_verdict = (PolicyVerdict){ .allowed = true };
                return true;
        }
        if (!make_key(&asked, &key)) {
                ask_layers(&asked, ret_verdict);
                return ret_verdict->allowed;
        }
        known = memory_find(&key);
        if (known) {
                *ret_verdict = *known;
                return known->allowed;
        }
        ask_layers(&asked, ret_verdict);
        /* A container's reasons are made anew each time and do not last. */
        if (!ret_verdict->rule || ret_verdict->layer == POLICY_LAYER_XML)
                memory_put(&key, ret_verdict);
        return ret_verdict->allowed;
}

bool policy_decide_own(const PolicySubject *subject, WireString name, PolicyVerdict *ret_verdict) {
        const PolicySnapshot *snapshot;
        const PolicyRule *rule;

        *ret_verdict = (PolicyVerdict){ .allowed = true };
        if (subject->container && !container_policy_decide_own(subject, name, ret_verdict)) {
                ret_verdict->allowed = false;
                return false;
        }
        if (lsm_is_enabled()) {
                PolicyVerdict by_lsm = { .allowed = true };
                bool allowed = lsm_decide_own(subject, name, &by_lsm);

                if (!take_lsm_verdict(ret_verdict, &by_lsm, allowed))
                        return false;
        }
        snapshot = snapshot_of(subject);
        rule = snapshot ? rule_table_find_own(&snapshot->own, name) : NULL;
        if (!rule || !rule->allow)
                return deny_by_xml(ret_verdict, rule);
        if (rule->log && !ret_verdict->rule) {
                note_rule(ret_verdict, rule);
                ret_verdict->layer = POLICY_LAYER_XML;
        }
        return true;
}

bool policy_decide_eavesdrop(const PolicySubject *subject, PolicyVerdict *ret_verdict) {
        *ret_verdict = (PolicyVerdict){ .allowed = true };
        if (!lsm_is_enabled() || lsm_decide_eavesdrop(subject, ret_verdict))
                return true;
        ret_verdict->allowed = false;
        return false;
}

void policy_forget(void) {
        memory_clear();
}
