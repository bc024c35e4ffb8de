/* SPDX-License-Identifier: MIT */
/*
 * Compiled XML rules.
 *
 * Rules are applied in order and the last one that matches decides. A table keeps, for each name, prefix and
 * interface that rules ask for, the rules that do, each with its place in the order:
 *
 *      names       org.a -> 3 deny, 17 allow        prefixes    org.b -> 5 allow
 *      interfaces  org.a.I -> 8 deny                rest        0 allow, 1 deny
 *
 * The answer is the match with the highest place of those few lists that can match at all; each is walked from
 * its end and left as soon as it cannot win any more.
 *
 * For most buses the answer for most messages is "all allowed", whatever they say. This is found out here,
 * for each class of messages (type, state of a reply, eavesdropping), and kept as one bit.
 */
#include "policy/snapshot.h"

static void bucket_init(RuleBucket *bucket) {
        bucket->entries = g_array_new(FALSE, FALSE, sizeof(RuleEntry));
}

static void bucket_clear(RuleBucket *bucket) {
        g_array_unref(bucket->entries);
}

static void bucket_add(RuleBucket *bucket, const PolicyRule *rule, unsigned order) {
        RuleEntry entry = { .rule = rule, .order = order };

        g_array_append_val(bucket->entries, entry);
}

static RuleBucket *find_bucket(const HashTable *table, WireString key, uint64_t hash) {
        HASH_TABLE_FOREACH_MATCH(node, table, hash) {
                RuleBucket *bucket = CONTAINER_OF(node, RuleBucket, node);

                if (wire_string_equal(bucket->key, key))
                        return bucket;
        }
        return NULL;
}

static void add_under(HashTable *table, WireString key, const PolicyRule *rule, unsigned order) {
        uint64_t hash = hash_bytes(key.data, key.length);
        RuleBucket *bucket = find_bucket(table, key, hash);

        if (!bucket) {
                bucket = g_new0(RuleBucket, 1);
                bucket_init(bucket);
                bucket->key = key;
                hash_table_add(table, &bucket->node, hash);
        }
        bucket_add(bucket, rule, order);
}

static void clear_buckets(HashTable *table) {
        for (size_t i = 0; i < table->n_buckets; i++) {
                while (table->buckets[i]) {
                        RuleBucket *bucket = CONTAINER_OF(table->buckets[i], RuleBucket, node);

                        hash_table_remove(table, &bucket->node);
                        bucket_clear(bucket);
                        g_free(bucket);
                }
        }
        hash_table_clear(table);
}

static void table_add(RuleTable *table, const PolicyRule *rule, unsigned order) {
        if (rule->name.data) {
                add_under(rule->name_is_prefix ? &table->prefixes : &table->names, rule->name, rule,
                          order);
                table->has_unique_names |= rule->name.data[0] == ':';
                return;
        }
        if (!rule->interface.data) {
                bucket_add(&table->rest, rule, order);
                return;
        }
        add_under(&table->interfaces, rule->interface, rule, order);
        if (!rule->allow)
                bucket_add(&table->no_interface, rule, order);
}

/*
 * Whether the reference implementation forgets all rules of the kind that stand before this one. It means those that match
 * everything, but looks neither at eavesdrop and requested_reply nor at broadcasts and descriptors; policies that
 * work there rely on what comes out of that.
 */
static bool hides_earlier(const PolicyRule *rule) {
        return rule->type == MESSAGE_TYPE_INVALID && !rule->name.data && !rule->path.data &&
               !rule->interface.data && !rule->member.data && !rule->error.data;
}

static bool is_open_for(const GPtrArray *rules, uint8_t type, const PolicyMessage *message) {
        for (guint i = rules->len; i-- > 0;) {
                const PolicyRule *rule = rules->pdata[i];

                if (!policy_rule_covers(rule, type, message))
                        continue;
                if (!rule->allow || rule->log)
                        return false;
                if (policy_rule_is_open(rule))
                        return true;
        }
        return false;
}

static uint32_t find_open_classes(const GPtrArray *rules) {
        uint32_t open = 0;

        for (uint8_t type = MESSAGE_TYPE_METHOD_CALL; type <= MESSAGE_TYPE_SIGNAL; type++) {
                for (unsigned state = 0; state < 8; state++) {
                        PolicyMessage message = {
                                .reply = state & 1,
                                .requested = (state & 3) == 3,
                                .eavesdropping = state & 4,
                        };

                        if (is_open_for(rules, type, &message))
                                open |= rule_table_class(type, &message);
                }
        }
        return open;
}

static void table_init(RuleTable *table, PolicyRuleKind kind, const GPtrArray *all) {
        g_autoptr(GPtrArray) rules = g_ptr_array_new();

        for (guint i = 0; i < all->len; i++) {
                PolicyRule *rule = all->pdata[i];

                if (rule->kind != kind)
                        continue;
                if (hides_earlier(rule))
                        g_ptr_array_set_size(rules, 0);
                g_ptr_array_add(rules, rule);
        }
        bucket_init(&table->rest);
        bucket_init(&table->no_interface);
        for (guint i = 0; i < rules->len; i++)
                table_add(table, rules->pdata[i], i);
        table->n_rules = rules->len;
        table->open = kind == POLICY_RULE_OWN ? 0 : find_open_classes(rules);
}

static void table_clear(RuleTable *table) {
        clear_buckets(&table->names);
        clear_buckets(&table->prefixes);
        clear_buckets(&table->interfaces);
        bucket_clear(&table->no_interface);
        bucket_clear(&table->rest);
}

PolicySnapshot *policy_snapshot_new(Policy *policy, GBytes *key, const GPtrArray *rules) {
        PolicySnapshot *snapshot = g_new0(PolicySnapshot, 1);

        snapshot->n_refs = 1;
        snapshot->number = name_generation_next();
        snapshot->policy = policy_ref(policy);
        snapshot->key = key;
        table_init(&snapshot->send, POLICY_RULE_SEND, rules);
        table_init(&snapshot->receive, POLICY_RULE_RECEIVE, rules);
        table_init(&snapshot->own, POLICY_RULE_OWN, rules);
        return snapshot;
}

void policy_snapshot_free(PolicySnapshot *snapshot) {
        table_clear(&snapshot->send);
        table_clear(&snapshot->receive);
        table_clear(&snapshot->own);
        g_bytes_unref(snapshot->key);
        g_free(snapshot);
}

PolicySnapshot *policy_snapshot_ref(PolicySnapshot *snapshot) {
        snapshot->n_refs++;
        return snapshot;
}

/* A search for the last match: the best so far, and what has to match. */
typedef struct Search {
        const PolicyMessage *message; /* NULL: the key is all that has to match */
        const RuleEntry *best;
} Search;

static void search_bucket(Search *search, const RuleBucket *bucket) {
        for (guint i = bucket->entries->len; i-- > 0;) {
                const RuleEntry *entry = &g_array_index(bucket->entries, RuleEntry, i);

                if (search->best && entry->order < search->best->order)
                        return;
                if (search->message && !policy_rule_matches(entry->rule, search->message))
                        continue;
                search->best = entry;
                return;
        }
}

static void search_key(Search *search, const HashTable *table, WireString key, uint64_t hash) {
        const RuleBucket *bucket = find_bucket(table, key, hash);

        if (bucket)
                search_bucket(search, bucket);
}

/* A prefix covers itself and what follows it behind a period. */
static void search_prefixes(Search *search, const HashTable *table, WireString name) {
        for (uint32_t i = 1; i <= name.length; i++) {
                WireString prefix = { .data = name.data, .length = i };

                if (i == name.length || name.data[i] == '.')
                        search_key(search, table, prefix, hash_bytes(prefix.data, prefix.length));
        }
}

static void search_name(Search *search, const RuleTable *table, WireString name, uint64_t hash) {
        if (table->names.n_items > 0)
                search_key(search, &table->names, name, hash);
        if (table->prefixes.n_items > 0)
                search_prefixes(search, &table->prefixes, name);
}

/* A peer is meant by all its names, also by those that it only waits for. */
static void search_peer(Search *search, const RuleTable *table, const RulePeer *peer) {
        const NameSet *set = peer->names;

        if (table->names.n_items == 0 && table->prefixes.n_items == 0)
                return;
        if (!set) {
                if (peer->text.data)
                        search_name(search, table, peer->text,
                                    hash_bytes(peer->text.data, peer->text.length));
                return;
        }
        for (unsigned i = 0; i < set->n_names; i++)
                search_name(search, table, set->names[i].name, set->names[i].hash);
        if (table->has_unique_names && set->unique.data)
                search_name(search, table, set->unique,
                            hash_bytes(set->unique.data, set->unique.length));
}

const PolicyRule *rule_table_find(const RuleTable *table, const PolicyMessage *message,
                                  const RulePeer *peer) {
        WireString interface = message->view->interface;
        Search search = { .message = message };

        search_bucket(&search, &table->rest);
        if (!interface.data)
                search_bucket(&search, &table->no_interface);
        else if (table->interfaces.n_items > 0)
                search_key(&search, &table->interfaces, interface,
                           hash_bytes(interface.data, interface.length));
        search_peer(&search, table, peer);
        return search.best ? search.best->rule : NULL;
}

const PolicyRule *rule_table_find_own(const RuleTable *table, WireString name) {
        Search search = { .message = NULL };

        search_bucket(&search, &table->rest);
        search_name(&search, table, name, hash_bytes(name.data, name.length));
        return search.best ? search.best->rule : NULL;
}
