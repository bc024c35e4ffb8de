/* SPDX-License-Identifier: MIT */
/*
 * Queues of names. The table was made by playing the same requests to dbus-daemon 1.14 and noting
 * its answers, signals and queues.
 */
#include "bus/names.h"

#include <glib.h>
#include <string.h>

#define N_OWNERS 4
#define A NAME_FLAG_ALLOW_REPLACEMENT
#define R NAME_FLAG_REPLACE_EXISTING
#define D NAME_FLAG_DO_NOT_QUEUE

typedef struct Fixture {
        Names names;
        QuotaLimits limits;
        Quota quotas[N_OWNERS];
        NameOwner owners[N_OWNERS];
} Fixture;

static void set_up(Fixture *f) {
        *f = (Fixture){ 0 };
        f->limits.max[QUOTA_NAMES] = 1000;
        names_init(&f->names);
        for (unsigned i = 0; i < N_OWNERS; i++) {
                quota_init(&f->quotas[i], NULL, &f->limits, 1);
                name_owner_init(&f->owners[i], &f->quotas[i]);
        }
}

/* What policy sees of each owner has to fit the queues at any time. */
static void check_views(Fixture *f) {
        for (unsigned i = 0; i < N_OWNERS; i++) {
                const NameSet *set = &f->owners[i].set;
                unsigned n = 0;

                LIST_FOREACH(node, &f->owners[i].claims)
                        n++;
                g_assert_cmpuint(set->n_names, ==, n);
                g_assert_cmpint(set->names != NULL, ==, n > 0);
                for (unsigned k = 0; k < n; k++) {
                        Name *name = names_find(&f->names, set->names[k].name);

                        g_assert_nonnull(name);
                        g_assert_cmpint(set->names[k].primary, ==,
                                        name_get_primary(name) == &f->owners[i]);
                        g_assert_cmpuint(
                                set->names[k].hash, ==,
                                hash_bytes(set->names[k].name.data, set->names[k].name.length));
                }
                g_assert_cmpuint(f->quotas[i].used[QUOTA_NAMES], ==,
                                 n + (set->unique.data != NULL));
        }
}

static void append_change(Fixture *f, GString *log, const NameChange *change) {
        if (!change->changed)
                return;
        g_string_append_printf(log, " %s:", change->name);
        g_string_append_c(log,
                          change->old_owner ? (char)('0' + (change->old_owner - f->owners)) : '-');
        g_string_append_c(log,
                          change->new_owner ? (char)('0' + (change->new_owner - f->owners)) : '-');
}

typedef struct Walk {
        Fixture *f;
        GString *log;
} Walk;

static void append_owner(NameOwner *owner, void *user) {
        Walk *walk = user;

        g_string_append_c(walk->log, (char)('0' + (owner - walk->f->owners)));
}

static void append_queue(Fixture *f, GString *log, const char *text) {
        const Name *name = names_find(&f->names, wire_string(text));
        Walk walk = { f, log };

        g_string_append(log, " ");
        if (name)
                name_foreach_owner(name, append_owner, &walk);
}

static void release_all(Fixture *f, unsigned i, GString *log) {
        NameChange change;

        while (names_release_next(&f->names, &f->owners[i], &change))
                append_change(f, log, &change);
}

static void tear_down(Fixture *f) {
        g_autoptr(GString) log = g_string_new(NULL);

        for (unsigned i = 0; i < N_OWNERS; i++) {
                release_all(f, i, log);
                name_owner_clear(&f->owners[i]);
                quota_clear(&f->quotas[i]);
        }
        names_clear(&f->names);
}

typedef struct Step {
        char what; /* 'q': request, 'r': release, 'd': disconnect; '\0': the end */
        unsigned owner;
        const char *name;
        uint32_t flags;
        const char *outcome; /* answer, changes as NAME:OLD NEW, queue of NAME */
} Step;

/* Each row is a story of its own. */
static const Step stories[][12] = {
        { { 'q', 0, "t.a", 0, "1 t.a:-0 0" },
          { 'q', 0, "t.a", 0, "4 0" },
          { 'q', 1, "t.a", D, "3 0" },
          { 'q', 1, "t.a", 0, "2 01" },
          { 'q', 1, "t.a", 0, "2 01" },
          { 'q', 2, "t.a", 0, "2 012" },
          { 'r', 1, "t.a", 0, "1 02" },
          { 'r', 1, "t.a", 0, "3 02" },
          { 'r', 0, "t.a", 0, "1 t.a:02 2" },
          { 'r', 2, "t.a", 0, "1 t.a:2- " },
          { 'r', 2, "t.a", 0, "2 " } },
        /* a replaced owner steps back one place */
        { { 'q', 0, "t.a", A, "1 t.a:-0 0" },
          { 'q', 1, "t.a", 0, "2 01" },
          { 'q', 2, "t.a", R, "1 t.a:02 201" },
          { 'r', 2, "t.a", 0, "1 t.a:20 01" } },
        /* or goes, when its last request said DO_NOT_QUEUE */
        { { 'q', 0, "t.a", A, "1 t.a:-0 0" },
          { 'q', 0, "t.a", A | D, "4 0" },
          { 'q', 1, "t.a", R | D, "1 t.a:01 1" } },
        /* who already waits replaces from its place */
        { { 'q', 0, "t.a", A, "1 t.a:-0 0" },
          { 'q', 1, "t.a", 0, "2 01" },
          { 'q', 2, "t.a", 0, "2 012" },
          { 'q', 2, "t.a", R, "1 t.a:02 201" } },
        /* flags are those of the last request */
        { { 'q', 0, "t.a", A, "1 t.a:-0 0" },
          { 'q', 0, "t.a", 0, "4 0" },
          { 'q', 1, "t.a", R | D, "3 0" },
          { 'q', 0, "t.a", A, "4 0" },
          { 'q', 1, "t.a", R | D, "1 t.a:01 10" },
          { 'q', 0, "t.a", R, "2 10" } },
        /*
         * replacement that is not granted waits at the second place, also who waited further behind
         */
        { { 'q', 0, "t.a", 0, "1 t.a:-0 0" },
          { 'q', 1, "t.a", 0, "2 01" },
          { 'q', 2, "t.a", R, "2 021" },
          { 'q', 3, "t.a", 0, "2 0213" },
          { 'q', 3, "t.a", R, "2 0321" },
          { 'q', 1, "t.a", 0, "2 0321" } },
        /* asking not to wait gives up the place in the queue */
        { { 'q', 0, "t.a", 0, "1 t.a:-0 0" },
          { 'q', 1, "t.a", 0, "2 01" },
          { 'q', 1, "t.a", R | D, "3 0" },
          { 'q', 1, "t.a", D, "3 0" },
          { 'r', 1, "t.a", 0, "3 0" } },
        /* a waiting owner's own flags count once it is the owner */
        { { 'q', 0, "t.a", 0, "1 t.a:-0 0" },
          { 'q', 1, "t.a", A, "2 01" },
          { 'd', 0, "t.a", 0, "0 t.a:01 1" },
          { 'q', 2, "t.a", R, "1 t.a:12 21" } },
        /*
         * a dying connection's names go in the opposite order of its requests, waiting ones
         * silently
         */
        { { 'q', 0, "t.a", 0, "1 t.a:-0 0" },
          { 'q', 1, "t.b", 0, "1 t.b:-1 1" },
          { 'q', 0, "t.b", 0, "2 10" },
          { 'q', 0, "t.c", A, "1 t.c:-0 0" },
          { 'q', 2, "t.c", R, "1 t.c:02 20" },
          { 'q', 0, "t.d", 0, "1 t.d:-0 0" },
          { 'q', 3, "t.d", 0, "2 03" },
          { 'r', 2, "t.c", 0, "1 t.c:20 0" },
          { 'd', 0, "t.d", 0, "0 t.d:03 t.c:0- t.a:0- 3" } },
        /* unknown flags are ignored */
        { { 'q', 0, "t.a", 0xfffffff8, "1 t.a:-0 0" }, { 'q', 1, "t.a", 0x80000000, "2 01" } },
};

static void play(Fixture *f, const Step *step, GString *log) {
        NameChange change = { 0 };
        uint32_t answer = 0;

        if (step->what == 'q')
                g_assert_true(names_request(&f->names, &f->owners[step->owner],
                                            wire_string(step->name), step->flags, &answer,
                                            &change));
        else if (step->what == 'r')
                names_release(&f->names, &f->owners[step->owner], wire_string(step->name), &answer,
                              &change);
        g_string_append_printf(log, "%u", answer);
        append_change(f, log, &change);
        if (step->what == 'd')
                release_all(f, step->owner, log);
        append_queue(f, log, step->name);
}

static void test_stories(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(stories); i++) {
                Fixture f;

                set_up(&f);
                for (const Step *step = stories[i]; step < stories[i] + 12 && step->what; step++) {
                        g_autoptr(GString) log = g_string_new(NULL);

                        play(&f, step, log);
                        if (strcmp(log->str, step->outcome) != 0)
                                g_error("story %u, step %u: %s, expected %s", i,
                                        (unsigned)(step - stories[i]), log->str, step->outcome);
                        check_views(&f);
                }
                tear_down(&f);
        }
}

/* The unique name counts, and the limit is asked about even where no new name would come of it. */
static void test_limit(void) {
        NameChange change;
        uint32_t answer;
        Fixture f;

        set_up(&f);
        f.limits.max[QUOTA_NAMES] = 3;
        name_owner_set_unique(&f.owners[0], WIRE_STRING_LITERAL(":1.0"));
        g_assert_true(names_request(&f.names, &f.owners[1], WIRE_STRING_LITERAL("t.c"), 0, &answer,
                                    &change));
        g_assert_true(names_request(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.a"), 0, &answer,
                                    &change));
        g_assert_true(names_request(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.c"), 0, &answer,
                                    &change));
        g_assert_cmpuint(answer, ==, NAME_REPLY_IN_QUEUE);
        g_assert_false(names_request(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.b"), 0, &answer,
                                     &change));
        g_assert_false(names_request(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.a"), 0, &answer,
                                     &change));
        g_assert_false(names_request(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.c"), D, &answer,
                                     &change));
        g_assert_null(names_find(&f.names, WIRE_STRING_LITERAL("t.b")));
        check_views(&f);

        names_release(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.c"), &answer, &change);
        g_assert_true(names_request(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.b"), 0, &answer,
                                    &change));
        g_assert_cmpuint(answer, ==, NAME_REPLY_PRIMARY_OWNER);
        tear_down(&f);
}

/* Whatever changes for an owner gets a number that nobody had before. */
static void test_generation(void) {
        uint64_t before[2], after[2];
        NameChange change;
        uint32_t answer;
        Fixture f;

        set_up(&f);
        g_assert_cmpuint(f.owners[0].set.generation, !=, f.owners[1].set.generation);
        names_request(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.a"), A, &answer, &change);
        before[0] = f.owners[0].set.generation;
        before[1] = f.owners[1].set.generation;

        /* nothing changes for anybody */
        names_request(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.a"), A, &answer, &change);
        names_request(&f.names, &f.owners[1], WIRE_STRING_LITERAL("t.a"), D, &answer, &change);
        g_assert_cmpuint(f.owners[0].set.generation, ==, before[0]);
        g_assert_cmpuint(f.owners[1].set.generation, ==, before[1]);

        /* one takes from the other */
        names_request(&f.names, &f.owners[1], WIRE_STRING_LITERAL("t.a"), R, &answer, &change);
        after[0] = f.owners[0].set.generation;
        after[1] = f.owners[1].set.generation;
        g_assert_cmpuint(after[0], >, MAX(before[0], before[1]));
        g_assert_cmpuint(after[1], >, MAX(before[0], before[1]));
        g_assert_cmpuint(after[0], !=, after[1]);
        tear_down(&f);
}

/* What namespaces are compared with: the first elements, as often as there are. */
static void test_starts(void) {
        const OwnedName *owned;
        NameChange change;
        uint32_t answer;
        Fixture f;

        set_up(&f);
        names_request(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.ab.c.d"), 0, &answer, &change);
        names_request(&f.names, &f.owners[0], WIRE_STRING_LITERAL("t.ab"), 0, &answer, &change);
        owned = f.owners[0].set.names;
        g_assert_cmpuint(owned[0].n_starts, ==, 3);
        g_assert_cmpuint(owned[0].starts[0], ==, hash_bytes("t", 1));
        g_assert_cmpuint(owned[0].starts[1], ==, hash_bytes("t.ab", 4));
        g_assert_cmpuint(owned[0].starts[2], ==, hash_bytes("t.ab.c", 6));
        g_assert_cmpuint(owned[1].n_starts, ==, 2);
        g_assert_cmpuint(owned[1].starts[1], ==, owned[1].hash);
        tear_down(&f);
}

static void count(const Name *name, void *user) {
        g_assert_cmpuint(strlen(name->text), ==, name->length);
        ++*(unsigned *)user;
}

static void test_many(void) {
        NameChange change;
        uint32_t answer;
        unsigned n = 0;
        Fixture f;

        set_up(&f);
        f.limits.max[QUOTA_NAMES] = 5000;
        for (unsigned i = 0; i < 5000; i++) {
                g_autofree char *text = g_strdup_printf("t.a%u", i);

                g_assert_true(names_request(&f.names, &f.owners[i % 2], wire_string(text), 0,
                                            &answer, &change));
        }
        names_foreach(&f.names, count, &n);
        g_assert_cmpuint(n, ==, 5000);
        check_views(&f);
        for (unsigned i = 0; i < 5000; i += 3) {
                g_autofree char *text = g_strdup_printf("t.a%u", i);

                names_release(&f.names, &f.owners[i % 2], wire_string(text), &answer, &change);
                g_assert_cmpuint(answer, ==, NAME_RELEASE_RELEASED);
        }
        check_views(&f);
        tear_down(&f);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/names/stories", test_stories);
        g_test_add_func("/bus/names/limit", test_limit);
        g_test_add_func("/bus/names/generation", test_generation);
        g_test_add_func("/bus/names/starts", test_starts);
        g_test_add_func("/bus/names/many", test_many);
        return g_test_run();
}
