/* SPDX-License-Identifier: MIT */
/*
 * Finds the match rules that fit a message without looking at the others.
 *
 * The features that a rule has (a sender=, a path=, ...) are its shape, and a hash of their values
 * is its key. All rules with one key form a ring, of which one, the leader, is in a hash table. A
 * look-up goes over the shapes that occur, computes the key which a rule of that shape must have to
 * fit the message, and probes:
 *
 *      shapes  {type interface member}  {type interface path arg0}  {sender}
 *                        |                         |                   |
 *      key of message    k1                        k2                  k3
 *                        |                         |
 *      by_key         [ leader ]                 (none)             [ leader ]
 *                      |      |                                      (itself)
 *                    rule -- rule
 *
 * All rules of a ring agree in the values of their shape, so that these are compared once, with the
 * leader. What is not part of a shape is MatchRule.rest.
 *
 * Rules with a well-known sender= are apart, one group of shapes for each such name, because a
 * sender may have very many names: a name costs it one probe, and more only where there are rules
 * for it.
 *
 * by_equality finds a rule of a given owner, to count copies and to remove.
 */
#include "bus/match-index.h"

#include "bus/match-shape.h"
#include "wire/arguments.h"

/*
 * Shapes of one group with another argument than arg0, of which each costs every look-up a probe.
 */
#define MAX_ARG_SHAPES 16

typedef struct Group {
        HashNode node; /* in MatchIndex.senders, under the name's hash; unused in the root */
        unsigned n_shapes, n_allocated; /* none allocated: there is the one inside */
        union {
                MatchShape *shapes; /* owned */
                MatchShape inside;  /* nearly all senders have rules of one shape */
        };
} Group;

struct MatchIndex {
        HashTable by_key;         /* MatchRule.by_key of leaders */
        HashTable by_equality;    /* MatchRule.by_equality of all rules */
        HashTable senders;        /* Group.node */
        Group root;               /* of rules without a well-known sender= */
        uint64_t n_rules;         /* copies counted */
        uint64_t n_eavesdroppers; /* the same */
        GPtrArray *
                found; /* owned; MatchOwner * of look-ups that are under way, one behind the other */
        unsigned n_args;          /* arguments that any rule may want to see */
        /* rules whose last argument is this one */
        uint32_t n_by_last_arg[MATCH_RULE_MAX_ARG + 1];
};

static MatchShape *group_shapes(Group *group) {
        return group->n_allocated > 0 ? group->shapes : &group->inside;
}

static void free_shapes(Group *group) {
        if (group->n_allocated > 0)
                g_free(group->shapes);
}

MatchIndex *match_index_new(void) {
        MatchIndex *index = g_new0(MatchIndex, 1);

        index->found = g_ptr_array_new();
        return index;
}

void match_index_free(MatchIndex *index) {
        if (!index)
                return;
        hash_table_clear(&index->by_key);
        hash_table_clear(&index->by_equality);
        hash_table_clear(&index->senders);
        free_shapes(&index->root);
        g_ptr_array_unref(index->found);
        g_free(index);
}

void match_owner_init(MatchOwner *owner) {
        *owner = (MatchOwner){ 0 };
        list_init(&owner->rules);
}

/* Groups and shapes */

static uint64_t group_hash(const MatchRule *rule) {
        WireString sender = match_rule_get(rule, MATCH_SENDER);

        return match_name_is_well_known(sender) ? hash_bytes(sender.data, sender.length) : 0;
}

static Group *find_group(MatchIndex *index, const MatchRule *rule) {
        if (!match_name_is_well_known(match_rule_get(rule, MATCH_SENDER)))
                return &index->root;
        HashNode *node = hash_table_find(&index->senders, group_hash(rule));
        return node ? CONTAINER_OF(node, Group, node) : NULL;
}

static Group *get_group(MatchIndex *index, const MatchRule *rule) {
        Group *group = find_group(index, rule);

        if (!group) {
                group = g_new0(Group, 1);
                hash_table_add(&index->senders, &group->node, group_hash(rule));
        }
        return group;
}

static MatchShape *find_shape(Group *group, const MatchShape *wanted) {
        MatchShape *shapes = group_shapes(group);

        for (unsigned i = 0; i < group->n_shapes; i++)
                if (match_shape_equal(&shapes[i], wanted))
                        return &shapes[i];
        return NULL;
}

static MatchShape *add_shape(Group *group, const MatchShape *shape) {
        unsigned n_room = MAX(group->n_allocated, 1);
        MatchShape *shapes = group_shapes(group);

        if (group->n_shapes == n_room) {
                shapes = g_renew(MatchShape, group->n_allocated > 0 ? shapes : NULL, n_room * 2);
                if (group->n_allocated == 0)
                        shapes[0] = group->inside;
                group->shapes = shapes;
                group->n_allocated = n_room * 2;
        }
        shapes[group->n_shapes] = *shape;
        return &shapes[group->n_shapes++];
}

static bool has_room_for_arg_shape(Group *group) {
        const MatchShape *shapes = group_shapes(group);
        unsigned n = 0;

        for (unsigned i = 0; i < group->n_shapes; i++)
                n += shapes[i].arg > 0;
        return n < MAX_ARG_SHAPES;
}

/*
 * Finds or makes the shape under which @rule is filed, and notes what that leaves to be compared.
 */
static MatchShape *choose_shape(Group *group, MatchRule *rule) {
        unsigned features = match_rule_features(rule),
                 filed = features & (MATCH_BIT(MATCH_FEATURE_REST) - 1);
        MatchShape wanted, *shape;

        /* parts of the path times parts of the argument would be too many probes */
        if (filed & MATCH_BIT(MATCH_FEATURE_ARG0_NAMESPACE))
                filed &= ~MATCH_BIT(MATCH_FEATURE_PATH_NAMESPACE);
        match_shape_init(&wanted, rule, filed, group_hash(rule));
        shape = find_shape(group, &wanted);
        if (!shape && wanted.arg > 0 && !has_room_for_arg_shape(group)) {
                filed &= ~MATCH_BIT(MATCH_FEATURE_ARG);
                features |= MATCH_BIT(MATCH_FEATURE_ARGS);
                match_shape_init(&wanted, rule, filed, group_hash(rule));
                shape = find_shape(group, &wanted);
        }

        rule->shape = (uint16_t)filed;
        rule->rest = (uint16_t)(features & ~filed & ~MATCH_BIT(MATCH_FEATURE_SENDER_NAME));
        if (rule->path_is_namespace &&
            match_rule_value(rule, MATCH_FEATURE_PATH_NAMESPACE).length < rule->lengths[MATCH_PATH])
                rule->rest |= MATCH_BIT(MATCH_FEATURE_PATH_NAMESPACE);
        return shape ? shape : add_shape(group, &wanted);
}

static void drop_from_shape(MatchIndex *index, const MatchRule *rule) {
        Group *group = find_group(index, rule);
        MatchShape filed, *shape;

        match_shape_init(&filed, rule, rule->shape, group_hash(rule));
        shape = find_shape(group, &filed);
        if (--shape->n_rules > 0)
                return;
        *shape = group_shapes(group)[--group->n_shapes];
        if (group->n_shapes > 0 || group == &index->root)
                return;
        hash_table_remove(&index->senders, &group->node);
        free_shapes(group);
        g_free(group);
}

/* Adding and removing */

static MatchRule *rule_of_key(HashNode *node) {
        return CONTAINER_OF(node, MatchRule, by_key);
}

/* Whether @rule belongs into the ring of @leader, and not only has the same hash. */
static bool same_key(const MatchRule *leader, const MatchRule *rule, const MatchShape *shape) {
        if (leader->shape != rule->shape || leader->type != rule->type ||
            !wire_string_equal(match_rule_value(leader, MATCH_FEATURE_SENDER_NAME),
                               match_rule_value(rule, MATCH_FEATURE_SENDER_NAME)))
                return false;
        if ((rule->shape & MATCH_BIT(MATCH_FEATURE_ARG)) &&
            leader->args[match_rule_first_arg(leader)].index != shape->arg)
                return false;
        for (unsigned feature = 0; feature < MATCH_FEATURE_REST; feature++)
                if (match_shape_has_value(shape, feature) &&
                    !wire_string_equal(match_rule_value(leader, (MatchFeature)feature),
                                       match_rule_value(rule, (MatchFeature)feature)))
                        return false;
        return true;
}

static void join_ring(MatchIndex *index, MatchRule *rule, const MatchShape *shape) {
        uint64_t key = match_shape_key(shape, rule);

        HASH_TABLE_FOREACH_MATCH(node, &index->by_key, key) {
                MatchRule *leader = rule_of_key(node);

                if (same_key(leader, rule, shape)) {
                        list_append(&leader->siblings, &rule->siblings);
                        rule->is_leader = false;
                        return;
                }
        }
        list_init(&rule->siblings);
        rule->is_leader = true;
        hash_table_add(&index->by_key, &rule->by_key, key);
}

static void leave_ring(MatchIndex *index, MatchRule *rule) {
        if (rule->is_leader) {
                uint64_t key = rule->by_key.hash;

                hash_table_remove(&index->by_key, &rule->by_key);
                if (!list_is_empty(&rule->siblings)) {
                        MatchRule *next = CONTAINER_OF(rule->siblings.next, MatchRule, siblings);

                        next->is_leader = true;
                        hash_table_add(&index->by_key, &next->by_key, key);
                }
        }
        list_remove(&rule->siblings);
}

static uint64_t equality_hash(const MatchRule *rule, const MatchOwner *owner) {
        return hash_combine(match_rule_hash(rule), hash_u64((uint64_t)(uintptr_t)owner));
}

static MatchRule *find_equal(const MatchIndex *index, const MatchRule *rule,
                             const MatchOwner *owner) {
        HASH_TABLE_FOREACH_MATCH(node, &index->by_equality, equality_hash(rule, owner)) {
                MatchRule *other = CONTAINER_OF(node, MatchRule, by_equality);

                if (other->owner == owner && match_rule_equal(other, rule))
                        return other;
        }
        return NULL;
}

static void count_args(MatchIndex *index, const MatchRule *rule, int step) {
        if (rule->n_args == 0)
                return;
        unsigned last = rule->args[rule->n_args - 1].index;
        index->n_by_last_arg[last] += (unsigned)step;
        index->n_args = MAX(index->n_args, last + 1);
        while (index->n_args > 0 && index->n_by_last_arg[index->n_args - 1] == 0)
                index->n_args--;
}

static void count_copies(MatchIndex *index, MatchRule *rule, int step) {
        rule->n_times += (unsigned)step;
        rule->owner->n_rules += (unsigned)step;
        index->n_rules += (uint64_t)(int64_t)step;
        if (rule->eavesdrop)
                index->n_eavesdroppers += (uint64_t)(int64_t)step;
}

void match_index_add(MatchIndex *index, MatchRule *rule, MatchOwner *owner) {
        MatchRule *equal = find_equal(index, rule, owner);

        if (equal) {
                count_copies(index, equal, 1);
                match_rule_free(rule);
                return;
        }
        MatchShape *shape = choose_shape(get_group(index, rule), rule);
        shape->n_rules++;
        join_ring(index, rule, shape);
        rule->owner = owner;
        rule->n_times = 0;
        list_append(&owner->rules, &rule->owned);
        hash_table_add(&index->by_equality, &rule->by_equality, equality_hash(rule, owner));
        count_args(index, rule, 1);
        count_copies(index, rule, 1);
}

static void drop_rule(MatchIndex *index, MatchRule *rule) {
        leave_ring(index, rule);
        drop_from_shape(index, rule);
        list_remove(&rule->owned);
        hash_table_remove(&index->by_equality, &rule->by_equality);
        count_args(index, rule, -1);
        match_rule_free(rule);
}

bool match_index_remove(MatchIndex *index, const MatchRule *rule, MatchOwner *owner) {
        MatchRule *equal = find_equal(index, rule, owner);

        if (!equal)
                return false;
        count_copies(index, equal, -1);
        if (equal->n_times == 0)
                drop_rule(index, equal);
        return true;
}

void match_index_remove_owner(MatchIndex *index, MatchOwner *owner) {
        LIST_FOREACH(node, &owner->rules) {
                MatchRule *rule = CONTAINER_OF(node, MatchRule, owned);

                count_copies(index, rule, -(int)rule->n_times);
                drop_rule(index, rule);
        }
}

bool match_index_is_empty(const MatchIndex *index) {
        return index->n_rules == 0;
}

bool match_index_has_eavesdroppers(const MatchIndex *index) {
        return index->n_eavesdroppers > 0;
}

uint64_t match_index_get_n_rules(const MatchIndex *index) {
        return index->n_rules;
}

void match_owner_foreach(const MatchOwner *owner, void (*visit)(const MatchRule *rule, void *user),
                         void *user) {
        LIST_FOREACH(node, &owner->rules) {
                const MatchRule *rule = CONTAINER_OF(node, MatchRule, owned);

                for (uint32_t i = 0; i < rule->n_times; i++)
                        visit(rule, user);
        }
}

/* Looking up */

typedef struct Lookup {
        const MatchIndex *index;
        const MatchQuery *query;
        void *user; /* for query->knows_sender */
        uint64_t number;
        WireString sender_name; /* of the group that is looked through; absent in the root */
        unsigned known;  /* features whose value has been asked for */
        unsigned absent; /* those of them that the message lacks */
        uint64_t hashes[MATCH_FEATURE_SINGLE]; /* but MATCH_FEATURE_ARG */
        uint64_t known_args, absent_args;
        uint64_t arg_hashes[MATCH_RULE_MAX_ARG + 1];
        unsigned n_starts[2]; /* of the path and of argument 0, as match_namespace_starts() */
        uint64_t starts[2][MATCH_MAX_PARTS + 1];
        bool has_args;
        MessageArgs args; /* not initialised before it is filled */
} Lookup;

static const MessageArgs *get_args(Lookup *lookup) {
        if (!lookup->has_args) {
                message_get_args(lookup->query->message, lookup->index->n_args, &lookup->args);
                lookup->has_args = true;
        }
        return &lookup->args;
}

/* Argument @i if its type is @type, or @other_type. */
static WireString get_arg(Lookup *lookup, unsigned i, char type, char other_type) {
        const MessageArgs *args = get_args(lookup);

        if (i >= args->n_args || (args->types[i] != type && args->types[i] != other_type))
                return (WireString){ 0 };
        return args->texts[i];
}

static WireString get_destination(const Lookup *lookup) {
        const NameSet *names = lookup->query->receiver_names;

        return names ? names->unique : lookup->query->message->destination;
}

static WireString message_value(const Lookup *lookup, MatchFeature feature) {
        const MessageView *message = lookup->query->message;

        if (feature == MATCH_FEATURE_INTERFACE)
                return message->interface;
        if (feature == MATCH_FEATURE_MEMBER)
                return message->member;
        if (feature == MATCH_FEATURE_SENDER)
                return lookup->query->sender_unique;
        return feature == MATCH_FEATURE_PATH ? message->path : get_destination(lookup);
}

/* No rule can ask for a text that is longer than rules are; hashing that would cost for nothing. */
static bool may_be_asked_for(WireString value) {
        return value.data && value.length <= MATCH_RULE_MAX_LENGTH;
}

static bool get_arg_hash(Lookup *lookup, unsigned i, uint64_t *ret_hash) {
        uint64_t bit = UINT64_C(1) << i;

        if (!(lookup->known_args & bit)) {
                WireString value = get_arg(lookup, i, 's', 's');

                lookup->known_args |= bit;
                if (may_be_asked_for(value))
                        lookup->arg_hashes[i] = hash_bytes(value.data, value.length);
                else
                        lookup->absent_args |= bit;
        }
        *ret_hash = lookup->arg_hashes[i];
        return !(lookup->absent_args & bit);
}

static bool get_hash(Lookup *lookup, MatchFeature feature, unsigned arg, uint64_t *ret_hash) {
        if (feature == MATCH_FEATURE_ARG)
                return get_arg_hash(lookup, arg, ret_hash);
        if (!(lookup->known & MATCH_BIT(feature))) {
                WireString value = message_value(lookup, feature);

                lookup->known |= MATCH_BIT(feature);
                if (may_be_asked_for(value))
                        lookup->hashes[feature] = hash_bytes(value.data, value.length);
                else
                        lookup->absent |= MATCH_BIT(feature);
        }
        *ret_hash = lookup->hashes[feature];
        return !(lookup->absent & MATCH_BIT(feature));
}

/* Hashes of all namespaces that contain the path or argument 0. */
static const uint64_t *get_starts(Lookup *lookup, MatchFeature feature, unsigned *ret_n) {
        unsigned which = feature == MATCH_FEATURE_ARG0_NAMESPACE;

        if (!(lookup->known & MATCH_BIT(feature))) {
                WireString value =
                        which ? get_arg(lookup, 0, 's', 's') : lookup->query->message->path;
                WireString starts[MATCH_MAX_PARTS + 1];

                lookup->known |= MATCH_BIT(feature);
                lookup->n_starts[which] =
                        value.data ? match_namespace_starts(value, which ? '.' : '/', starts) : 0;
                for (unsigned i = 0; i < lookup->n_starts[which]; i++)
                        lookup->starts[which][i] = hash_bytes(starts[i].data, starts[i].length);
        }
        *ret_n = lookup->n_starts[which];
        return lookup->starts[which];
}

static bool name_set_has(const NameSet *names, WireString name) {
        for (unsigned i = 0; i < names->n_names; i++)
                if (names->names[i].primary && wire_string_equal(names->names[i].name, name))
                        return true;
        return false;
}

static bool destination_matches(const Lookup *lookup, WireString name) {
        const NameSet *names = lookup->query->receiver_names;

        return wire_string_equal(get_destination(lookup), name) ||
               (names && name_set_has(names, name));
}

static bool arg_matches(Lookup *lookup, const MatchRule *rule, unsigned i) {
        WireString value = match_rule_get_arg(rule, i), argument;
        bool is_path = rule->args[i].kind == MATCH_ARG_PATH;

        argument = get_arg(lookup, rule->args[i].index, 's', is_path ? 'o' : 's');
        if (!argument.data)
                return false;
        if (is_path)
                return match_arg_path_matches(value, argument);
        if (rule->args[i].kind == MATCH_ARG_NAMESPACE)
                return match_namespace_contains(value, argument, '.');
        return wire_string_equal(value, argument);
}

static bool args_match(Lookup *lookup, const MatchRule *rule) {
        for (unsigned i = 0; i < rule->n_args; i++)
                if (!arg_matches(lookup, rule, i))
                        return false;
        return true;
}

/* Compares features that are no part of the key, with values at their full length. */
static bool rest_matches(Lookup *lookup, const MatchRule *rule) {
        WireString path = lookup->query->message->path;

        if ((rule->rest & MATCH_BIT(MATCH_FEATURE_PATH_NAMESPACE)) &&
            !(path.data && match_namespace_contains(match_rule_get(rule, MATCH_PATH), path, '/')))
                return false;
        return !(rule->rest & MATCH_BIT(MATCH_FEATURE_ARGS)) || args_match(lookup, rule);
}

static bool value_matches(Lookup *lookup, const MatchRule *rule, MatchFeature feature) {
        WireString value = match_rule_value(rule, feature);

        if (feature == MATCH_FEATURE_PATH_NAMESPACE)
                return match_namespace_contains(value, lookup->query->message->path, '/');
        if (feature == MATCH_FEATURE_ARG0_NAMESPACE)
                return match_namespace_contains(value, get_arg(lookup, 0, 's', 's'), '.');
        if (feature == MATCH_FEATURE_ARG)
                return arg_matches(lookup, rule, match_rule_first_arg(rule));
        if (feature == MATCH_FEATURE_DESTINATION_NAME)
                return destination_matches(lookup, value);
        return wire_string_equal(value, message_value(lookup, feature));
}

/* Compares what is in the key, once for a whole ring: that the hashes are equal is no proof. */
static bool key_matches(Lookup *lookup, const MatchRule *leader, const MatchShape *shape) {
        if (leader->shape != shape->features || leader->type != shape->type)
                return false;
        if (lookup->sender_name.data &&
            !wire_string_equal(lookup->sender_name,
                               match_rule_value(leader, MATCH_FEATURE_SENDER_NAME)))
                return false;
        for (unsigned feature = 0; feature < MATCH_FEATURE_REST; feature++)
                if (match_shape_has_value(shape, feature) &&
                    !value_matches(lookup, leader, (MatchFeature)feature))
                        return false;
        return true;
}

static void visit(Lookup *lookup, const MatchRule *rule) {
        MatchOwner *owner = rule->owner;

        if (owner->last_match == lookup->number || !rest_matches(lookup, rule))
                return;
        if (lookup->sender_name.data && lookup->query->knows_sender &&
            !lookup->query->knows_sender(owner, lookup->sender_name, lookup->user))
                return;
        owner->last_match = lookup->number;
        g_ptr_array_add(lookup->index->found, owner);
}

static void probe(Lookup *lookup, const MatchShape *shape, uint64_t key) {
        HASH_TABLE_FOREACH_MATCH(node, &lookup->index->by_key, key) {
                const MatchRule *leader = rule_of_key(node);

                if (!key_matches(lookup, leader, shape))
                        continue;
                visit(lookup, leader);
                for (const ListNode *at = leader->siblings.next; at != &leader->siblings;
                     at = at->next)
                        visit(lookup, CONTAINER_OF(at, MatchRule, siblings));
        }
}

static void probe_destinations(Lookup *lookup, const MatchShape *shape, uint64_t key) {
        const NameSet *names = lookup->query->receiver_names;
        uint64_t hash;

        if (!(shape->features & MATCH_BIT(MATCH_FEATURE_DESTINATION_NAME))) {
                probe(lookup, shape, key);
                return;
        }
        if (!names) {
                if (get_hash(lookup, MATCH_FEATURE_DESTINATION, 0, &hash))
                        probe(lookup, shape, hash_combine(key, hash));
                return;
        }
        for (unsigned i = 0; i < names->n_names; i++)
                if (names->names[i].primary)
                        probe(lookup, shape, hash_combine(key, names->names[i].hash));
}

static void find_in_shape(Lookup *lookup, const MatchShape *shape) {
        static const unsigned namespaces =
                MATCH_BIT(MATCH_FEATURE_PATH_NAMESPACE) | MATCH_BIT(MATCH_FEATURE_ARG0_NAMESPACE);
        uint64_t key = shape->hash, hash;
        unsigned n;

        if (shape->type != 0 && shape->type != lookup->query->message->type)
                return;
        if (lookup->query->eavesdrop && !(shape->features & MATCH_BIT(MATCH_FEATURE_EAVESDROP)))
                return;
        for (unsigned feature = 0; feature < MATCH_FEATURE_SINGLE; feature++)
                if (shape->features & MATCH_BIT(feature)) {
                        if (!get_hash(lookup, (MatchFeature)feature, shape->arg, &hash))
                                return;
                        key = hash_combine(key, hash);
                }
        if (!(shape->features & namespaces)) {
                probe_destinations(lookup, shape, key);
                return;
        }
        const uint64_t *starts =
                get_starts(lookup,
                           shape->features & MATCH_BIT(MATCH_FEATURE_PATH_NAMESPACE)
                                   ? MATCH_FEATURE_PATH_NAMESPACE
                                   : MATCH_FEATURE_ARG0_NAMESPACE,
                           &n);
        for (unsigned i = 0; i < n; i++)
                probe_destinations(lookup, shape, hash_combine(key, starts[i]));
}

static void find_in_group(Lookup *lookup, Group *group) {
        for (unsigned i = 0; i < group->n_shapes; i++)
                find_in_shape(lookup, &group_shapes(group)[i]);
}

/* Appends the owners to index->found, each once. */
static void collect(MatchIndex *index, const MatchQuery *query, void *user) {
        static uint64_t last_number; /* of all indexes, because an owner may be in several */
        const NameSet *names = query->sender_names;
        Lookup lookup;

        lookup.index = index;
        lookup.query = query;
        lookup.user = user;
        lookup.number = ++last_number;
        lookup.sender_name = (WireString){ 0 };
        lookup.known = lookup.absent = 0;
        lookup.known_args = lookup.absent_args = 0;
        lookup.has_args = false;

        find_in_group(&lookup, &index->root);
        if (!names || index->senders.n_items == 0)
                return;
        for (unsigned i = 0; i < names->n_names; i++) {
                HashNode *node = names->names[i].primary
                                         ? hash_table_find(&index->senders, names->names[i].hash)
                                         : NULL;

                if (!node)
                        continue;
                lookup.sender_name = names->names[i].name;
                find_in_group(&lookup, CONTAINER_OF(node, Group, node));
        }
}

void match_index_find(MatchIndex *index, const MatchQuery *query, MatchFound found, void *user) {
        guint start = index->found->len, end;

        if (index->n_rules == 0 || (query->eavesdrop && index->n_eavesdroppers == 0))
                return;
        collect(index, query, user);
        /* who is told may look for others in turn, whom it appends behind these and takes off again */
        end = index->found->len;
        for (guint i = start; i < end; i++)
                found(index->found->pdata[i], user);
        g_ptr_array_set_size(index->found, (gint)start);
}
