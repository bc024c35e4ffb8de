/* SPDX-License-Identifier: MIT */
/*
 * Opt-ins of services, by the number of the container server that they are for.
 *
 * A grant without a name is a rule without a name, so that the targets of container rules index
 * both. What was given to one server is one set, dropped as a whole when it is withdrawn.
 */
#include "policy/service-grants.h"

#include "policy/names.h"
#include "policy/rule-targets.h"

#include <string.h>

#define GRANT_FLAGS                                                                                \
        (CONTAINER_RULE_CALL | CONTAINER_RULE_RECEIVE | CONTAINER_RULE_SEND_UNIX_FDS |             \
         CONTAINER_RULE_PATH_IS_SUBTREE)

/* What one server, or all of them, were granted. */
typedef struct GrantSet {
        HashNode node;
        uint64_t container;
        GPtrArray *rules; /* of ContainerRule *, owned; the targets borrow their strings */
        size_t n_bytes;   /* of their texts */
        RuleTargets targets;
} GrantSet;

/* Times what one connection may grant. */
#define ACCOUNT_FACTOR 4

struct GrantAccount {
        unsigned n_refs;
        size_t n_rules, n_bytes;
};

struct ServiceGrants {
        ListNode node;
        GrantAccount *account; /* ref; NULL: none */
        uint64_t generation;
        HashTable sets;
        size_t n_rules, n_bytes; /* of all sets */
};

typedef struct NamedNode {
        HashNode node;
        char *name;            /* owned */
        ServiceGrants *grants; /* owned */
} NamedNode;

struct NamedGrants {
        HashTable names;
};

static void free_rule(gpointer rule) {
        container_rule_free(rule);
}

GrantAccount *grant_account_new(void) {
        GrantAccount *account = g_new0(GrantAccount, 1);

        account->n_refs = 1;
        return account;
}

void grant_account_unref(GrantAccount *account) {
        if (!account || --account->n_refs > 0)
                return;
        g_assert(account->n_rules == 0 && account->n_bytes == 0);
        g_free(account);
}

bool grant_account_is_used(const GrantAccount *account) {
        return account->n_refs > 1;
}

uint64_t grant_account_get_limit(uint64_t max_rules) {
        return max_rules > UINT64_MAX / ACCOUNT_FACTOR ? UINT64_MAX : max_rules * ACCOUNT_FACTOR;
}

RuleRoom grant_account_get_room(const GrantAccount *account, uint64_t max_rules) {
        return rule_room_get(grant_account_get_limit(max_rules), account->n_rules,
                             account->n_bytes);
}

/* Of @grants and of all that its user granted. */
static void count(ServiceGrants *grants, size_t n_rules, size_t n_bytes) {
        grants->n_rules += n_rules;
        grants->n_bytes += n_bytes;
        if (!grants->account)
                return;
        grants->account->n_rules += n_rules;
        grants->account->n_bytes += n_bytes;
}

static void uncount(ServiceGrants *grants, size_t n_rules, size_t n_bytes) {
        grants->n_rules -= n_rules;
        grants->n_bytes -= n_bytes;
        if (!grants->account)
                return;
        grants->account->n_rules -= n_rules;
        grants->account->n_bytes -= n_bytes;
}

ServiceGrants *service_grants_new(GrantAccount *account) {
        ServiceGrants *grants = g_new0(ServiceGrants, 1);

        grants->account = account;
        if (account)
                account->n_refs++;
        grants->generation = name_generation_next();
        return grants;
}

static void free_set(ServiceGrants *grants, GrantSet *set) {
        hash_table_remove(&grants->sets, &set->node);
        uncount(grants, set->rules->len, set->n_bytes);
        rule_targets_clear(&set->targets);
        g_ptr_array_unref(set->rules);
        g_free(set);
}

void service_grants_free(ServiceGrants *grants) {
        if (!grants)
                return;
        list_remove(&grants->node);
        for (size_t i = 0; i < grants->sets.n_buckets; i++)
                while (grants->sets.buckets[i])
                        free_set(grants, CONTAINER_OF(grants->sets.buckets[i], GrantSet, node));
        hash_table_clear(&grants->sets);
        grant_account_unref(grants->account);
        g_free(grants);
}

ListNode *service_grants_get_node(ServiceGrants *grants) {
        return &grants->node;
}

ServiceGrants *service_grants_from_node(ListNode *node) {
        return CONTAINER_OF(node, ServiceGrants, node);
}

uint64_t service_grants_get_generation(const ServiceGrants *grants) {
        return grants ? grants->generation : 0;
}

size_t service_grants_count(const ServiceGrants *grants) {
        return grants->n_rules;
}

RuleRoom service_grants_get_room(const ServiceGrants *grants, uint64_t max_rules) {
        return rule_room_get(max_rules, grants ? grants->n_rules : 0, grants ? grants->n_bytes : 0);
}

bool service_grants_check(const ContainerRule *rule, GError **error) {
        if (!container_rule_check(rule, error))
                return false;
        if ((rule->flags & ~(uint32_t)GRANT_FLAGS) == 0 && rule->bus_name[0] == '\0')
                return true;
        g_set_error(error, CONTAINER_RULE_ERROR, CONTAINER_RULE_ERROR_INVALID,
                    "flags '0x%x': expected CALL or RECEIVE, with SEND_UNIX_FDS and "
                    "PATH_IS_SUBTREE only",
                    rule->flags);
        return false;
}

static GrantSet *find_set(const ServiceGrants *grants, uint64_t container) {
        if (!grants)
                return NULL;
        HASH_TABLE_FOREACH_MATCH(node, &grants->sets, hash_u64(container)) {
                GrantSet *set = CONTAINER_OF(node, GrantSet, node);

                if (set->container == container)
                        return set;
        }
        return NULL;
}

void service_grants_add(ServiceGrants *grants, uint64_t container, const ContainerRule *rule) {
        GrantSet *set = find_set(grants, container);
        ContainerRule *kept = container_rule_copy(rule);

        if (!set) {
                set = g_new0(GrantSet, 1);
                set->container = container;
                set->rules = g_ptr_array_new_with_free_func(free_rule);
                hash_table_add(&grants->sets, &set->node, hash_u64(container));
        }
        g_ptr_array_add(set->rules, kept);
        rule_targets_add(&set->targets, kept);
        set->n_bytes += container_rule_get_size(kept);
        count(grants, 1, container_rule_get_size(kept));
        grants->generation = name_generation_next();
}

void service_grants_withdraw(ServiceGrants *grants, uint64_t container) {
        GrantSet *set = find_set(grants, container);

        if (!set)
                return;
        free_set(grants, set);
        grants->generation = name_generation_next();
}

static bool set_allows(const GrantSet *set, const ContainerRuleQuery *query) {
        return set && rule_targets_allow(&set->targets, query->need, query->path, query->interface,
                                         query->member);
}

bool service_grants_allow(const ServiceGrants *grants, uint64_t container,
                          const ContainerRuleQuery *query) {
        return set_allows(find_set(grants, GRANTS_FOR_ALL), query) ||
               set_allows(find_set(grants, container), query);
}

void service_grants_foreach(const ServiceGrants *grants, uint64_t container,
                            void (*visit)(const ContainerRule *rule, void *user), void *user) {
        const GrantSet *sets[] = { find_set(grants, GRANTS_FOR_ALL), find_set(grants, container) };

        for (size_t i = 0; i < G_N_ELEMENTS(sets); i++)
                for (guint j = 0; sets[i] && j < sets[i]->rules->len; j++)
                        visit(sets[i]->rules->pdata[j], user);
}

bool service_grants_see(const ServiceGrants *grants, uint64_t container) {
        return find_set(grants, GRANTS_FOR_ALL) || find_set(grants, container);
}

static bool set_has_call(const GrantSet *set) {
        return set && (set->targets.somewhere.plain & CONTAINER_RULE_CALL);
}

bool service_grants_call(const ServiceGrants *grants, uint64_t container) {
        return set_has_call(find_set(grants, GRANTS_FOR_ALL)) ||
               set_has_call(find_set(grants, container));
}

static bool set_has_fds(const GrantSet *set) {
        return set && set->targets.somewhere.with_fds != 0;
}

bool service_grants_may_send_fds(const ServiceGrants *grants, uint64_t container) {
        return set_has_fds(find_set(grants, GRANTS_FOR_ALL)) ||
               set_has_fds(find_set(grants, container));
}

NamedGrants *named_grants_new(void) {
        return g_new0(NamedGrants, 1);
}

void named_grants_free(NamedGrants *named) {
        if (!named)
                return;
        for (size_t i = 0; i < named->names.n_buckets; i++)
                while (named->names.buckets[i]) {
                        NamedNode *name = CONTAINER_OF(named->names.buckets[i], NamedNode, node);

                        hash_table_remove(&named->names, &name->node);
                        service_grants_free(name->grants);
                        g_free(name->name);
                        g_free(name);
                }
        hash_table_clear(&named->names);
        g_free(named);
}

static NamedNode *find_named(const NamedGrants *named, WireString text, uint64_t hash) {
        HASH_TABLE_FOREACH_MATCH(node, &named->names, hash) {
                NamedNode *name = CONTAINER_OF(node, NamedNode, node);

                if (wire_string_is(text, name->name))
                        return name;
        }
        return NULL;
}

void named_grants_add(NamedGrants *named, const char *name, const ContainerRule *rule) {
        WireString text = wire_string(name);
        uint64_t hash = hash_bytes(text.data, text.length);
        NamedNode *node = find_named(named, text, hash);

        if (!node) {
                node = g_new0(NamedNode, 1);
                node->name = g_strdup(name);
                node->grants = service_grants_new(NULL);
                hash_table_add(&named->names, &node->node, hash);
        }
        service_grants_add(node->grants, GRANTS_FOR_ALL, rule);
}

bool named_grants_is_empty(const NamedGrants *named) {
        return named->names.n_items == 0;
}

const ServiceGrants *named_grants_find_hashed(const NamedGrants *named, WireString name,
                                              uint64_t hash) {
        if (!named || named->names.n_items == 0 || !name.data)
                return NULL;
        NamedNode *node = find_named(named, name, hash);
        return node ? node->grants : NULL;
}

const ServiceGrants *named_grants_find(const NamedGrants *named, WireString name) {
        if (!named || named->names.n_items == 0 || !name.data)
                return NULL;
        return named_grants_find_hashed(named, name, hash_bytes(name.data, name.length));
}
