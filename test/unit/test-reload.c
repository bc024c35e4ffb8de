/* SPDX-License-Identifier: MIT */
/* Reading the configuration again while the system does not say who its users are. */
#include "bus/reload.h"

#include "test/unit/slow-system.h"

#include <glib/gstdio.h>
#include <sys/resource.h>

#define LONGER_THAN_PATIENCE (60 * 1000)
#define MANY 30

typedef struct Fixture {
        Loop *loop;
        Workers *workers;
        Reload *reload;
        char *folder, *path;
        unsigned n_applied, n_answered, n_failed;
} Fixture;

static void apply(void *user, Config *config G_GNUC_UNUSED) {
        ((Fixture *)user)->n_applied++;
}

static void answer(void *user, const CallRef *call, const GError *error) {
        Fixture *fixture = user;

        g_assert_cmpuint(call->caller_id, ==, call->serial);
        fixture->n_answered++;
        fixture->n_failed += error != NULL;
}

static void write_file(Fixture *fixture) {
        const char *text = "<busconfig><listen>unix:path=/nowhere</listen>"
                           "<policy user='dyn'><allow own='*'/></policy></busconfig>";

        g_assert_true(g_file_set_contents(fixture->path, text, -1, NULL));
}

static void set_up(Fixture *fixture) {
        const ReloadHost host = { .apply = apply, .answer = answer, .user = fixture };

        slow_system_reset();
        *fixture = (Fixture){ .loop = loop_new(NULL) };
        fixture->folder = g_dir_make_tmp("dct-reload-XXXXXX", NULL);
        fixture->path = g_build_filename(fixture->folder, "a.conf", NULL);
        write_file(fixture);
        fixture->workers = workers_new(fixture->loop, NULL);
        fixture->reload = reload_new(fixture->loop, fixture->workers, fixture->path, &host);
}

static void tear_down(Fixture *fixture) {
        reload_free(fixture->reload);
        workers_free(fixture->workers);
        loop_free(fixture->loop);
        g_unlink(fixture->path);
        g_rmdir(fixture->folder);
        g_free(fixture->path);
        g_free(fixture->folder);
}

static void wait_answered(Fixture *fixture, unsigned n_answered) {
        while (fixture->n_answered < n_answered)
                g_assert_cmpint(loop_turn(fixture->loop), ==, 0);
}

static void ask(Fixture *fixture, unsigned number) {
        const CallRef call = { .caller_id = number, .serial = number };

        reload_request(fixture->reload, &call);
}

/* Each is given up before the next one asks. Return: how many questions were asked. */
static unsigned ask_in_vain(Fixture *fixture) {
        unsigned n_asked;

        slow_system_say(0, 0, true);
        for (unsigned i = 1; i <= MANY; i++) {
                ask(fixture, i);
                slow_system_put_clock_forward(LONGER_THAN_PATIENCE);
                wait_answered(fixture, i);
        }
        g_assert_cmpuint(fixture->n_failed, ==, MANY);
        g_assert_cmpuint(fixture->n_applied, ==, 0);
        pthread_mutex_lock(&slow_system.lock);
        n_asked = slow_system.n_asked;
        pthread_mutex_unlock(&slow_system.lock);
        return n_asked;
}

static unsigned n_done;

static void nothing(WorkerJob *job G_GNUC_UNUSED) {
}

static void is_done(WorkerJob *job G_GNUC_UNUSED) {
        n_done++;
}

static void test_few_given_up(void) {
        WorkerJob jobs[11];
        Fixture fixture;
        unsigned n_asked;

        set_up(&fixture);
        n_asked = ask_in_vain(&fixture);
        g_assert_cmpuint(n_asked, <=, 3);
        /* as many as there may be look-ups, of both kinds, still find a worker */
        for (size_t i = 0; i < G_N_ELEMENTS(jobs); i++) {
                jobs[i] = (WorkerJob){ .work = nothing, .done = is_done };
                g_assert_true(workers_start(fixture.workers, &jobs[i]));
        }
        while (n_done < G_N_ELEMENTS(jobs))
                g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        /* the system answers one of them: it may answer again, and what was missed is read */
        slow_system_say(0, 0, false);
        slow_system_release(0);
        while (fixture.n_applied == 0)
                g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        for (unsigned i = 1; i < n_asked; i++)
                slow_system_release(i);
        ask(&fixture, MANY + 1);
        wait_answered(&fixture, MANY + 1);
        g_assert_cmpuint(fixture.n_failed, ==, MANY);
        tear_down(&fixture);
}

static void test_all_answered(void) {
        Fixture fixture;

        set_up(&fixture);
        slow_system_say(0, 0, true);
        for (unsigned i = 1; i <= MANY; i++)
                ask(&fixture, i);
        slow_system_wait_asked(1);
        slow_system_say(0, 0, false);
        slow_system_release(0);
        wait_answered(&fixture, MANY);
        g_assert_cmpuint(fixture.n_failed, ==, 0);
        g_assert_cmpuint(fixture.n_applied, ==, 2);
        tear_down(&fixture);
}

/* That a file could not be opened for want of descriptors says nothing about it. */
static void test_shortage(void) {
        struct rlimit before, none;
        Fixture fixture;

        set_up(&fixture);
        g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
        none = (struct rlimit){ 0, before.rlim_max };
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
        ask(&fixture, 1);
        wait_answered(&fixture, 1);
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
        g_assert_cmpuint(fixture.n_failed, ==, 1);
        slow_system_put_clock_forward(LONGER_THAN_PATIENCE);
        while (fixture.n_applied == 0)
                g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        tear_down(&fixture);
}

/* One every 100 ms: it is never quiet. */
static void test_no_quiet(void) {
        g_autoptr(Config) config = NULL;
        Fixture fixture;

        set_up(&fixture);
        config = config_load(fixture.path, NULL);
        reload_watch(fixture.reload, config);
        for (unsigned i = 0; i < 100 && fixture.n_applied == 0; i++) {
                write_file(&fixture);
                slow_system_put_clock_forward(100);
                g_assert_cmpint(loop_turn(fixture.loop), ==, 0);
        }
        g_assert_cmpuint(fixture.n_applied, >, 0);
        tear_down(&fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/reload/few-given-up", test_few_given_up);
        g_test_add_func("/bus/reload/all-answered", test_all_answered);
        g_test_add_func("/bus/reload/shortage", test_shortage);
        g_test_add_func("/bus/reload/no-quiet", test_no_quiet);
        return g_test_run();
}
