/* SPDX-License-Identifier: MIT */
/*
 * A look-up is about all names at once: there are few, and to ask for a name is the only question
 * whose answer says for certain that a user is the one whom the configuration means. It answers for
 * all who came before it began. A few may run side by side, as one that hangs must not keep the
 * others; who comes while all of them run waits for the next. What an older one says is not
 * believed any more when a newer one has answered.
 *
 * A look-up that could not begin or that could not ask for every name is made again, after pauses
 * that grow.
 *
 * Who has been answered for is counted by uid (and groups, when groups are among the names) for as
 * long as a connection lasts: the id of a user who is there is not given to another one.
 */
#include "bus/accounts.h"

#include "policy/late-accounts.h"

#include <string.h>
#include <unistd.h>

#define MAX_LOOKUPS 4     /* at a time, about the names of this configuration */
#define MAX_ALL_LOOKUPS 8 /* with those about names that nobody needs any more */

#define FIRST_PAUSE_USEC (200u * 1000)
#define PAUSE_WITH_SOMEBODY_USEC (1u * 1000000)
#define LAST_PAUSE_USEC (60u * 1000000)
#define PATIENCE_USEC (3u * 1000000) /* with a system that says it cannot tell */

struct Accounts {
        Loop *loop;       /* borrowed */
        Workers *workers; /* borrowed */
        AccountsHost host;
        GPtrArray *late; /* ref; what is known now, never changed in place */
        bool have_groups;
        GHashTable *known;   /* owned; key -> number of connections */
        ListNode waiting;    /* AccountsPeer.node */
        uint64_t generation; /* of the configuration */
        uint64_t n_begun;    /* number of the newest look-up */
        uint64_t n_heard;    /* number of the newest one that answered */
        unsigned n_running;  /* about the names of this configuration */
        unsigned n_outdated; /* about those of one before */
        bool wants_another; /* who has come, or what has changed, is not covered by one that runs */
        LoopTimer again;
        uint64_t pause_usec;    /* before the next one of itself */
        uint64_t failing_since; /* when the system began to say that it cannot tell; 0: it can */
};

typedef struct Lookup {
        WorkerJob job;
        Accounts *accounts; /* borrowed: Workers that are freed tell nobody any more */
        GPtrArray *late;    /* owned */
        uint64_t generation, number;
} Lookup;

static void begin_lookup(Accounts *accounts);

Accounts *accounts_new(Loop *loop, Workers *workers, const AccountsHost *host) {
        Accounts *accounts = g_new0(Accounts, 1);

        accounts->loop = loop;
        accounts->workers = workers;
        accounts->host = *host;
        accounts->late = g_ptr_array_new();
        accounts->known = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
                                                (GDestroyNotify)g_bytes_unref, NULL);
        list_init(&accounts->waiting);
        return accounts;
}

void accounts_free(Accounts *accounts) {
        if (!accounts)
                return;
        loop_disarm(&accounts->again);
        g_ptr_array_unref(accounts->late);
        g_hash_table_unref(accounts->known);
        g_free(accounts);
}

/* --- who is known --- */

static GBytes *make_key(const Accounts *accounts, Identity *identity) {
        GByteArray *key = g_byte_array_new();
        const gid_t *groups;
        size_t n_groups;

        g_byte_array_append(key, (const guint8 *)&identity->uid, sizeof identity->uid);
        if (accounts->have_groups) {
                groups = identity_get_groups(identity, &n_groups);
                g_byte_array_append(key, (const guint8 *)&identity->gid, sizeof identity->gid);
                g_byte_array_append(key, (const guint8 *)groups,
                                    (guint)(n_groups * sizeof *groups));
        }
        return g_byte_array_free_to_bytes(key);
}

static void set_known(Accounts *accounts, AccountsPeer *peer) {
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(accounts->known, peer->key));

        peer->generation = accounts->generation;
        g_hash_table_insert(accounts->known, g_bytes_ref(peer->key), GUINT_TO_POINTER(n + 1));
}

void accounts_forget(Accounts *accounts, AccountsPeer *peer) {
        guint n;

        list_remove(&peer->node);
        if (peer->generation != 0 && peer->generation == accounts->generation) {
                n = GPOINTER_TO_UINT(g_hash_table_lookup(accounts->known, peer->key));
                if (n > 1)
                        g_hash_table_insert(accounts->known, g_bytes_ref(peer->key),
                                            GUINT_TO_POINTER(n - 1));
                else
                        g_hash_table_remove(accounts->known, peer->key);
        }
        peer->generation = 0;
        g_clear_pointer(&peer->key, g_bytes_unref);
}

static bool is_own_group(gid_t gid) {
        gid_t groups[256];
        int n = getgroups(G_N_ELEMENTS(groups), groups);

        if (gid == 0 || gid == getegid())
                return true;
        for (int i = 0; i < n; i++)
                if (groups[i] == gid)
                        return true;
        return false;
}

/* They were there when the configuration was read: a name that nobody had then is not theirs. */
static bool was_there_before(const Accounts *accounts, Identity *identity) {
        const gid_t *groups;
        size_t n_groups;

        if (identity->uid != 0 && identity->uid != geteuid())
                return false;
        if (!accounts->have_groups)
                return true;
        groups = identity_get_groups(identity, &n_groups);
        for (size_t i = 0; i < n_groups; i++)
                if (!is_own_group(groups[i]))
                        return false;
        return groups && is_own_group(identity->gid);
}

/* --- look-ups --- */

static void look_up(WorkerJob *job) {
        late_accounts_look_up(CONTAINER_OF(job, Lookup, job)->late);
}

/* Whoever came before it began, also before an older one that has not come back. */
static void release(Accounts *accounts, uint64_t number) {
        ListNode ready;

        list_init(&ready);
        LIST_FOREACH(node, &accounts->waiting) {
                AccountsPeer *peer = CONTAINER_OF(node, AccountsPeer, node);

                if (peer->came >= number)
                        continue;
                list_remove(&peer->node);
                list_append(&ready, &peer->node);
        }
        while (!list_is_empty(&ready)) {
                AccountsPeer *peer = CONTAINER_OF(ready.next, AccountsPeer, node);

                list_remove(&peer->node);
                set_known(accounts, peer);
                peer->known(peer);
        }
}

/* --- and once more --- */

static void look_up_again(LoopTimer *timer) {
        begin_lookup(CONTAINER_OF(timer, Accounts, again));
}

static void plan_another(Accounts *accounts) {
        uint64_t most =
                list_is_empty(&accounts->waiting) ? LAST_PAUSE_USEC : PAUSE_WITH_SOMEBODY_USEC;

        accounts->pause_usec = MIN(MAX(accounts->pause_usec * 2, FIRST_PAUSE_USEC), most);
        loop_arm(accounts->loop, &accounts->again,
                 loop_now_usec(accounts->loop) + accounts->pause_usec, look_up_again);
}

static void plan_no_other(Accounts *accounts) {
        accounts->pause_usec = 0;
        accounts->failing_since = 0;
        loop_disarm(&accounts->again);
}

/*
 * Whether those who wait may go on. That this process has no descriptors left may be the doing of
 * one of them, so that only an answer helps.
 */
static bool is_enough(Accounts *accounts, PolicyAnswer answer) {
        uint64_t now = loop_now_usec(accounts->loop);

        switch (answer) {
        case POLICY_ANSWER_GIVEN:
                return true;
        case POLICY_ANSWER_FAILED:
                if (accounts->failing_since == 0)
                        accounts->failing_since = now;
                return now - accounts->failing_since >= PATIENCE_USEC;
        case POLICY_ANSWER_EXHAUSTED:
                return false;
        }
        g_assert_not_reached();
}

static void take_answer(Accounts *accounts, Lookup *lookup) {
        PolicyAnswer answer = late_accounts_get_answer(lookup->late);

        accounts->n_heard = lookup->number;
        late_accounts_keep(lookup->late, accounts->late);
        if (answer == POLICY_ANSWER_GIVEN)
                plan_no_other(accounts);
        else
                plan_another(accounts);
        if (!late_accounts_equal(accounts->late, lookup->late)) {
                g_ptr_array_unref(accounts->late);
                accounts->late = g_ptr_array_ref(lookup->late);
                accounts->host.changed(accounts->host.user, accounts->late);
        }
        if (is_enough(accounts, answer))
                release(accounts, lookup->number);
}

static void looked_up(WorkerJob *job) {
        Lookup *lookup = CONTAINER_OF(job, Lookup, job);
        Accounts *accounts = lookup->accounts;

        if (lookup->generation != accounts->generation) {
                accounts->n_outdated--;
        } else {
                accounts->n_running--;
                if (lookup->number > accounts->n_heard)
                        take_answer(accounts, lookup);
        }
        g_ptr_array_unref(lookup->late);
        g_free(lookup);
        if (accounts->wants_another)
                begin_lookup(accounts);
}

static bool may_begin(const Accounts *accounts) {
        return accounts->n_running < MAX_LOOKUPS &&
               accounts->n_running + accounts->n_outdated < MAX_ALL_LOOKUPS;
}

static void begin_lookup(Accounts *accounts) {
        Lookup *lookup;

        accounts->wants_another = true;
        if (!may_begin(accounts))
                return;
        lookup = g_new0(Lookup, 1);
        lookup->job = (WorkerJob){ .work = look_up, .done = looked_up };
        lookup->accounts = accounts;
        lookup->late = late_accounts_copy(accounts->late);
        lookup->generation = accounts->generation;
        lookup->number = accounts->n_begun + 1;
        if (!workers_start(accounts->workers, &lookup->job)) {
                g_ptr_array_unref(lookup->late);
                g_free(lookup);
                plan_another(accounts);
                return;
        }
        accounts->n_begun++;
        accounts->n_running++;
        accounts->wants_another = false;
}

bool accounts_must_wait(Accounts *accounts, AccountsPeer *peer, Identity *identity,
                        void (*known)(AccountsPeer *peer)) {
        if (accounts->late->len == 0 || was_there_before(accounts, identity))
                return false;
        peer->key = make_key(accounts, identity);
        peer->known = known;
        if (g_hash_table_contains(accounts->known, peer->key)) {
                set_known(accounts, peer);
                return false;
        }
        peer->came = accounts->n_begun;
        list_append(&accounts->waiting, &peer->node);
        begin_lookup(accounts);
        return true;
}

/*
 * Those who wait were not asked about for these names. Nor were those who are there already, and
 * one of them may have got a name while the files were read.
 */
static void start_over(Accounts *accounts) {
        accounts->n_outdated += accounts->n_running;
        accounts->n_running = 0;
        accounts->wants_another = false;
        plan_no_other(accounts);
        LIST_FOREACH(node, &accounts->waiting)
                CONTAINER_OF(node, AccountsPeer, node)->came = accounts->n_begun;
        if (accounts->late->len > 0 || !list_is_empty(&accounts->waiting))
                begin_lookup(accounts);
}

GPtrArray *accounts_set_config(Accounts *accounts, const Config *config, const Config *before) {
        GPtrArray *late = late_accounts_new(config, before, accounts->late);

        g_ptr_array_unref(accounts->late);
        accounts->late = late;
        accounts->have_groups = late_accounts_have_groups(accounts->late);
        accounts->generation++;
        g_hash_table_remove_all(accounts->known);
        start_over(accounts);
        return accounts->late;
}
