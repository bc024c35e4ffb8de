/* SPDX-License-Identifier: MIT */
/*
 * Finds the match rules that fit a message without looking at the others.
 *
 * The features that a rule has (a sender=, a path=, ...) are its shape, and a hash of their values is its key. All rules
 * with one key form a ring, of which one, the leader, is in a hash table. A look-up goes over the shapes that occur,
 * computes the key which a rule of that shape must have to fit the message, and probes:
 *
 *      shapes  {type interface member}  {type interface path arg0}  {sender}
 *                        |                         |                   |
 *      key of message    k1                        k2                  k3
 *                        |                         |
 *      by_key         [ leader ]                 (none)             [ leader ]
 *                      |      |                                      (itself)
 *                    rule -- rule
 *
 * All rules of a ring agree in the values of their shape, so that these are compared once, with the leader. What is not
 * part of a shape is MatchRule.rest.
 *
 * Rules with a well-known sender= are apart, one group of shapes for each such name, because a sender may have very many
 * names: a name costs it one probe, and more only where there are rules for it.
 *
 * by_equality finds a rule of a given owner, to count copies and to remove.
 */
#include "bus/match-index.h"

/* What a rule may ask for. Values of features below FEATURE_REST can be part of a key, in this order. */
typedef enum Feature {
        FEATURE_INTERFACE,
        FEATURE_MEMBER,
        FEATURE_SENDER,           /* unique name, or that of the bus */
        FEATURE_PATH,
        FEATURE_ARG,              /* the first argN= */
        FEATURE_DESTINATION,      /* unique name, or that of the bus */
        FEATURE_SINGLE,           /* a message has at most one value of each of the above, and may have many of: */
        FEATURE_PATH_NAMESPACE = FEATURE_SINGLE,
        FEATURE_ARG0_NAMESPACE,
        FEATURE_DESTINATION_NAME, /* well-known name */
        FEATURE_EAVESDROP,        /* has no value */
        FEATURE_REST,
        FEATURE_SENDER_NAME = FEATURE_REST, /* chooses the group */
        FEATURE_ARGS,             /* more than those in the key */
} Feature;

#define BIT(feature) (1u << (feature))

/* A namespace is part of a key up to this many of its parts, which bounds the probes that a long path can cause. */
#define MAX_PARTS 8

/* Shapes of one group with another argument than arg0, of which each costs every look-up a probe. */
#define MAX_ARG_SHAPES 16

typedef struct Shape {
        uint64_t hash;    /* the key starts from it */
        uint32_t n_rules; /* rings and their members, copies not counted; never 0 */
        uint16_t features;
        uint8_t type;     /* MESSAGE_TYPE_..., 0: any */
        uint8_t arg;      /* number of FEATURE_ARG */
} Shape;

typedef struct Group {
        HashNode node;    /* in MatchIndex.senders, under the name's hash; unused in the root */
        unsigned n_shapes, n_allocated;
        Shape *shapes;    /* owned */
} Group;

struct MatchIndex {
        HashTable by_key;      /* MatchRule.by_key of leaders */
        HashTable by_equality; /* MatchRule.by_equality of all rules */
        HashTable senders;     /* Group.node */
        Group root;            /* of rules without a well-known sender= */
        uint64_t n_rules, n_eavesdroppers; /* copies counted */
        uint32_t n_by_last_arg[MATCH_RULE_MAX_ARG + 1]; /* rules whose last argument is this */
        unsigned n_args;       /* arguments that any rule may want to see */
};

MatchIndex *match_index_new(void) {
        return g_new0(MatchIndex, 1);
}

void match_index_free(MatchIndex *index) {
        if (!index)
                return;
        hash_table_clear(&index->by_key);
        hash_table_clear(&index->by_equality);
        hash_table_clear(&index->senders);
        g_free(index->root.shapes);
        g_free(index);
}

void match_owner_init(MatchOwner *owner) {
        *owner = (MatchOwner){ 0 };
        list_init(&owner->rules);
}

/* Unique names and the bus are one connection each; a well-known name is whose it happens to be. */
static bool is_well_known(WireString name) {
        return name.data && name.data[0] != ':' && !wire_string_is(name, DBUS_BUS_NAME);
}

/* The starts of @text that a namespace in a key can be, shortest first: for "/a/b" these are "/", "/a" and "/a/b". */
static unsigned namespace_starts(WireString text, char separator, WireString ret_starts[MAX_PARTS + 1]) {
        unsigned n = 0, n_parts = 0;

        if (separator == '/')
                ret_starts[n++] = (WireString){ .data = text.data, .length = 1 };
        if (text.length <= 1 && separator == '/')
                return n;
        for (uint32_t i = 1; i <= MIN(text.length, MATCH_RULE_MAX_LENGTH) && n_parts < MAX_PARTS; i++)
                if (i == text.length || text.data[i] == separator) {
                        ret_starts[n++] = (WireString){ .data = text.data, .length = i };
                        n_parts++;
                }
        return n;
}

/* The part of a rule's namespace that is in its key. */
static WireString namespace_in_key(WireString text, char separator) {
        WireString starts[MAX_PARTS + 1];

        return starts[namespace_starts(text, separator, starts) - 1];
}

/* Position of the first argN=, n_args if there is none. */
static unsigned first_equal_arg(const MatchRule *rule) {
        unsigned i = 0;

        while (i < rule->n_args && rule->args[i].kind != MATCH_ARG_EQUAL)
                i++;
        return i;
}

static unsigned features_of_args(const MatchRule *rule) {
        unsigned features = 0, n_in_key = 0;

        if (rule->n_args > 0 && rule->args[0].kind == MATCH_ARG_NAMESPACE) {
                WireString value = match_rule_get_arg(rule, 0);

                features |= BIT(FEATURE_ARG0_NAMESPACE);
                n_in_key += namespace_in_key(value, '.').length == value.length;
        }
        if (first_equal_arg(rule) < rule->n_args) {
                features |= BIT(FEATURE_ARG);
                n_in_key++;
        }
        return rule->n_args > n_in_key ? features | BIT(FEATURE_ARGS) : features;
}

static unsigned features_of(const MatchRule *rule) {
        WireString sender = match_rule_get(rule, MATCH_SENDER);
        WireString destination = match_rule_get(rule, MATCH_DESTINATION);
        unsigned features = features_of_args(rule);

        if (rule->lengths[MATCH_INTERFACE] > 0)
                features |= BIT(FEATURE_INTERFACE);
        if (rule->lengths[MATCH_MEMBER] > 0)
                features |= BIT(FEATURE_MEMBER);
        if (sender.data)
                features |= is_well_known(sender) ? BIT(FEATURE_SENDER_NAME) : BIT(FEATURE_SENDER);
        if (rule->lengths[MATCH_PATH] > 0)
                features |= rule->path_is_namespace ? BIT(FEATURE_PATH_NAMESPACE) : BIT(FEATURE_PATH);
        if (destination.data)
                features |= is_well_known(destination) ? BIT(FEATURE_DESTINATION_NAME) : BIT(FEATURE_DESTINATION);
        if (rule->eavesdrop)
                features |= BIT(FEATURE_EAVESDROP);
        return features;
}

/* The value of a feature of @rule, as far as it is in a key. */
static WireString value_in_key(const MatchRule *rule, Feature feature) {
        switch (feature) {
        case FEATURE_INTERFACE:
                return match_rule_get(rule, MATCH_INTERFACE);
        case FEATURE_MEMBER:
                return match_rule_get(rule, MATCH_MEMBER);
        case FEATURE_SENDER:
        case FEATURE_SENDER_NAME:
                return match_rule_get(rule, MATCH_SENDER);
        case FEATURE_PATH:
                return match_rule_get(rule, MATCH_PATH);
        case FEATURE_ARG:
                return match_rule_get_arg(rule, first_equal_arg(rule));
        case FEATURE_DESTINATION:
        case FEATURE_DESTINATION_NAME:
                return match_rule_get(rule, MATCH_DESTINATION);
        case FEATURE_PATH_NAMESPACE:
                return namespace_in_key(match_rule_get(rule, MATCH_PATH), '/');
        case FEATURE_ARG0_NAMESPACE:
                return namespace_in_key(match_rule_get_arg(rule, 0), '.');
        case FEATURE_EAVESDROP:
        case FEATURE_ARGS:
                break;
        }
        return (WireString){ 0 };
}

static bool key_has_value(const Shape *shape, unsigned feature) {
        return (shape->features & BIT(feature)) && feature != FEATURE_EAVESDROP;
}

static uint64_t key_of(const MatchRule *rule, const Shape *shape) {
        uint64_t key = shape->hash;

        for (unsigned feature = 0; feature < FEATURE_REST; feature++)
                if (key_has_value(shape, feature)) {
                        WireString value = value_in_key(rule, (Feature)feature);

                        key = hash_combine(key, hash_bytes(value.data, value.length));
                }
        return key;
}

/* Groups and shapes */

static uint64_t group_hash(const MatchRule *rule) {
        WireString sender = match_rule_get(rule, MATCH_SENDER);

        return is_well_known(sender) ? hash_bytes(sender.data, sender.length) : 0;
}

static Group *find_group(MatchIndex *index, const MatchRule *rule) {
        if (!is_well_known(match_rule_get(rule, MATCH_SENDER)))
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

static Shape *find_shape(const Group *group, const MatchRule *rule) {
        uint8_t arg = rule->shape & BIT(FEATURE_ARG) ? rule->args[first_equal_arg(rule)].index : 0;

        for (Shape *shape = group->shapes; shape < group->shapes + group->n_shapes; shape++)
                if (shape->features == rule->shape && shape->type == rule->type && shape->arg == arg)
                        return shape;
        return NULL;
}

static Shape *add_shape(Group *group, const MatchRule *rule) {
        uint8_t arg = rule->shape & BIT(FEATURE_ARG) ? rule->args[first_equal_arg(rule)].index : 0;

        if (group->n_shapes == group->n_allocated) {
                group->n_allocated = MAX(2, group->n_allocated * 2);
                group->shapes = g_renew(Shape, group->shapes, group->n_allocated);
        }
        Shape *shape = &group->shapes[group->n_shapes++];
        *shape = (Shape){ .features = rule->shape, .type = rule->type, .arg = arg };
        shape->hash = hash_combine(group_hash(rule), hash_u64((uint64_t)rule->shape << 16 | rule->type << 8 | arg));
        return shape;
}

static bool has_room_for_arg_shape(const Group *group) {
        unsigned n = 0;

        for (unsigned i = 0; i < group->n_shapes; i++)
                n += group->shapes[i].arg > 0;
        return n < MAX_ARG_SHAPES;
}

/* Decides under which of its features @rule is filed. */
static Shape *choose_shape(Group *group, MatchRule *rule) {
        unsigned features = features_of(rule);
        Shape *shape;

        rule->shape = (uint16_t)(features & (BIT(FEATURE_REST) - 1));
        /* parts of the path times parts of the argument would be too many probes */
        if (rule->shape & BIT(FEATURE_ARG0_NAMESPACE))
                rule->shape &= (uint16_t)~BIT(FEATURE_PATH_NAMESPACE);
        shape = find_shape(group, rule);
        if (!shape && (features & BIT(FEATURE_ARG)) && rule->args[first_equal_arg(rule)].index > 0 &&
            !has_room_for_arg_shape(group)) {
                rule->shape &= (uint16_t)~BIT(FEATURE_ARG);
                features |= BIT(FEATURE_ARGS);
                shape = find_shape(group, rule);
        }

        rule->rest = (uint16_t)(features & ~rule->shape & ~BIT(FEATURE_SENDER_NAME));
        if (rule->path_is_namespace &&
            value_in_key(rule, FEATURE_PATH_NAMESPACE).length < rule->lengths[MATCH_PATH])
                rule->rest |= BIT(FEATURE_PATH_NAMESPACE);
        return shape ? shape : add_shape(group, rule);
}

static void drop_from_shape(MatchIndex *index, const MatchRule *rule) {
        Group *group = find_group(index, rule);
        Shape *shape = find_shape(group, rule);

        if (--shape->n_rules > 0)
                return;
        *shape = group->shapes[--group->n_shapes];
        if (group->n_shapes > 0 || group == &index->root)
                return;
        hash_table_remove(&index->senders, &group->node);
        g_free(group->shapes);
        g_free(group);
}

/* Adding and removing */

static MatchRule *rule_of_key(HashNode *node) {
        return CONTAINER_OF(node, MatchRule, by_key);
}

/* Whether @rule belongs into the ring of @leader, and not only has the same hash. */
static bool same_key(const MatchRule *leader, const MatchRule *rule, const Shape *shape) {
        if (leader->shape != rule->shape || leader->type != rule->type ||
            !wire_string_equal(value_in_key(leader, FEATURE_SENDER_NAME), value_in_key(rule, FEATURE_SENDER_NAME)))
                return false;
        if ((rule->shape & BIT(FEATURE_ARG)) && leader->args[first_equal_arg(leader)].index != shape->arg)
                return false;
        for (unsigned feature = 0; feature < FEATURE_REST; feature++)
                if (key_has_value(shape, feature) &&
                    !wire_string_equal(value_in_key(leader, (Feature)feature), value_in_key(rule, (Feature)feature)))
                        return false;
        return true;
}

static void join_ring(MatchIndex *index, MatchRule *rule, const Shape *shape) {
        uint64_t key = key_of(rule, shape);

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

static MatchRule *find_equal(const MatchIndex *index, const MatchRule *rule, const MatchOwner *owner) {
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
        Shape *shape = choose_shape(get_group(index, rule), rule);
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

void match_owner_foreach(const MatchOwner *owner, void (*visit)(const MatchRule *rule, void *user), void *user) {
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
        MatchFound found;
        void *user;
        uint64_t number;
        WireString sender_name;     /* of the group that is looked through; absent in the root */
        unsigned known, absent;     /* features whose value has been asked for, and those that the message lacks */
        uint64_t hashes[FEATURE_SINGLE]; /* but FEATURE_ARG */
        uint64_t known_args, absent_args;
        uint64_t arg_hashes[MATCH_RULE_MAX_ARG + 1];
        unsigned n_starts[2];       /* of the path and of argument 0, as namespace_starts() */
        uint64_t starts[2][MAX_PARTS + 1];
        bool has_args;
        MessageArgs args;           /* not initialised before it is filled */
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

static WireString message_value(const Lookup *lookup, Feature feature) {
        const MessageView *message = lookup->query->message;

        if (feature == FEATURE_INTERFACE)
                return message->interface;
        if (feature == FEATURE_MEMBER)
                return message->member;
        if (feature == FEATURE_SENDER)
                return lookup->query->sender_unique;
        return feature == FEATURE_PATH ? message->path : get_destination(lookup);
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

static bool get_hash(Lookup *lookup, Feature feature, unsigned arg, uint64_t *ret_hash) {
        if (feature == FEATURE_ARG)
                return get_arg_hash(lookup, arg, ret_hash);
        if (!(lookup->known & BIT(feature))) {
                WireString value = message_value(lookup, feature);

                lookup->known |= BIT(feature);
                if (may_be_asked_for(value))
                        lookup->hashes[feature] = hash_bytes(value.data, value.length);
                else
                        lookup->absent |= BIT(feature);
        }
        *ret_hash = lookup->hashes[feature];
        return !(lookup->absent & BIT(feature));
}

/* Hashes of all namespaces that contain the path or argument 0. */
static const uint64_t *get_starts(Lookup *lookup, Feature feature, unsigned *ret_n) {
        unsigned which = feature == FEATURE_ARG0_NAMESPACE;

        if (!(lookup->known & BIT(feature))) {
                WireString value = which ? get_arg(lookup, 0, 's', 's') : lookup->query->message->path;
                WireString starts[MAX_PARTS + 1];

                lookup->known |= BIT(feature);
                lookup->n_starts[which] = value.data ? namespace_starts(value, which ? '.' : '/', starts) : 0;
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

        return wire_string_equal(get_destination(lookup), name) || (names && name_set_has(names, name));
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

        if ((rule->rest & BIT(FEATURE_PATH_NAMESPACE)) &&
            !(path.data && match_namespace_contains(match_rule_get(rule, MATCH_PATH), path, '/')))
                return false;
        return !(rule->rest & BIT(FEATURE_ARGS)) || args_match(lookup, rule);
}

static bool value_matches(Lookup *lookup, const MatchRule *rule, Feature feature) {
        WireString value = value_in_key(rule, feature);

        if (feature == FEATURE_PATH_NAMESPACE)
                return match_namespace_contains(value, lookup->query->message->path, '/');
        if (feature == FEATURE_ARG0_NAMESPACE)
                return match_namespace_contains(value, get_arg(lookup, 0, 's', 's'), '.');
        if (feature == FEATURE_ARG)
                return arg_matches(lookup, rule, first_equal_arg(rule));
        if (feature == FEATURE_DESTINATION_NAME)
                return destination_matches(lookup, value);
        return wire_string_equal(value, message_value(lookup, feature));
}

/* Compares what is in the key, once for a whole ring: that the hashes are equal is no proof. */
static bool key_matches(Lookup *lookup, const MatchRule *leader, const Shape *shape) {
        if (leader->shape != shape->features || leader->type != shape->type)
                return false;
        if (lookup->sender_name.data &&
            !wire_string_equal(lookup->sender_name, value_in_key(leader, FEATURE_SENDER_NAME)))
                return false;
        for (unsigned feature = 0; feature < FEATURE_REST; feature++)
                if (key_has_value(shape, feature) && !value_matches(lookup, leader, (Feature)feature))
                        return false;
        return true;
}

static void visit(Lookup *lookup, const MatchRule *rule) {
        MatchOwner *owner = rule->owner;

        if (owner->last_match == lookup->number || !rest_matches(lookup, rule))
                return;
        owner->last_match = lookup->number;
        lookup->found(owner, lookup->user);
}

static void probe(Lookup *lookup, const Shape *shape, uint64_t key) {
        HASH_TABLE_FOREACH_MATCH(node, &lookup->index->by_key, key) {
                const MatchRule *leader = rule_of_key(node);

                if (!key_matches(lookup, leader, shape))
                        continue;
                visit(lookup, leader);
                for (const ListNode *at = leader->siblings.next; at != &leader->siblings; at = at->next)
                        visit(lookup, CONTAINER_OF(at, MatchRule, siblings));
        }
}

static void probe_destinations(Lookup *lookup, const Shape *shape, uint64_t key) {
        const NameSet *names = lookup->query->receiver_names;
        uint64_t hash;

        if (!(shape->features & BIT(FEATURE_DESTINATION_NAME))) {
                probe(lookup, shape, key);
                return;
        }
        if (!names) {
                if (get_hash(lookup, FEATURE_DESTINATION, 0, &hash))
                        probe(lookup, shape, hash_combine(key, hash));
                return;
        }
        for (unsigned i = 0; i < names->n_names; i++)
                if (names->names[i].primary)
                        probe(lookup, shape, hash_combine(key, names->names[i].hash));
}

static void find_in_shape(Lookup *lookup, const Shape *shape) {
        static const unsigned namespaces = BIT(FEATURE_PATH_NAMESPACE) | BIT(FEATURE_ARG0_NAMESPACE);
        uint64_t key = shape->hash, hash;
        unsigned n;

        if (shape->type != 0 && shape->type != lookup->query->message->type)
                return;
        if (lookup->query->eavesdrop && !(shape->features & BIT(FEATURE_EAVESDROP)))
                return;
        for (unsigned feature = 0; feature < FEATURE_SINGLE; feature++)
                if (shape->features & BIT(feature)) {
                        if (!get_hash(lookup, (Feature)feature, shape->arg, &hash))
                                return;
                        key = hash_combine(key, hash);
                }
        if (!(shape->features & namespaces)) {
                probe_destinations(lookup, shape, key);
                return;
        }
        const uint64_t *starts = get_starts(lookup,
                                            shape->features & BIT(FEATURE_PATH_NAMESPACE) ? FEATURE_PATH_NAMESPACE
                                                                                         : FEATURE_ARG0_NAMESPACE,
                                            &n);
        for (unsigned i = 0; i < n; i++)
                probe_destinations(lookup, shape, hash_combine(key, starts[i]));
}

static void find_in_group(Lookup *lookup, const Group *group) {
        for (unsigned i = 0; i < group->n_shapes; i++)
                find_in_shape(lookup, &group->shapes[i]);
}

void match_index_find(MatchIndex *index, const MatchQuery *query, MatchFound found, void *user) {
        static uint64_t last_number; /* of all indexes, because an owner may be in several */
        const NameSet *names = query->sender_names;
        Lookup lookup;

        if (index->n_rules == 0 || (query->eavesdrop && index->n_eavesdroppers == 0))
                return;
        lookup.index = index;
        lookup.query = query;
        lookup.found = found;
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
