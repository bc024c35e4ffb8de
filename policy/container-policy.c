/* SPDX-License-Identifier: MIT */
/*
 * The table of containers1, section 4, from top to bottom: decide_message() finds the row, one
 * function per row answers, and refuse() says what rule would have changed the answer. Allowing
 * allocates nothing; only a denial makes text.
 *
 * Three sources allow: the rules of the container server, the opt-ins of a connection, and those of
 * the service file of a name that the connection has. They are asked in this order and never deny.
 */
#include "policy/container-policy.h"

#include "wire/protocol.h"

#include <string.h>

static const NamedGrants *named_grants; /* borrowed */
static char *last_rule;                 /* owned; text of the rule in the last denial */

/* Interfaces of the driver that are not for containers as a whole, where it serves them. */
static const char *const forbidden_interfaces[] = {
        "org.freedesktop.DBus.Debug.Stats",
        "org.freedesktop.DBus.Verbose",
};

/* Members that are not, with their interface; a call may leave the interface out. */
static const struct {
        const char *interface, *member;
        bool any_path; /* the driver takes it at every path */
} forbidden_members[] = {
        { "org.freedesktop.DBus", "ReloadConfig", true },
        { "org.freedesktop.DBus", "UpdateActivationEnvironment", true },
        { "org.freedesktop.DBus.Containers1", "AddServer", false },
        { "org.freedesktop.DBus.Containers1", "AddServerRules", false },
        { "org.freedesktop.DBus.Containers1", "AllowContainers", false },
        { "org.freedesktop.DBus.Containers1", "ListServers", false },
        { "org.freedesktop.DBus.Containers1", "StopListening", false },
        { "org.freedesktop.DBus.Containers1", "StopServer", false },
        { "org.freedesktop.DBus.Containers1", "WithdrawContainers", false },
        { "org.freedesktop.DBus.Debug.Stats", "GetAllMatchRules", false },
        { "org.freedesktop.DBus.Debug.Stats", "GetConnectionStats", false },
        { "org.freedesktop.DBus.Debug.Stats", "GetContainerGrants", false },
        { "org.freedesktop.DBus.Debug.Stats", "GetContainerStats", false },
        { "org.freedesktop.DBus.Debug.Stats", "GetStats", false },
        { "org.freedesktop.DBus.Debug.Stats", "WatchDeliveries", false },
        { "org.freedesktop.DBus.Monitoring", "BecomeMonitor", false },
        { "org.freedesktop.DBus.Verbose", "DisableVerbose", false },
        { "org.freedesktop.DBus.Verbose", "EnableVerbose", false },
};

ContainerPolicy *container_policy_new(uint64_t number, ContainerPolicyFlags flags) {
        ContainerPolicy *policy = g_new0(ContainerPolicy, 1);

        policy->n_refs = 1;
        policy->number = number;
        policy->rules = container_rules_new();
        policy->flags = flags;
        policy->generation = name_generation_next();
        return policy;
}

ContainerPolicy *container_policy_ref(ContainerPolicy *policy) {
        policy->n_refs++;
        return policy;
}

void container_policy_unref(ContainerPolicy *policy) {
        if (!policy || --policy->n_refs > 0)
                return;
        container_rules_free(policy->rules);
        g_free(policy);
}

void container_policy_add_rule(ContainerPolicy *policy, const ContainerRule *rule) {
        container_rules_add(policy->rules, rule);
        policy->generation = name_generation_next();
}

const NamedGrants *container_policy_set_named_grants(const NamedGrants *named) {
        const NamedGrants *before = named_grants;

        named_grants = named;
        return before;
}

/* What is left to other layers, or only reported. */
static bool is_open(const ContainerPolicy *policy) {
        return policy->flags & (CONTAINER_POLICY_UNRESTRICTED | CONTAINER_POLICY_PERMISSIVE);
}

static bool is_unique(WireString name) {
        return name.length > 0 && name.data[0] == ':';
}

/* Service files of the names that @names are primary for; @name is the only one that counts when it
 * is given. */
typedef bool (*GrantsTest)(const ServiceGrants *grants, uint64_t container, const void *argument);

static bool test_named(const ContainerPolicy *policy, WireString name, const NameSet *names,
                       GrantsTest test, const void *argument) {
        if (!named_grants || named_grants_is_empty(named_grants))
                return false;
        if (name.data) {
                const ServiceGrants *grants = named_grants_find(named_grants, name);

                return grants && test(grants, policy->number, argument);
        }
        for (unsigned i = 0; names && i < names->n_names; i++) {
                const OwnedName *owned = &names->names[i];
                const ServiceGrants *grants =
                        owned->primary
                                ? named_grants_find_hashed(named_grants, owned->name, owned->hash)
                                : NULL;

                if (grants && test(grants, policy->number, argument))
                        return true;
        }
        return false;
}

static bool test_allow(const ServiceGrants *grants, uint64_t container, const void *argument) {
        return service_grants_allow(grants, container, argument);
}

static bool test_see(const ServiceGrants *grants, uint64_t container, const void *argument) {
        (void)argument;
        return service_grants_see(grants, container);
}

static bool test_call(const ServiceGrants *grants, uint64_t container, const void *argument) {
        (void)argument;
        return service_grants_call(grants, container);
}

static bool test_fds(const ServiceGrants *grants, uint64_t container, const void *argument) {
        (void)argument;
        return service_grants_may_send_fds(grants, container);
}

/* @other: the connection at the other end of a message of @policy's container; NULL: it does not
 * run */
static bool allows(const ContainerPolicy *policy, const PolicySubject *other,
                   const ContainerRuleQuery *query) {
        return container_rules_allow(policy->rules, query) ||
               (other && service_grants_allow(other->grants, policy->number, query)) ||
               test_named(policy, query->name, query->names, test_allow, query);
}

static bool may_send_fds(const ContainerPolicy *policy, const PolicySubject *receiver) {
        const WireString none = { 0 };

        return container_rules_may_send_fds(policy->rules, receiver->names) ||
               service_grants_may_send_fds(receiver->grants, policy->number) ||
               test_named(policy, none, receiver->names, test_fds, NULL);
}

/* What follows is without regard to flags and to the container's own connections. */
static bool rules_see(const ContainerPolicy *policy, const PolicySubject *other) {
        const WireString none = { 0 };

        return container_rules_see(policy->rules, other->names) ||
               service_grants_see(other->grants, policy->number) ||
               test_named(policy, none, other->names, test_see, NULL);
}

static bool rules_see_name(const ContainerPolicy *policy, WireString name) {
        return container_rules_see_name(policy->rules, name) ||
               test_named(policy, name, NULL, test_see, NULL);
}

static bool rules_see_owned_name(const ContainerPolicy *policy, WireString name,
                                 const PolicySubject *owner) {
        return rules_see_name(policy, name) || service_grants_see(owner->grants, policy->number) ||
               (owner->names->unique.data &&
                container_rules_see_name(policy->rules, owner->names->unique));
}

bool container_policy_sees(const PolicySubject *observer, const PolicySubject *other) {
        const ContainerPolicy *policy = observer->container;

        return is_open(policy) || other->container == policy || rules_see(policy, other);
}

bool container_policy_sees_name(const ContainerPolicy *policy, WireString name) {
        return is_open(policy) || rules_see_name(policy, name);
}

bool container_policy_sees_owned_name(const PolicySubject *observer, WireString name,
                                      const PolicySubject *owner) {
        const ContainerPolicy *policy = observer->container;

        return is_open(policy) || owner->container == policy ||
               rules_see_owned_name(policy, name, owner);
}

bool container_policy_may_own(const ContainerPolicy *policy, WireString name) {
        return is_open(policy) || container_rules_own(policy->rules, name);
}

/* The name of the other end that a rule in a denial speaks of: well-known rather than unique. */
static WireString name_for_rule(WireString asked, const PolicySubject *other) {
        if (asked.data && !is_unique(asked))
                return asked;
        for (unsigned i = 0; other && i < other->names->n_names; i++)
                if (other->names->names[i].primary)
                        return other->names->names[i].name;
        return asked.data || !other ? asked : other->names->unique;
}

static char *dup_string(WireString text) {
        return g_strndup(text.data ? text.data : "", text.length);
}

/* Keeps the text of a rule with @flags for the other end of @query, and for just this message
 * unless @view is NULL. */
static const char *suggest(uint32_t flags, WireString name, const MessageView *view) {
        g_auto(ContainerRule) rule = { .flags = flags, .bus_name = dup_string(name) };

        if (view && view->path.data && view->path.length <= CONTAINER_RULE_MAX_PATH)
                rule.object_path = dup_string(view->path);
        if (view && view->interface.data && view->member.data)
                rule.interface = g_strdup_printf("%.*s.%.*s", (int)view->interface.length,
                                                 view->interface.data, (int)view->member.length,
                                                 view->member.data);
        if (!rule.interface)
                rule.interface = g_strdup("");
        if (!rule.object_path) {
                rule.object_path = g_strdup("/");
                rule.flags |= CONTAINER_RULE_PATH_IS_SUBTREE;
        }
        g_free(last_rule);
        last_rule = container_rule_to_text(&rule);
        return last_rule;
}

/* A denial by the rules of @policy, or for a permissive container the report of one. */
static bool refuse(const ContainerPolicy *policy, const char *rule, PolicyVerdict *verdict) {
        verdict->layer = POLICY_LAYER_CONTAINER;
        verdict->rule = rule;
        if (policy->flags & CONTAINER_POLICY_PERMISSIVE) {
                verdict->allowed = verdict->log = true;
                return true;
        }
        verdict->allowed = false;
        return false;
}

/* What stays forbidden whatever the rules and flags are. */
static bool forbid(PolicyVerdict *verdict) {
        verdict->layer = POLICY_LAYER_CONTAINER;
        verdict->allowed = false;
        return false;
}

/* Not meant for this receiver, which is no denial. */
static bool filter(PolicyVerdict *verdict) {
        verdict->filtered = true;
        return forbid(verdict);
}

bool container_policy_decide_see(const PolicySubject *observer, WireString name,
                                 const PolicySubject *owner, PolicyVerdict *ret_verdict) {
        const ContainerPolicy *policy = observer->container;
        bool sees;

        *ret_verdict = (PolicyVerdict){ .allowed = true };
        if ((policy->flags & CONTAINER_POLICY_UNRESTRICTED) || owner->container == policy)
                return true;
        sees = is_unique(name) ? rules_see(policy, owner)
                               : rules_see_owned_name(policy, name, owner);
        return sees || refuse(policy, suggest(CONTAINER_RULE_SEE, name_for_rule(name, owner), NULL),
                              ret_verdict);
}

bool container_policy_decide_own(const PolicySubject *subject, WireString name,
                                 PolicyVerdict *ret_verdict) {
        const ContainerPolicy *policy = subject->container;

        *ret_verdict = (PolicyVerdict){ .allowed = true };
        if ((policy->flags & CONTAINER_POLICY_UNRESTRICTED) ||
            container_rules_own(policy->rules, name))
                return true;
        return refuse(policy, suggest(CONTAINER_RULE_OWN, name, NULL), ret_verdict);
}

bool container_policy_decide_start(const PolicySubject *subject, WireString name,
                                   PolicyVerdict *ret_verdict) {
        const ContainerPolicy *policy = subject->container;

        *ret_verdict = (PolicyVerdict){ .allowed = true };
        if ((policy->flags & CONTAINER_POLICY_UNRESTRICTED) ||
            container_rules_call_name(policy->rules, name) ||
            test_named(policy, name, NULL, test_call, NULL))
                return true;
        return refuse(policy, suggest(CONTAINER_RULE_CALL, name, NULL), ret_verdict);
}

bool container_policy_driver_allows(const MessageView *view) {
        bool canonical = wire_string_is(view->path, DBUS_BUS_PATH);

        for (size_t i = 0; canonical && i < G_N_ELEMENTS(forbidden_interfaces); i++)
                if (wire_string_is(view->interface, forbidden_interfaces[i]))
                        return false;
        for (size_t i = 0; i < G_N_ELEMENTS(forbidden_members); i++)
                if (wire_string_is(view->member, forbidden_members[i].member) &&
                    (canonical || forbidden_members[i].any_path) &&
                    (!view->interface.data ||
                     wire_string_is(view->interface, forbidden_members[i].interface)))
                        return false;
        return true;
}

/* Row "any, contained, the bus driver". */
static bool decide_driver(const PolicyQuery *query, PolicyVerdict *verdict) {
        const MessageView *view = &query->message->view;

        if (view->type == MESSAGE_TYPE_METHOD_CALL && !container_policy_driver_allows(view))
                return forbid(verdict);
        return true;
}

/* Row "any with descriptors", where no rule had to allow the message itself. */
static bool decide_fds(const PolicyQuery *query, PolicyVerdict *verdict) {
        const ContainerPolicy *policy = query->sender->container;
        const WireString none = { 0 };

        if (!policy || query->message->view.n_fds == 0 ||
            (policy->flags & CONTAINER_POLICY_UNRESTRICTED) ||
            may_send_fds(policy, query->receiver))
                return true;
        verdict->of_receiver = false;
        return refuse(policy,
                      suggest(CONTAINER_RULE_SEE | CONTAINER_RULE_SEND_UNIX_FDS,
                              name_for_rule(none, query->receiver), NULL),
                      verdict);
}

/* Row "return, error". */
static bool decide_return(const PolicyQuery *query, PolicyVerdict *verdict) {
        if (!query->reply_expected || !query->receiver)
                return forbid(verdict);
        return decide_fds(query, verdict);
}

/* A broadcast from outside: filtered, or for a permissive container let through and reported. */
static bool decide_reception(const PolicyQuery *query, PolicyVerdict *verdict) {
        const ContainerPolicy *policy = query->receiver->container;
        const MessageView *view = &query->message->view;
        const WireString none = { 0 };
        const ContainerRuleQuery question = {
                .need = CONTAINER_RULE_RECEIVE,
                .names = query->sender->names,
                .path = view->path,
                .interface = view->interface,
                .member = view->member,
        };

        if ((policy->flags & CONTAINER_POLICY_UNRESTRICTED) ||
            allows(policy, query->sender, &question))
                return true;
        if (!(policy->flags & CONTAINER_POLICY_PERMISSIVE))
                return filter(verdict);
        verdict->of_receiver = true;
        return refuse(policy, suggest(question.need, name_for_rule(none, query->sender), view),
                      verdict);
}

/* Rows "broadcast signal"; one receiver of it. */
static bool decide_broadcast(const PolicyQuery *query, PolicyVerdict *verdict) {
        const PolicySubject *sender = query->sender, *receiver = query->receiver;
        const MessageView *view = &query->message->view;

        if (!receiver)
                return true;
        /* Other messages can lack a destination too, and would get past the rules for calls. */
        if (view->type != MESSAGE_TYPE_SIGNAL && sender->container &&
            sender->container != receiver->container)
                return filter(verdict);
        if (receiver->container && receiver->container != sender->container &&
            !decide_reception(query, verdict))
                return false;
        return decide_fds(query, verdict);
}

/* Whether the sender may know whom it wrote to. */
static bool sees_destination(const PolicyQuery *query) {
        WireString destination = query->message->view.destination;
        const PolicySubject *sender = query->sender, *receiver = query->receiver;

        if (!receiver)
                return !is_unique(destination) &&
                       container_policy_sees_name(sender->container, destination);
        if (is_unique(destination))
                return query->was_addressed_before || container_policy_sees(sender, receiver);
        return container_policy_sees_owned_name(sender, destination, receiver);
}

/* Row "call, unicast signal, contained, outside". */
static bool decide_outward(const PolicyQuery *query, PolicyVerdict *verdict) {
        const ContainerPolicy *policy = query->sender->container;
        const MessageView *view = &query->message->view;
        ContainerRuleQuery question = {
                .need = CONTAINER_RULE_CALL | (view->n_fds > 0 ? CONTAINER_RULE_SEND_UNIX_FDS : 0),
                .names = query->receiver ? query->receiver->names : NULL,
                .path = view->path,
                .interface = view->interface,
                .member = view->member,
        };

        if (!is_unique(view->destination))
                question.name = view->destination;
        if ((policy->flags & CONTAINER_POLICY_UNRESTRICTED) ||
            allows(policy, query->receiver, &question))
                return true;
        verdict->hidden = !sees_destination(query);
        return refuse(
                policy,
                suggest(question.need, name_for_rule(view->destination, query->receiver), view),
                verdict);
}

static bool decide_message(const PolicyQuery *query, PolicyVerdict *verdict) {
        const PolicySubject *sender = query->sender, *receiver = query->receiver;
        const MessageView *view = &query->message->view;

        if (!sender)
                return true;
        /* A copy for somebody who listens in: never for a contained one, and no business of ours
         * otherwise. */
        if (receiver && view->destination.data && receiver != query->addressed)
                return receiver->container ? filter(verdict) : true;
        if (query->to_driver)
                return sender->container ? decide_driver(query, verdict) : true;
        if (view->type == MESSAGE_TYPE_METHOD_RETURN || view->type == MESSAGE_TYPE_ERROR)
                return decide_return(query, verdict);
        if (!view->destination.data)
                return decide_broadcast(query, verdict);
        if (!sender->container)
                return true;
        if (receiver && receiver->container == sender->container)
                return decide_fds(query, verdict);
        return decide_outward(query, verdict);
}

bool container_policy_decide(const PolicyQuery *query, PolicyVerdict *ret_verdict) {
        *ret_verdict = (PolicyVerdict){ .allowed = true };
        /* What two uncontained ones say to each other is not asked here. */
        if ((!query->sender || !query->sender->container) &&
            (!query->receiver || !query->receiver->container))
                return true;
        return decide_message(query, ret_verdict);
}
