/* SPDX-License-Identifier: MIT */
/*
 * Who owns which well-known name, and who waits for it ("Message Bus Names").
 *
 * The registry knows no connections, only NameOwner structs that they embed. It tells what changed
 * through a NameChange; sending NameOwnerChanged, NameLost and NameAcquired, in this order, is its
 * caller's work.
 */
#pragma once

#include "base/hash.h"
#include "base/quota.h"
#include "policy/names.h"

#include <glib.h>

/* flags of RequestName */
enum {
        NAME_FLAG_ALLOW_REPLACEMENT = 0x1,
        NAME_FLAG_REPLACE_EXISTING = 0x2,
        NAME_FLAG_DO_NOT_QUEUE = 0x4,
};

/* answers of RequestName */
enum {
        NAME_REPLY_PRIMARY_OWNER = 1,
        NAME_REPLY_IN_QUEUE = 2,
        NAME_REPLY_EXISTS = 3,
        NAME_REPLY_ALREADY_OWNER = 4,
};

/* answers of ReleaseName */
enum {
        NAME_RELEASE_RELEASED = 1,
        NAME_RELEASE_NON_EXISTENT = 2,
        NAME_RELEASE_NOT_OWNER = 3,
};

/* Embedded in each connection. */
typedef struct NameOwner {
        NameSet set;                  /* what policy sees; kept up to date by the registry */
        OwnedName *names;             /* owned; storage of set.names */
        struct NameClaim **claims_of; /* owned; of each of names */
        unsigned n_allocated;
        ListNode claims; /* NameClaim, in the order of the requests */
        Quota *quota;    /* borrowed; QUOTA_NAMES */
} NameOwner;

typedef struct Name Name; /* a well-known name that has an owner */

typedef struct NameClaim { /* one owner's place in one name's queue */
        ListNode queue;    /* in Name.queue; the first is the primary owner */
        ListNode owned;    /* in NameOwner.claims */
        Name *name;        /* borrowed */
        NameOwner *owner;  /* borrowed */
        unsigned position; /* in NameOwner.names */
        uint32_t flags;
} NameClaim;

struct Name {
        HashNode node;
        ListNode queue; /* NameClaim; never empty */
        uint32_t length;
        char text[]; /* NUL-terminated */
};

typedef struct Names {
        HashTable table;
} Names;

/* What the caller has to announce. Old and new owner NULL: there was or is none. */
typedef struct NameChange {
        bool changed; /* whether the primary owner changed at all */
        char name[256];
        NameOwner *old_owner; /* borrowed */
        NameOwner *new_owner;
} NameChange;

void names_init(Names *names);

/** names_clear() - all names must be gone (asserted) */
void names_clear(Names *names);

/** name_owner_init() - @quota is borrowed; charged for each name, the unique one included */
void name_owner_init(NameOwner *owner, Quota *quota);

/**
 * name_owner_clear() - frees storage and the unique name's charge; all claims must be gone
 * (asserted)
 */
void name_owner_clear(NameOwner *owner);

/**
 * name_owner_set_unique() - after Hello; @text is borrowed and must stay as long as @owner
 *
 * A unique name is never refused, but it counts: as in the reference implementation, a limit of
 * three leaves two others.
 */
void name_owner_set_unique(NameOwner *owner, WireString text);

/** names_find() - the name, NULL when nobody owns it. O(1) */
Name *names_find(const Names *names, WireString text);

/** name_get_primary() - its primary owner, never NULL */
NameOwner *name_get_primary(const Name *name);

/**
 * names_request() - RequestName
 * @text:       valid well-known name; who asks has been allowed to own it
 * @flags:      NAME_FLAG_...; unknown bits are ignored as in the reference implementation
 * @ret_answer: NAME_REPLY_...; untouched on failure, as @ret_change
 * @ret_change: always set on success
 *
 * Rules of replacement and queueing as in "org.freedesktop.DBus.RequestName" and, beyond that, as
 * in the reference implementation:
 *
 *  - who is replaced goes to the second place, unless its own last request said DO_NOT_QUEUE;
 *  - REPLACE_EXISTING, where it is not granted, queues at the second place, also who had waited
 *    further behind;
 *  - DO_NOT_QUEUE, where the name is not to be had, gives up a place in the queue;
 *  - every answer but EXISTS replaces the flags of the request before.
 *
 * O(1) but for a walk over the shorter of the name's queue and @owner's claims.
 *
 * Return: false when @owner's quota has no room for another name, even if none would be needed;
 * nothing has changed.
 */
bool names_request(Names *names, NameOwner *owner, WireString text, uint32_t flags,
                   uint32_t *ret_answer, NameChange *ret_change);

/** names_release() - ReleaseName; also takes a waiting owner out of the queue */
void names_release(Names *names, NameOwner *owner, WireString text, uint32_t *ret_answer,
                   NameChange *ret_change);

/**
 * names_release_next() - gives up one of the claims of an owner that goes, for its caller to
 * announce
 *
 * The reference implementation's order: last claimed first. The unique name is the caller's, and
 * comes last.
 *
 * Return: false when it had none left.
 */
bool names_release_next(Names *names, NameOwner *owner, NameChange *ret_change);

/** name_foreach_owner() - the primary owner and then who waits, in order; for ListQueuedOwners */
void name_foreach_owner(const Name *name, void (*visit)(NameOwner *owner, void *user), void *user);

/** names_foreach() - all names, in no order; for ListNames */
void names_foreach(const Names *names, void (*visit)(const Name *name, void *user), void *user);
