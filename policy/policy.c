/* SPDX-License-Identifier: MIT */
/*
 * The XML policy of one configuration: which rules are for whom, and who may connect.
 *
 * A connection is of the class of all those to which the same <policy> elements apply. Each class has one
 * PolicySnapshot, made when the first of its connections appears. Some that nobody uses any more are kept for those
 * who come and go; only those in use hold a reference to the policy. It finds them under a key of what distinguishes
 * classes: the user and groups that rules speak of, and the console.
 */
#include "policy/config.h"
#include "policy/late-accounts.h"
#include "policy/rules.h"
#include "policy/snapshot.h"
#include "policy/verdict.h"

/* Snapshots that are kept although nobody uses them. */
#define MAX_IDLE 16

struct Policy {
        unsigned n_refs;
        Config *config; /* ref; owns the rules */
        GPtrArray *
                late; /* ref; of LateAccount *, what is known of those that the configuration did not know */
        GPtrArray *defaults, *mandatory, *console,
                *no_console;         /* owned; of PolicyRule *, borrowed */
        GHashTable *by_uid, *by_gid; /* owned; id -> GPtrArray * of PolicyRule * */
        GHashTable *snapshots; /* owned; key -> PolicySnapshot *, both borrowed from the snapshot */
        GQueue idle;           /* of PolicySnapshot *, owned; last used first */
        bool has_group_members; /* who may connect is said of a group */
};

/* What is known of a user or group by now; NULL: the system does not know it. */
static const PolicyAccount *find_known(const Policy *policy, const PolicyAccount *account,
                                       bool is_group) {
        const PolicyAccount *late;

        if (account->known)
                return account;
        late = late_accounts_find(policy->late, account->name, is_group);
        return late && late->known ? late : NULL;
}

/* Who is not known has no id to be found under. */
static GPtrArray *get_list(GHashTable *table, const PolicyAccount *account) {
        GPtrArray *list;

        if (!account)
                return NULL;
        list = g_hash_table_lookup(table, GUINT_TO_POINTER(account->id));
        if (!list) {
                list = g_ptr_array_new();
                g_hash_table_insert(table, GUINT_TO_POINTER(account->id), list);
        }
        return list;
}

static GPtrArray *get_rules_of(Policy *policy, const PolicyRule *rule) {
        switch (rule->context) {
        case POLICY_CONTEXT_DEFAULT:
                return policy->defaults;
        case POLICY_CONTEXT_GROUP:
                return get_list(policy->by_gid, find_known(policy, &rule->applies_to, true));
        case POLICY_CONTEXT_USER:
                return get_list(policy->by_uid, find_known(policy, &rule->applies_to, false));
        case POLICY_CONTEXT_CONSOLE:
                return policy->console;
        case POLICY_CONTEXT_NO_CONSOLE:
                return policy->no_console;
        case POLICY_CONTEXT_MANDATORY:
                return policy->mandatory;
        }
        g_assert_not_reached();
}

static GHashTable *new_lists(void) {
        return g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
}

Policy *policy_new(Config *config) {
        g_autoptr(GPtrArray) none = g_ptr_array_new();

        return policy_new_with_accounts(config, none);
}

Policy *policy_new_with_accounts(Config *config, GPtrArray *late) {
        Policy *policy = g_new0(Policy, 1);

        policy->n_refs = 1;
        policy->config = config_ref(config);
        policy->late = g_ptr_array_ref(late);
        policy->defaults = g_ptr_array_new();
        policy->mandatory = g_ptr_array_new();
        policy->console = g_ptr_array_new();
        policy->no_console = g_ptr_array_new();
        policy->by_uid = new_lists();
        policy->by_gid = new_lists();
        policy->snapshots = g_hash_table_new(g_bytes_hash, g_bytes_equal);
        for (guint i = 0; i < config->rules->len; i++) {
                PolicyRule *rule = config->rules->pdata[i];
                GPtrArray *list = get_rules_of(policy, rule);

                if (list)
                        g_ptr_array_add(list, rule);
                policy->has_group_members |= rule->kind == POLICY_RULE_GROUP && rule->account.name;
        }
        return policy;
}

Policy *policy_ref(Policy *policy) {
        policy->n_refs++;
        return policy;
}

static void forget_oldest(Policy *policy) {
        PolicySnapshot *snapshot = g_queue_pop_tail(&policy->idle);

        g_hash_table_remove(policy->snapshots, snapshot->key);
        policy_snapshot_free(snapshot);
}

void policy_unref(Policy *policy) {
        if (!policy || --policy->n_refs > 0)
                return;
        while (policy->idle.length > 0)
                forget_oldest(policy);
        /* Each one in use holds a reference. */
        g_assert(g_hash_table_size(policy->snapshots) == 0);
        g_hash_table_unref(policy->snapshots);
        g_hash_table_unref(policy->by_uid);
        g_hash_table_unref(policy->by_gid);
        g_ptr_array_unref(policy->defaults);
        g_ptr_array_unref(policy->mandatory);
        g_ptr_array_unref(policy->console);
        g_ptr_array_unref(policy->no_console);
        g_ptr_array_unref(policy->late);
        config_unref(policy->config);
        g_free(policy);
}

static void append(GPtrArray *rules, const GPtrArray *list) {
        for (guint i = 0; i < list->len; i++)
                g_ptr_array_add(rules, list->pdata[i]);
}

static void append_by_id(GHashTable *table, uint32_t id, char kind, GPtrArray *rules,
                         GByteArray *key) {
        const GPtrArray *list = g_hash_table_lookup(table, GUINT_TO_POINTER(id));

        if (!list)
                return;
        append(rules, list);
        g_byte_array_append(key, (const guint8 *)&kind, 1);
        g_byte_array_append(key, (const guint8 *)&id, sizeof id);
}

/* Where the kernel does not tell all groups, the one that it did tell with the uid counts. */
static const gid_t *get_groups(Identity *identity, size_t *ret_n_groups) {
        const gid_t *groups = identity_get_groups(identity, ret_n_groups);

        if (groups && *ret_n_groups > 0)
                return groups;
        *ret_n_groups = 1;
        return &identity->gid;
}

/* The rules for a peer in their order, and the key of its class. */
static void select_rules(Policy *policy, Identity *identity, bool at_console, GPtrArray *rules,
                         GByteArray *key) {
        append(rules, policy->defaults);
        if (identity && g_hash_table_size(policy->by_gid) > 0) {
                size_t n_groups;
                const gid_t *groups = get_groups(identity, &n_groups);

                for (size_t i = 0; i < n_groups; i++)
                        append_by_id(policy->by_gid, groups[i], 'g', rules, key);
        }
        if (identity) {
                const GPtrArray *console = at_console ? policy->console : policy->no_console;

                append_by_id(policy->by_uid, identity->uid, 'u', rules, key);
                append(rules, console);
                if (console->len > 0)
                        g_byte_array_append(key, (const guint8 *)(at_console ? "y" : "n"), 1);
        }
        append(rules, policy->mandatory);
}

PolicySnapshot *policy_get_snapshot(Policy *policy, Identity *identity, bool at_console) {
        g_autoptr(GPtrArray) rules = g_ptr_array_new();
        GByteArray *bytes = g_byte_array_new();
        g_autoptr(GBytes) key = NULL;
        PolicySnapshot *snapshot;

        select_rules(policy, identity, at_console, rules, bytes);
        key = g_byte_array_free_to_bytes(bytes);
        snapshot = g_hash_table_lookup(policy->snapshots, key);
        if (snapshot && snapshot->n_refs == 0) {
                g_queue_remove(&policy->idle, snapshot);
                policy_ref(policy);
        }
        if (snapshot)
                return policy_snapshot_ref(snapshot);
        snapshot = policy_snapshot_new(policy, g_steal_pointer(&key), rules);
        g_hash_table_insert(policy->snapshots, snapshot->key, snapshot);
        return snapshot;
}

void policy_snapshot_unref(PolicySnapshot *snapshot) {
        Policy *policy;

        if (!snapshot || --snapshot->n_refs > 0)
                return;
        policy = snapshot->policy;
        g_queue_push_head(&policy->idle, snapshot);
        if (policy->idle.length > MAX_IDLE)
                forget_oldest(policy);
        policy_unref(policy);
}

bool policy_needs_console(const Policy *policy) {
        return policy->console->len > 0 || policy->no_console->len > 0;
}

typedef struct Peer {
        uid_t uid;
        const gid_t *groups;
        size_t n_groups;
} Peer;

static bool is_in_group(const Peer *peer, gid_t gid) {
        for (size_t i = 0; i < peer->n_groups; i++)
                if (peer->groups[i] == gid)
                        return true;
        return false;
}

static bool is_about(const Policy *policy, const PolicyRule *rule, const Peer *peer) {
        bool is_group = rule->kind == POLICY_RULE_GROUP;
        const PolicyAccount *account;

        if (rule->kind != POLICY_RULE_USER && !is_group)
                return false;
        if (!rule->account.name)
                return true;
        account = find_known(policy, &rule->account, is_group);
        if (!account)
                return false;
        return is_group ? is_in_group(peer, account->id) : account->id == peer->uid;
}

static const PolicyRule *find_last_about(const Policy *policy, const GPtrArray *rules,
                                         const Peer *peer) {
        for (guint i = rules->len; i-- > 0;)
                if (is_about(policy, rules->pdata[i], peer))
                        return rules->pdata[i];
        return NULL;
}

bool policy_decide_connect(Policy *policy, Identity *identity, uid_t bus_uid,
                           PolicyVerdict *ret_verdict) {
        const PolicyRule *rule;
        Peer peer;

        *ret_verdict = (PolicyVerdict){ .allowed = true };
        if (!identity) {
                ret_verdict->allowed = policy->config->allow_anonymous;
                ret_verdict->layer = ret_verdict->allowed ? POLICY_LAYER_NONE : POLICY_LAYER_XML;
                return ret_verdict->allowed;
        }
        peer = (Peer){ .uid = identity->uid };
        if (policy->has_group_members)
                peer.groups = get_groups(identity, &peer.n_groups);

        rule = find_last_about(policy, policy->mandatory, &peer);
        if (!rule)
                rule = find_last_about(policy, policy->defaults, &peer);
        /* Without a word about it: who the bus belongs to, and not even root. */
        ret_verdict->allowed = rule ? rule->allow : identity->uid == bus_uid;
        if (rule && (!rule->allow || rule->log)) {
                ret_verdict->rule = rule->text;
                ret_verdict->file = rule->file;
                ret_verdict->line = rule->line;
                ret_verdict->log = rule->log;
        }
        ret_verdict->layer = ret_verdict->allowed ? POLICY_LAYER_NONE : POLICY_LAYER_XML;
        return ret_verdict->allowed;
}
