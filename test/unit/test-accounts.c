/* SPDX-License-Identifier: MIT */
/*
 * Look-ups of names that come to be: which answer counts, who waits for it, and what follows one
 * that fails.
 */
#include "bus/accounts.h"

#include "policy/late-accounts.h"
#include "policy/xml-loader.h"
#include "test/unit/slow-system.h"

#define UID 61234
#define N_PEERS 4
#define HOUR (3600 * 1000)

typedef struct Peer {
        AccountsPeer peer;
        Identity *identity; /* owned */
        unsigned n_known;
} Peer;

typedef struct Fixture {
        Loop *loop;
        Workers *workers;
        Accounts *accounts;
        Config *config;
        Peer peers[N_PEERS + 1];
        unsigned n_changes;
        uint32_t id; /* of the name, after a change; 0: none */
} Fixture;

static void changed(void *user, GPtrArray *accounts) {
        Fixture *fixture = user;
        const PolicyAccount *account = late_accounts_find(accounts, "dyn", false);

        fixture->n_changes++;
        fixture->id = account->known ? account->id : 0;
}

static Config *load(void) {
        const char *text = "<busconfig><policy user='dyn'><allow own='*'/></policy></busconfig>";
        Config *config = config_new();

        g_assert_true(xml_loader_parse(config, "a.conf", text, strlen(text), NULL));
        return config;
}

/* With a configuration in force that names somebody who is not there, and nothing under way. */
static void set_up(Fixture *fixture) {
        const AccountsHost host = { .changed = changed, .user = fixture };

        *fixture = (Fixture){ .loop = loop_new(NULL) };
        slow_system_reset();
        fixture->workers = workers_new(fixture->loop, NULL);
        fixture->accounts = accounts_new(fixture->loop, fixture->workers, &host);
        fixture->config = load();
        accounts_set_config(fixture->accounts, fixture->config, NULL);
        slow_system_wait_asked(2);
        g_assert_cmpint(loop_turn(fixture->loop), ==, 0);
        for (unsigned i = 0; i <= N_PEERS; i++)
                fixture->peers[i].identity = identity_new(UID + i, UID, 1);
        slow_system_reset();
}

static void tear_down(Fixture *fixture) {
        for (unsigned i = 0; i <= N_PEERS; i++) {
                accounts_forget(fixture->accounts, &fixture->peers[i].peer);
                identity_unref(fixture->peers[i].identity);
        }
        accounts_free(fixture->accounts);
        workers_free(fixture->workers);
        config_unref(fixture->config);
        loop_free(fixture->loop);
}

static void known(AccountsPeer *peer) {
        CONTAINER_OF(peer, Peer, peer)->n_known++;
}

static void come(Fixture *fixture, unsigned number) {
        Peer *peer = &fixture->peers[number];

        g_assert_true(accounts_must_wait(fixture->accounts, &peer->peer, peer->identity, known));
}

static void wait_known(Fixture *fixture, unsigned number) {
        while (fixture->peers[number].n_known == 0)
                g_assert_cmpint(loop_turn(fixture->loop), ==, 0);
        g_assert_cmpuint(fixture->peers[number].n_known, ==, 1);
}

/* What hangs has asked before the newer answer was there: it knows less. */
static void test_older_answer(void) {
        Fixture fixture;

        set_up(&fixture);
        slow_system_say(0, 0, true);
        come(&fixture, 0);
        slow_system_wait_asked(1);
        slow_system_say(0, UID, false);
        come(&fixture, 1);
        wait_known(&fixture, 0);
        wait_known(&fixture, 1);
        g_assert_cmpuint(fixture.id, ==, UID);
        slow_system_release(0);
        g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        g_assert_cmpuint(fixture.n_changes, ==, 1);
        g_assert_cmpuint(fixture.id, ==, UID);
        tear_down(&fixture);
}

/* What was heard while a look-up ran that fails in the end is not forgotten. */
static void test_failure_beside_answer(void) {
        Fixture fixture;

        set_up(&fixture);
        slow_system_say(0, UID, true);
        come(&fixture, 0);
        slow_system_wait_asked(1);
        slow_system_say(EIO, 0, true);
        come(&fixture, 1);
        slow_system_wait_asked(2);
        slow_system_release(0);
        wait_known(&fixture, 0);
        g_assert_cmpuint(fixture.id, ==, UID);
        slow_system_release(1);
        g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        g_assert_cmpuint(fixture.n_changes, ==, 1);
        slow_system_say(0, UID, false);
        wait_known(&fixture, 1);
        g_assert_cmpuint(fixture.n_changes, ==, 1);
        tear_down(&fixture);
}

typedef struct Blocker {
        WorkerJob job;
        bool *is_free; /* under the lock of the system */
        unsigned *n_done;
} Blocker;

static void block(WorkerJob *job) {
        Blocker *blocker = CONTAINER_OF(job, Blocker, job);

        pthread_mutex_lock(&slow_system.lock);
        while (!*blocker->is_free)
                pthread_cond_wait(&slow_system.changed, &slow_system.lock);
        pthread_mutex_unlock(&slow_system.lock);
}

static void unblocked(WorkerJob *job) {
        Blocker *blocker = CONTAINER_OF(job, Blocker, job);

        (*blocker->n_done)++;
        g_free(blocker);
}

static unsigned block_all(Fixture *fixture, bool *is_free, unsigned *n_done) {
        for (unsigned n = 0;; n++) {
                Blocker *blocker = g_new0(Blocker, 1);

                blocker->job = (WorkerJob){ .work = block, .done = unblocked };
                blocker->is_free = is_free;
                blocker->n_done = n_done;
                if (!workers_start(fixture->workers, &blocker->job)) {
                        g_free(blocker);
                        return n;
                }
        }
}

static void test_no_worker(void) {
        bool is_free = false;
        unsigned n_done = 0, n_blocked;
        Fixture fixture;

        set_up(&fixture);
        n_blocked = block_all(&fixture, &is_free, &n_done);
        g_assert_cmpuint(n_blocked, >, 0);
        come(&fixture, 0);
        pthread_mutex_lock(&slow_system.lock);
        is_free = true;
        pthread_cond_broadcast(&slow_system.changed);
        pthread_mutex_unlock(&slow_system.lock);
        wait_known(&fixture, 0);
        while (n_done < n_blocked)
                g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        tear_down(&fixture);
}

/* Those that hang are about names that the configuration has no more. */
static void test_outdated(void) {
        g_autoptr(Config) config = NULL;
        Fixture fixture;

        set_up(&fixture);
        slow_system_say(0, UID, true);
        for (unsigned i = 0; i < N_PEERS; i++) {
                come(&fixture, i);
                slow_system_wait_asked(i + 1);
        }
        come(&fixture, N_PEERS);
        slow_system_say(0, 0, false);
        config = load();
        accounts_set_config(fixture.accounts, config, fixture.config);
        for (unsigned i = 0; i <= N_PEERS; i++)
                wait_known(&fixture, i);
        for (unsigned i = 0; i < N_PEERS; i++)
                slow_system_release(i);
        slow_system_say(0, UID + 1, false);
        accounts_set_config(fixture.accounts, config, config);
        while (fixture.n_changes == 0)
                g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        g_assert_cmpuint(fixture.id, ==, UID + 1);
        tear_down(&fixture);
}

static void test_new_config(void) {
        Fixture fixture;

        set_up(&fixture);
        slow_system_say(0, UID, false);
        accounts_set_config(fixture.accounts, fixture.config, fixture.config);
        while (fixture.n_changes == 0)
                g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        g_assert_cmpuint(fixture.id, ==, UID);
        tear_down(&fixture);
}

/* An hour before each look-up but the first. */
static void fail_for_hours(Fixture *fixture, unsigned n_times) {
        for (unsigned i = 1; i <= n_times; i++) {
                slow_system_wait_asked(i);
                g_assert_cmpint(loop_turn(fixture->loop), ==, 0);
                slow_system_put_clock_forward(HOUR);
                g_assert_cmpint(loop_turn(fixture->loop), ==, 0);
        }
}

static void test_exhausted(void) {
        Fixture fixture;

        set_up(&fixture);
        slow_system_say(EMFILE, 0, false);
        come(&fixture, 0);
        fail_for_hours(&fixture, 5);
        g_assert_cmpuint(fixture.peers[0].n_known, ==, 0);
        slow_system_say(0, UID, false);
        wait_known(&fixture, 0);
        g_assert_cmpuint(fixture.id, ==, UID);
        tear_down(&fixture);
}

static void test_failed(void) {
        Fixture fixture;

        set_up(&fixture);
        slow_system_say(ECONNREFUSED, 0, false);
        come(&fixture, 0);
        slow_system_wait_asked(1);
        g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        g_assert_cmpuint(fixture.peers[0].n_known, ==, 0);
        slow_system_put_clock_forward(HOUR);
        wait_known(&fixture, 0);
        /* it is still asked for, though nobody waits */
        slow_system_say(0, UID, false);
        slow_system_put_clock_forward(HOUR);
        while (fixture.n_changes == 0)
                g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        g_assert_cmpuint(fixture.id, ==, UID);
        tear_down(&fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/accounts/older-answer", test_older_answer);
        g_test_add_func("/bus/accounts/failure-beside-answer", test_failure_beside_answer);
        g_test_add_func("/bus/accounts/no-worker", test_no_worker);
        g_test_add_func("/bus/accounts/outdated", test_outdated);
        g_test_add_func("/bus/accounts/new-config", test_new_config);
        g_test_add_func("/bus/accounts/exhausted", test_exhausted);
        g_test_add_func("/bus/accounts/failed", test_failed);
        return g_test_run();
}
