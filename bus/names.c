/* SPDX-License-Identifier: MIT */
/*
 * The registry of well-known names. Each name has a queue of claims; who made the first one is its
 * primary owner:
 *
 *      Names.table -> Name "org.example.A" -> [ claim of :1.1 ] -> [ claim of :1.4 ]
 *                     Name "org.example.B" -> [ claim of :1.4 ]
 *
 * and each owner has a list of its claims. A name exists as long as there is a claim to it. The
 * view of an owner's names that policy looks at is an array beside that list, changed together with
 * it.
 */
#include "bus/names.h"

#include <string.h>

void names_init(Names *names) {
        *names = (Names){ 0 };
}

void names_clear(Names *names) {
        hash_table_clear(&names->table);
}

void name_owner_init(NameOwner *owner, Quota *quota) {
        *owner = (NameOwner){ .quota = quota };
        owner->set.generation = name_generation_next();
        list_init(&owner->claims);
}

void name_owner_clear(NameOwner *owner) {
        g_assert(list_is_empty(&owner->claims));
        if (owner->set.unique.data)
                quota_refund(owner->quota, QUOTA_NAMES, 1);
        g_clear_pointer(&owner->names, g_free);
        g_clear_pointer(&owner->claims_of, g_free);
        owner->set = (NameSet){ 0 };
        owner->n_allocated = 0;
}

void name_owner_set_unique(NameOwner *owner, WireString text) {
        if (!owner->set.unique.data)
                quota_charge_over(owner->quota, QUOTA_NAMES, 1);
        owner->set.unique = text;
        owner->set.generation = name_generation_next();
}

static Name *find_hashed(const Names *names, WireString text, uint64_t hash) {
        HASH_TABLE_FOREACH_MATCH(node, &names->table, hash) {
                Name *name = CONTAINER_OF(node, Name, node);

                if (name->length == text.length && memcmp(name->text, text.data, text.length) == 0)
                        return name;
        }
        return NULL;
}

Name *names_find(const Names *names, WireString text) {
        return names->table.n_items > 0
                       ? find_hashed(names, text, hash_bytes(text.data, text.length))
                       : NULL;
}

static NameClaim *claim_of_queue(ListNode *node) {
        return CONTAINER_OF(node, NameClaim, queue);
}

static NameClaim *get_first(const Name *name) {
        return claim_of_queue(name->queue.next);
}

NameOwner *name_get_primary(const Name *name) {
        return get_first(name)->owner;
}

/*
 * Walks over the shorter of the two lists that a claim is in: both may be long, but rarely
 * together.
 */
static NameClaim *find_claim(const Name *name, const NameOwner *owner) {
        const ListNode *queued = name->queue.next, *owned = owner->claims.next;

        for (; queued != &name->queue && owned != &owner->claims;
             queued = queued->next, owned = owned->next) {
                NameClaim *by_queue = CONTAINER_OF(queued, NameClaim, queue);
                NameClaim *by_owner = CONTAINER_OF(owned, NameClaim, owned);

                if (by_queue->owner == owner)
                        return by_queue;
                if (by_owner->name == name)
                        return by_owner;
        }
        return NULL;
}

/* The view */

static void view_changed(NameOwner *owner) {
        owner->set.names = owner->set.n_names > 0 ? owner->names : NULL;
        owner->set.generation = name_generation_next();
}

static void view_add(NameOwner *owner, NameClaim *claim) {
        const Name *name = claim->name;
        OwnedName owned = {
                .name = { .data = name->text, .length = name->length },
                .hash = name->node.hash,
        };

        owned.n_starts = name_hash_starts(owned.name, owned.starts);
        if (owner->set.n_names == owner->n_allocated) {
                owner->n_allocated = MAX(4, owner->n_allocated * 2);
                owner->names = g_renew(OwnedName, owner->names, owner->n_allocated);
                owner->claims_of = g_renew(NameClaim *, owner->claims_of, owner->n_allocated);
        }
        claim->position = owner->set.n_names++;
        owner->claims_of[claim->position] = claim;
        owner->names[claim->position] = owned;
        view_changed(owner);
}

/* The last one takes the place that becomes free. */
static void view_remove(NameOwner *owner, const NameClaim *claim) {
        unsigned last = --owner->set.n_names;

        owner->names[claim->position] = owner->names[last];
        owner->claims_of[claim->position] = owner->claims_of[last];
        owner->claims_of[claim->position]->position = claim->position;
        view_changed(owner);
}

static void view_set_primary(NameClaim *claim, bool primary) {
        OwnedName *owned = &claim->owner->names[claim->position];

        if (owned->primary == primary)
                return;
        owned->primary = primary;
        view_changed(claim->owner);
}

/* Claims */

/* Makes a claim that is in no queue yet; that the quota has room has been seen to. */
static NameClaim *make_claim(Name *name, NameOwner *owner) {
        NameClaim *claim = g_new0(NameClaim, 1);

        quota_charge_over(owner->quota, QUOTA_NAMES, 1);
        claim->name = name;
        claim->owner = owner;
        list_append(&owner->claims, &claim->owned);
        view_add(owner, claim);
        return claim;
}

static void free_claim(NameClaim *claim) {
        view_remove(claim->owner, claim);
        list_remove(&claim->queue);
        list_remove(&claim->owned);
        quota_refund(claim->owner->quota, QUOTA_NAMES, 1);
        g_free(claim);
}

static Name *make_name(Names *names, WireString text) {
        Name *name = g_malloc(sizeof(Name) + text.length + 1);

        list_init(&name->queue);
        name->length = text.length;
        memcpy(name->text, text.data, text.length);
        name->text[text.length] = '\0';
        hash_table_add(&names->table, &name->node, hash_bytes(text.data, text.length));
        return name;
}

static void note_change(NameChange *change, const Name *name, NameOwner *old_owner,
                        NameOwner *new_owner) {
        change->changed = true;
        g_strlcpy(change->name, name->text, sizeof change->name);
        change->old_owner = old_owner;
        change->new_owner = new_owner;
}

/* Ends a claim; with the last one the name is gone. */
static void drop_claim(Names *names, NameClaim *claim, NameChange *change) {
        Name *name = claim->name;
        NameOwner *owner = claim->owner;
        bool was_primary = get_first(name) == claim;

        free_claim(claim);
        if (was_primary && !list_is_empty(&name->queue))
                view_set_primary(get_first(name), true);
        if (was_primary)
                note_change(change, name, owner,
                            list_is_empty(&name->queue) ? NULL : name_get_primary(name));
        if (list_is_empty(&name->queue)) {
                hash_table_remove(&names->table, &name->node);
                g_free(name);
        }
}

/* Requests */

/* What a request comes to when the name has another owner. */
typedef enum Fate { FATE_REPLACES, FATE_QUEUES, FATE_REFUSED } Fate;

static Fate decide_fate(const Name *name, uint32_t flags) {
        if ((flags & NAME_FLAG_REPLACE_EXISTING) &&
            (get_first(name)->flags & NAME_FLAG_ALLOW_REPLACEMENT))
                return FATE_REPLACES;
        return flags & NAME_FLAG_DO_NOT_QUEUE ? FATE_REFUSED : FATE_QUEUES;
}

/* Who may be replaced steps back to the second place, or goes when it does not want to wait. */
static void replace_primary(Names *names, NameClaim *claim, NameChange *change) {
        NameClaim *old = get_first(claim->name);
        NameOwner *old_owner = old->owner;

        list_remove(&claim->queue);
        list_prepend(&claim->name->queue, &claim->queue);
        view_set_primary(old, false);
        view_set_primary(claim, true);
        if (old->flags & NAME_FLAG_DO_NOT_QUEUE)
                drop_claim(names, old, change);
        note_change(change, claim->name, old_owner, claim->owner);
}

/* One that wanted to replace, but may not, waits before those who did not want to. */
static void enqueue(NameClaim *claim) {
        ListNode *first = claim->name->queue.next;

        if (claim->flags & NAME_FLAG_REPLACE_EXISTING) {
                list_remove(&claim->queue);
                list_prepend(first, &claim->queue);
        } else if (!list_is_linked(&claim->queue)) {
                list_append(&claim->name->queue, &claim->queue);
        }
}

static uint32_t request_new(Names *names, NameOwner *owner, WireString text, uint32_t flags,
                            NameChange *change) {
        Name *name = make_name(names, text);
        NameClaim *claim = make_claim(name, owner);

        claim->flags = flags;
        list_append(&name->queue, &claim->queue);
        view_set_primary(claim, true);
        note_change(change, name, NULL, owner);
        return NAME_REPLY_PRIMARY_OWNER;
}

/* The name has another primary owner. */
static uint32_t request_owned(Names *names, NameOwner *owner, Name *name, uint32_t flags,
                              NameChange *change) {
        NameClaim *claim = find_claim(name, owner);
        Fate fate = decide_fate(name, flags);

        if (fate == FATE_REFUSED) {
                if (claim)
                        drop_claim(names, claim, change);
                return NAME_REPLY_EXISTS;
        }
        if (!claim)
                claim = make_claim(name, owner);
        claim->flags = flags;
        if (fate == FATE_REPLACES) {
                replace_primary(names, claim, change);
                return NAME_REPLY_PRIMARY_OWNER;
        }
        enqueue(claim);
        return NAME_REPLY_IN_QUEUE;
}

bool names_request(Names *names, NameOwner *owner, WireString text, uint32_t flags,
                   uint32_t *ret_answer, NameChange *ret_change) {
        /* Before all else: who has reached the limit hears so even about a name that it owns. */
        if (!quota_has_room(owner->quota, QUOTA_NAMES, 1))
                return false;

        Name *name = names_find(names, text);
        *ret_change = (NameChange){ 0 };
        if (!name) {
                *ret_answer = request_new(names, owner, text, flags, ret_change);
        } else if (name_get_primary(name) == owner) {
                get_first(name)->flags = flags;
                *ret_answer = NAME_REPLY_ALREADY_OWNER;
        } else {
                *ret_answer = request_owned(names, owner, name, flags, ret_change);
        }
        return true;
}

void names_release(Names *names, NameOwner *owner, WireString text, uint32_t *ret_answer,
                   NameChange *ret_change) {
        Name *name = names_find(names, text);
        NameClaim *claim = name ? find_claim(name, owner) : NULL;

        *ret_change = (NameChange){ 0 };
        if (!claim) {
                *ret_answer = name ? NAME_RELEASE_NOT_OWNER : NAME_RELEASE_NON_EXISTENT;
                return;
        }
        drop_claim(names, claim, ret_change);
        *ret_answer = NAME_RELEASE_RELEASED;
}

bool names_release_next(Names *names, NameOwner *owner, NameChange *ret_change) {
        *ret_change = (NameChange){ 0 };
        if (list_is_empty(&owner->claims))
                return false;
        drop_claim(names, CONTAINER_OF(owner->claims.prev, NameClaim, owned), ret_change);
        return true;
}

void name_foreach_owner(const Name *name, void (*visit)(NameOwner *owner, void *user), void *user) {
        LIST_FOREACH(node, &name->queue)
                visit(claim_of_queue(node)->owner, user);
}

void names_foreach(const Names *names, void (*visit)(const Name *name, void *user), void *user) {
        for (size_t i = 0; i < names->table.n_buckets; i++)
                for (const HashNode *node = names->table.buckets[i]; node; node = node->next)
                        visit(CONTAINER_OF(node, Name, node), user);
}
