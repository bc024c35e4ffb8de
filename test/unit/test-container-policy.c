/* SPDX-License-Identifier: MIT */
/*
 * The table of containers1, section 4, row by row. The world: containers A and B with two
 * connections each and two uncontained connections; a case says what A's (or, for broadcasts
 * inwards, B's) rules are and who sends what to whom.
 */
#include "policy/container-policy.h"

#include "base/hash.h"
#include "wire/writer.h"

#include <string.h>

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Message, message_clear)

typedef enum Who { NOBODY, BUS, A1, A2, B1, OUT1, OUT2, N_WHO } Who;

enum {
        CALL = MESSAGE_TYPE_METHOD_CALL,
        RETURN = MESSAGE_TYPE_METHOD_RETURN,
        ERROR = MESSAGE_TYPE_ERROR,
        SIGNAL = MESSAGE_TYPE_SIGNAL,
};

typedef enum Options {
        WITH_FDS = 1 << 0,
        EXPECTED = 1 << 1,   /* a return that somebody waits for */
        CALLED_IN = 1 << 2,  /* the receiver had called the sender */
        ACTIVATION = 1 << 3,
        OVERHEARD = 1 << 4,  /* addressed to somebody else */
        NO_INTERFACE = 1 << 5,
} Options;

typedef struct World {
        ContainerPolicy *a, *b;
        NameSet names[N_WHO];
        OwnedName owned[N_WHO];
        PolicySubject subjects[N_WHO];
} World;

static const char *const unique_names[N_WHO] = {
        NULL, NULL, ":1.1", ":1.2", ":1.3", ":1.4", ":1.5"
};
static const char *const well_known[N_WHO] = { NULL,        NULL,          "org.a.One", NULL,
                                               "org.b.One", "org.out.One", NULL };

static void add_rules(ContainerPolicy *policy, const char *text) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) rules = container_rule_parse_text(text, "test", 1, &error);

        g_assert_no_error(error);
        for (guint i = 0; i < rules->len; i++)
                container_policy_add_rule(policy, g_ptr_array_index(rules, i));
}

static void world_init(World *world, const char *rules, ContainerPolicyFlags flags) {
        memset(world, 0, sizeof *world);
        world->a = container_policy_new(1, flags);
        world->b = container_policy_new(2, flags);
        add_rules(world->a, rules);
        add_rules(world->b, rules);
        for (Who who = A1; who < N_WHO; who++) {
                PolicySubject *subject = &world->subjects[who];

                world->names[who].unique = wire_string(unique_names[who]);
                if (well_known[who]) {
                        world->owned[who] = (OwnedName){
                                .name = wire_string(well_known[who]),
                                .hash = hash_bytes(well_known[who], strlen(well_known[who])),
                                .primary = true,
                        };
                        world->names[who].names = &world->owned[who];
                        world->names[who].n_names = 1;
                }
                subject->names = &world->names[who];
                subject->id = who;
                subject->container = who == A1 || who == A2 ? world->a
                                     : who == B1            ? world->b
                                                            : NULL;
        }
}

static void world_clear(World *world) {
        for (Who who = A1; who < N_WHO; who++)
                service_grants_free(world->subjects[who].grants);
        container_policy_unref(world->a);
        container_policy_unref(world->b);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

static void make_message(uint8_t type, const char *destination, Options options, Message *message) {
        MessageHeader header = { .type = type, .serial = 1, .destination = destination };

        if (type == CALL || type == SIGNAL) {
                header.path = "/x/y";
                header.interface = (options & NO_INTERFACE) ? NULL : "i.face";
                header.member = "Member";
        } else {
                header.reply_serial = 7;
                header.error_name = type == ERROR ? "i.error.Name" : NULL;
        }
        writer_finish(NULL, &header, message);
        message->view.n_fds = (options & WITH_FDS) ? 1 : 0;
}

/* What the container layer says; @to_name NULL: a broadcast, "": to the unique name. */
static PolicyVerdict ask(World *world, Who from, Who to, uint8_t type, const char *to_name,
                         Options options) {
        g_auto(Message) message = { 0 };
        PolicyVerdict verdict;
        const char *destination = to_name && to_name[0] == '\0' ? unique_names[to] : to_name;
        PolicyQuery query = {
                .sender = from == BUS ? NULL : &world->subjects[from],
                .receiver = to == NOBODY || to == BUS ? NULL : &world->subjects[to],
                .message = &message,
                .to_driver = to == BUS,
                .activation = options & ACTIVATION,
                .reply_expected = options & EXPECTED,
                .was_addressed_before = options & CALLED_IN,
        };

        make_message(type, destination, options, &message);
        query.addressed = (options & OVERHEARD) ? &world->subjects[OUT2]
                          : to_name             ? query.receiver
                                                : NULL;
        g_assert_true(container_policy_decide(&query, &verdict) == verdict.allowed);
        return verdict;
}

typedef enum Answer { ALLOWED, DENIED, HIDDEN, FILTERED } Answer;

static Answer get_answer(const PolicyVerdict *verdict) {
        if (verdict->allowed)
                return ALLOWED;
        if (verdict->filtered)
                return FILTERED;
        return verdict->hidden ? HIDDEN : DENIED;
}

static const struct {
        const char *rules;
        Who from, to;
        uint8_t type;
        const char *to_name;
        Options options;
        Answer answer;
        const char *rule; /* that would have allowed it */
} rows[] = {
        /* "any, contained, the bus driver: always" */
        { "", A1, BUS, CALL, "org.freedesktop.DBus", 0, ALLOWED, NULL },
        { "", A1, BUS, CALL, "org.freedesktop.DBus", WITH_FDS, ALLOWED, NULL },
        { "", A1, BUS, SIGNAL, "org.freedesktop.DBus", 0, ALLOWED, NULL },
        { "", BUS, A1, SIGNAL, NULL, 0, ALLOWED, NULL },
        { "", BUS, A1, RETURN, "", 0, ALLOWED, NULL },
        /* "call, unicast signal, same instance: always" */
        { "", A1, A2, CALL, "", 0, ALLOWED, NULL },
        { "", A2, A1, CALL, "org.a.One", 0, ALLOWED, NULL },
        { "", A1, A2, SIGNAL, "", 0, ALLOWED, NULL },
        /* "call, unicast signal, contained, outside: a CALL rule" */
        { "", A1, OUT1, CALL, "org.out.One", 0, HIDDEN, "call org.out.One i.face.Member @/x/y" },
        { "", A1, OUT1, CALL, "", 0, HIDDEN, "call org.out.One i.face.Member @/x/y" },
        { "", A1, OUT2, CALL, "", 0, HIDDEN, "call :1.5 i.face.Member @/x/y" },
        { "", A1, OUT1, SIGNAL, "org.out.One", 0, HIDDEN, "call org.out.One i.face.Member @/x/y" },
        { "", A1, OUT1, CALL, "org.out.One", NO_INTERFACE, HIDDEN, "call org.out.One @/x/y" },
        { "", A1, B1, CALL, "org.b.One", 0, HIDDEN, "call org.b.One i.face.Member @/x/y" },
        { "see org.out.One", A1, OUT1, CALL, "org.out.One", 0, DENIED,
          "call org.out.One i.face.Member @/x/y" },
        { "see org.out.One", A1, OUT1, CALL, "", 0, DENIED,
          "call org.out.One i.face.Member @/x/y" },
        { "see :1.4", A1, OUT1, CALL, "org.out.One", 0, DENIED,
          "call org.out.One i.face.Member @/x/y" },
        { "", A1, OUT1, CALL, "", CALLED_IN, DENIED, "call org.out.One i.face.Member @/x/y" },
        { "", A1, OUT1, CALL, "org.out.One", CALLED_IN, HIDDEN,
          "call org.out.One i.face.Member @/x/y" },
        { "call org.out.One", A1, OUT1, CALL, "org.out.One", 0, ALLOWED, NULL },
        { "call org.out.One", A1, OUT1, CALL, "", 0, ALLOWED, NULL },
        { "call :1.4", A1, OUT1, CALL, "org.out.One", 0, ALLOWED, NULL },
        { "call org.out.One", A1, OUT1, SIGNAL, "", 0, ALLOWED, NULL },
        { "call org.out.One i.face.Other", A1, OUT1, CALL, "org.out.One", 0, DENIED,
          "call org.out.One i.face.Member @/x/y" },
        { "call org.out.One @/x", A1, OUT1, CALL, "org.out.One", 0, DENIED,
          "call org.out.One i.face.Member @/x/y" },
        { "receive org.out.One", A1, OUT1, CALL, "org.out.One", 0, DENIED,
          "call org.out.One i.face.Member @/x/y" },
        { "call org.out.*", A1, NOBODY, CALL, "org.out.Service", ACTIVATION, ALLOWED, NULL },
        { "", A1, NOBODY, CALL, "org.out.Service", ACTIVATION, HIDDEN,
          "call org.out.Service i.face.Member @/x/y" },
        { "see org.out.*", A1, NOBODY, CALL, "org.out.Service", ACTIVATION, DENIED,
          "call org.out.Service i.face.Member @/x/y" },
        { "talk *", A1, B1, CALL, "", 0, ALLOWED, NULL },
        /* "call, unicast signal, outside, contained: always" */
        { "", OUT1, A1, CALL, "", 0, ALLOWED, NULL },
        { "", OUT1, A1, SIGNAL, "org.a.One", WITH_FDS, ALLOWED, NULL },
        /* "broadcast signal, contained, same instance, uncontained: always" */
        { "", A1, A2, SIGNAL, NULL, 0, ALLOWED, NULL },
        { "", A1, OUT1, SIGNAL, NULL, 0, ALLOWED, NULL },
        /* "broadcast signal, anyone outside, contained: a RECEIVE rule" */
        { "", OUT1, A1, SIGNAL, NULL, 0, FILTERED, NULL },
        { "", A1, B1, SIGNAL, NULL, 0, FILTERED, NULL },
        { "call org.out.One", OUT1, A1, SIGNAL, NULL, 0, FILTERED, NULL },
        { "receive org.out.One", OUT1, A1, SIGNAL, NULL, 0, ALLOWED, NULL },
        { "receive org.out.One", OUT1, A1, SIGNAL, NULL, WITH_FDS, ALLOWED, NULL },
        { "receive org.out.One i.face.Member @/x/*", OUT1, A1, SIGNAL, NULL, 0, ALLOWED, NULL },
        { "receive org.out.One i.face.Other", OUT1, A1, SIGNAL, NULL, 0, FILTERED, NULL },
        { "receive :1.5", OUT2, A1, SIGNAL, NULL, 0, ALLOWED, NULL },
        { "receive org.a.One", A1, B1, SIGNAL, NULL, 0, ALLOWED, NULL },
        /* calls without a destination get past no rule */
        { "talk *", A1, OUT1, CALL, NULL, 0, FILTERED, NULL },
        { "", OUT1, A1, CALL, NULL, 0, FILTERED, NULL },
        /* "return, error: exactly one for each call that was delivered and expects one" */
        { "", A1, OUT1, RETURN, "", EXPECTED, ALLOWED, NULL },
        { "", A1, OUT1, ERROR, "", EXPECTED, ALLOWED, NULL },
        { "", OUT1, A1, RETURN, "", EXPECTED, ALLOWED, NULL },
        { "", A1, A2, RETURN, "", EXPECTED, ALLOWED, NULL },
        { "talk *", A1, OUT1, RETURN, "", 0, DENIED, NULL },
        { "talk *", OUT1, A1, ERROR, "", 0, DENIED, NULL },
        { "talk *", A1, A2, RETURN, "", 0, DENIED, NULL },
        /* "any with descriptors" */
        { "call org.out.One", A1, OUT1, CALL, "", WITH_FDS, DENIED,
          "call org.out.One i.face.Member @/x/y fds" },
        { "call org.out.One fds", A1, OUT1, CALL, "", WITH_FDS, ALLOWED, NULL },
        { "call org.out.One\nsee org.out.One fds", A1, OUT1, CALL, "", WITH_FDS, DENIED,
          "call org.out.One i.face.Member @/x/y fds" },
        { "", A1, OUT1, RETURN, "", WITH_FDS | EXPECTED, DENIED, "see org.out.One fds" },
        { "see org.out.One fds", A1, OUT1, RETURN, "", WITH_FDS | EXPECTED, ALLOWED, NULL },
        { "call * x.y @/z fds", A1, OUT1, RETURN, "", WITH_FDS | EXPECTED, ALLOWED, NULL },
        { "", OUT1, A1, RETURN, "", WITH_FDS | EXPECTED, ALLOWED, NULL },
        { "", A1, A2, CALL, "", WITH_FDS, DENIED, "see :1.2 fds" },
        { "see :1.2 fds", A1, A2, CALL, "", WITH_FDS, ALLOWED, NULL },
        { "own org.a.* fds", A2, A1, CALL, "org.a.One", WITH_FDS, ALLOWED, NULL },
        { "own org.a.* fds", A2, A1, RETURN, "", WITH_FDS | EXPECTED, ALLOWED, NULL },
        { "", A1, OUT1, SIGNAL, NULL, WITH_FDS, DENIED, "see org.out.One fds" },
        { "see org.out.One fds", A1, OUT1, SIGNAL, NULL, WITH_FDS, ALLOWED, NULL },
        { "see org.out.One fds", A1, OUT2, SIGNAL, NULL, WITH_FDS, DENIED, "see :1.5 fds" },
        { "call org.out.* fds", A1, NOBODY, CALL, "org.out.Service", ACTIVATION | WITH_FDS, ALLOWED,
          NULL },
        /* nobody contained listens in on others */
        { "talk *", OUT1, A1, CALL, "org.out.One", OVERHEARD, FILTERED, NULL },
        { "", A1, OUT1, CALL, "org.other", OVERHEARD, ALLOWED, NULL },
        /* "the container layer never speaks of two uncontained ones" */
        { "", OUT1, OUT2, CALL, "", 0, ALLOWED, NULL },
        { "", OUT1, OUT2, RETURN, "", 0, ALLOWED, NULL },
};

static void test_table(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_auto(World) world = { 0 };

                world_init(&world, rows[i].rules, 0);
                g_test_message("%zu: %s", i, rows[i].rules);
                PolicyVerdict verdict = ask(&world, rows[i].from, rows[i].to, rows[i].type,
                                            rows[i].to_name, rows[i].options);
                g_assert_cmpint(get_answer(&verdict), ==, rows[i].answer);
                g_assert_cmpstr(verdict.rule, ==, rows[i].rule);
                g_assert_cmpint(verdict.layer, ==,
                                verdict.allowed ? POLICY_LAYER_NONE : POLICY_LAYER_CONTAINER);
        }
}

/* The rule in a denial, when added, allows the message. */
static void test_suggestion(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_auto(World) world = { 0 };

                if (!rows[i].rule)
                        continue;
                world_init(&world, rows[i].rules, 0);
                add_rules(world.a, rows[i].rule);
                PolicyVerdict verdict = ask(&world, rows[i].from, rows[i].to, rows[i].type,
                                            rows[i].to_name, rows[i].options);
                g_assert_true(verdict.allowed);
        }
}

/* Permissive: nothing of the table denies, what would have is reported; what stays forbidden stays
 * so. */
static void test_permissive(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_auto(World) world = { 0 };
                bool stays = rows[i].type == RETURN || rows[i].type == ERROR ||
                             rows[i].to_name == NULL || (rows[i].options & OVERHEARD);

                if (rows[i].answer == ALLOWED || (stays && !rows[i].rule))
                        continue;
                world_init(&world, rows[i].rules, CONTAINER_POLICY_PERMISSIVE);
                PolicyVerdict verdict = ask(&world, rows[i].from, rows[i].to, rows[i].type,
                                            rows[i].to_name, rows[i].options);
                g_assert_true(verdict.allowed);
                g_assert_true(verdict.log);
                g_assert_cmpint(verdict.layer, ==, POLICY_LAYER_CONTAINER);
                g_assert_cmpstr(verdict.rule, ==, rows[i].rule);
        }
}

/* What a permissive receiver has no rule for reaches it, with a report on its own account. */
static void test_permissive_broadcast(void) {
        static const char expected[] = "receive org.out.One i.face.Member @/x/y";
        g_auto(World) world = { 0 };
        PolicyVerdict verdict;

        world_init(&world, "see org.out.One", CONTAINER_POLICY_PERMISSIVE);
        verdict = ask(&world, OUT1, A1, SIGNAL, NULL, 0);
        g_assert_true(verdict.allowed && verdict.log && verdict.of_receiver);
        g_assert_cmpstr(verdict.rule, ==, expected);
        verdict = ask(&world, B1, A1, SIGNAL, NULL, WITH_FDS);
        g_assert_false(verdict.of_receiver);
        g_assert_cmpstr(verdict.rule, ==, "see org.a.One fds");
        add_rules(world.a, expected);
        g_assert_false(ask(&world, OUT1, A1, SIGNAL, NULL, 0).log);
}

static bool may_see(World *world, const char *name, Who owner, PolicyVerdict *ret_verdict) {
        return container_policy_decide_see(&world->subjects[A1], wire_string(name),
                                           &world->subjects[owner], ret_verdict);
}

static void test_decide_see(void) {
        g_auto(World) world = { 0 };
        PolicyVerdict verdict;

        world_init(&world, "call org.b.*", 0);
        g_assert_true(may_see(&world, "org.b.One", B1, &verdict));
        g_assert_true(may_see(&world, unique_names[B1], B1, &verdict));
        g_assert_true(may_see(&world, unique_names[A2], A2, &verdict));
        g_assert_false(may_see(&world, "org.out.One", OUT1, &verdict));
        g_assert_cmpstr(verdict.rule, ==, "see org.out.One");
        g_assert_false(may_see(&world, unique_names[OUT1], OUT1, &verdict));
        g_assert_cmpstr(verdict.rule, ==, "see org.out.One");
        world.a->flags = CONTAINER_POLICY_PERMISSIVE;
        g_assert_true(may_see(&world, "org.out.One", OUT1, &verdict));
        g_assert_true(verdict.log);
        world.a->flags = CONTAINER_POLICY_UNRESTRICTED;
        g_assert_true(may_see(&world, "org.out.One", OUT1, &verdict));
        g_assert_false(verdict.log);
}

static void check_open(ContainerPolicyFlags flags) {
        g_auto(World) world = { 0 };

        world_init(&world, "", flags);
        g_assert_true(ask(&world, OUT1, A1, SIGNAL, NULL, 0).allowed);
        g_assert_true(ask(&world, A1, OUT1, CALL, "", WITH_FDS).allowed);
        g_assert_true(ask(&world, A1, OUT1, RETURN, "", WITH_FDS | EXPECTED).allowed);
        g_assert_false(ask(&world, A1, OUT1, RETURN, "", 0).allowed);
        g_assert_false(ask(&world, OUT1, A1, CALL, "org.out.One", OVERHEARD).allowed);
        g_assert_true(container_policy_sees(&world.subjects[A1], &world.subjects[OUT2]));
        g_assert_true(container_policy_sees_name(world.a, wire_string("org.any")));
        g_assert_true(container_policy_may_own(world.a, wire_string("org.any")));
}

static void test_open(void) {
        g_auto(World) world = { 0 };

        check_open(CONTAINER_POLICY_UNRESTRICTED);
        check_open(CONTAINER_POLICY_PERMISSIVE);
        /* the difference: an unrestricted one has nothing to report */
        world_init(&world, "", CONTAINER_POLICY_UNRESTRICTED);
        g_assert_false(ask(&world, A1, OUT1, CALL, "", WITH_FDS).log);
}

static void test_own(void) {
        g_auto(World) world = { 0 };
        PolicyVerdict verdict;

        world_init(&world, "own org.app.*", 0);
        g_assert_true(container_policy_decide_own(&world.subjects[A1], wire_string("org.app.X"),
                                                  &verdict));
        g_assert_false(container_policy_decide_own(&world.subjects[A1], wire_string("org.other"),
                                                   &verdict));
        g_assert_cmpint(verdict.layer, ==, POLICY_LAYER_CONTAINER);
        g_assert_cmpstr(verdict.rule, ==, "own org.other");
        world.a->flags = CONTAINER_POLICY_PERMISSIVE;
        g_assert_true(container_policy_decide_own(&world.subjects[A1], wire_string("org.other"),
                                                  &verdict));
        g_assert_true(verdict.log);
}

static bool may_start(const World *world, const char *name, PolicyVerdict *ret_verdict) {
        return container_policy_decide_start(&world->subjects[A1], wire_string(name), ret_verdict);
}

/* Any rule with CALL for the name, whatever its path and interface; nothing else. */
static void test_start(void) {
        g_auto(World) world = { 0 };
        g_autoptr(NamedGrants) named = named_grants_new();
        const ContainerRule call = { CONTAINER_RULE_CALL, (char *)"", (char *)"/x", (char *)"a.b" };
        const ContainerRule receive = { CONTAINER_RULE_RECEIVE, (char *)"", (char *)"/",
                                        (char *)"" };
        PolicyVerdict verdict;

        world_init(&world,
                   "see org.seen\nreceive org.heard\nown org.own\ncall org.call a.b.C @/y\n"
                   "call org.below.*",
                   0);
        g_assert_true(may_start(&world, "org.call", &verdict));
        g_assert_true(may_start(&world, "org.below.X", &verdict));
        g_assert_false(may_start(&world, "org.heard", &verdict));
        g_assert_false(may_start(&world, "org.own", &verdict));
        g_assert_false(may_start(&world, "org.seen", &verdict));
        g_assert_false(verdict.allowed);
        g_assert_cmpint(verdict.layer, ==, POLICY_LAYER_CONTAINER);
        g_assert_cmpstr(verdict.rule, ==, "call org.seen");

        named_grants_add(named, "org.seen", &call);
        named_grants_add(named, "org.heard", &receive);
        container_policy_set_named_grants(named);
        g_assert_true(may_start(&world, "org.seen", &verdict));
        g_assert_false(may_start(&world, "org.heard", &verdict));
        container_policy_set_named_grants(NULL);
        world.a->flags = CONTAINER_POLICY_PERMISSIVE;
        g_assert_true(may_start(&world, "org.seen", &verdict));
        g_assert_true(verdict.log);
}

static void test_visibility(void) {
        g_auto(World) world = { 0 };
        const PolicySubject *a1 = &world.subjects[A1];
        const PolicySubject *out1 = &world.subjects[OUT1], *b1 = &world.subjects[B1];

        world_init(&world, "see org.out.One\ncall org.act.*", 0);
        g_assert_true(container_policy_sees(a1, &world.subjects[A2]));
        g_assert_true(container_policy_sees(a1, out1));
        g_assert_false(container_policy_sees(a1, &world.subjects[OUT2]));
        g_assert_false(container_policy_sees(a1, b1));
        g_assert_true(container_policy_sees_name(world.a, wire_string("org.act.Foo")));
        g_assert_false(container_policy_sees_name(world.a, wire_string("org.actor")));
        g_assert_true(container_policy_sees_owned_name(a1, wire_string("org.out.One"), out1));
        /* "a name that is not covered does not exist for the container, even if its owner has
         * another name that is" */
        g_assert_false(container_policy_sees_owned_name(a1, wire_string("org.out.Two"), out1));
        g_assert_true(container_policy_sees_owned_name(a1, wire_string("org.a.One"),
                                                       &world.subjects[A2]));
}

static void grant(ServiceGrants **grants, uint64_t container, const char *text) {
        g_auto(ContainerRule) rule = { 0 };
        g_autoptr(GError) error = NULL;

        if (!*grants)
                *grants = service_grants_new(NULL);
        g_assert_true(container_rule_parse_nameless(text, &rule, &error));
        g_assert_true(service_grants_check(&rule, &error));
        service_grants_add(*grants, container, &rule);
}

/* An opt-in of a connection, for all containers or for one. */
static void test_grants(void) {
        g_auto(World) world = { 0 };
        PolicySubject *out = &world.subjects[OUT2];

        world_init(&world, "", 0);
        grant(&out->grants, 1, "call i.face @/x/*");
        g_assert_true(ask(&world, A1, OUT2, CALL, "", 0).allowed);
        g_assert_false(ask(&world, A1, OUT2, CALL, "", WITH_FDS).allowed);
        g_assert_false(ask(&world, B1, OUT2, CALL, "", 0).allowed);
        g_assert_false(ask(&world, OUT2, A1, SIGNAL, NULL, 0).allowed);
        g_assert_true(container_policy_sees(&world.subjects[A1], out));
        g_assert_true(
                container_policy_sees_owned_name(&world.subjects[A1], wire_string("org.any"), out));
        g_assert_false(container_policy_sees(&world.subjects[B1], out));
        grant(&out->grants, GRANTS_FOR_ALL, "receive fds");
        g_assert_true(ask(&world, OUT2, A1, SIGNAL, NULL, 0).allowed);
        g_assert_true(ask(&world, OUT2, B1, SIGNAL, NULL, 0).allowed);
        g_assert_true(ask(&world, B1, OUT2, RETURN, "", WITH_FDS | EXPECTED).allowed);
        /* "/ leaves grants to single servers alone" */
        service_grants_withdraw(out->grants, GRANTS_FOR_ALL);
        g_assert_false(ask(&world, OUT2, A1, SIGNAL, NULL, 0).allowed);
        g_assert_true(ask(&world, A1, OUT2, CALL, "", 0).allowed);
        service_grants_withdraw(out->grants, 1);
        g_assert_false(ask(&world, A1, OUT2, CALL, "", 0).allowed);
        g_assert_cmpuint(service_grants_count(out->grants), ==, 0);
        service_grants_withdraw(out->grants, 1);
}

static void test_grants_check(void) {
        static const struct {
                uint32_t flags;
                bool valid;
        } cases[] = {
                { CONTAINER_RULE_CALL, true },
                { CONTAINER_RULE_RECEIVE | CONTAINER_RULE_SEND_UNIX_FDS |
                          CONTAINER_RULE_PATH_IS_SUBTREE,
                  true },
                { CONTAINER_RULE_SEE, false },
                { CONTAINER_RULE_CALL | CONTAINER_RULE_OWN, false },
                { CONTAINER_RULE_CALL | CONTAINER_RULE_NAME_IS_NAMESPACE, false },
                { CONTAINER_RULE_SEND_UNIX_FDS, false },
                { 0, false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                ContainerRule rule = { cases[i].flags, (char *)"", (char *)"/", (char *)"" };
                g_autoptr(GError) error = NULL;

                g_assert_true(service_grants_check(&rule, &error) == cases[i].valid);
                g_assert_true((error == NULL) == cases[i].valid);
        }
}

/* Remembered decisions end when opt-ins or rules change. */
static void test_generations(void) {
        g_auto(World) world = { 0 };
        ServiceGrants **grants = &world.subjects[OUT1].grants;

        world_init(&world, "", 0);
        g_assert_cmpuint(service_grants_get_generation(NULL), ==, 0);
        grant(grants, 1, "call");
        uint64_t first = service_grants_get_generation(*grants);
        grant(grants, 1, "receive");
        uint64_t second = service_grants_get_generation(*grants);
        g_assert_cmpuint(first, !=, second);
        service_grants_withdraw(*grants, 1);
        g_assert_cmpuint(service_grants_get_generation(*grants), !=, second);
        uint64_t before = world.a->generation;
        add_rules(world.a, "see org.x");
        g_assert_cmpuint(world.a->generation, !=, before);
        g_assert_cmpuint(world.a->generation, !=, world.b->generation);
}

/* X-Containers-Allow: for whoever owns the name, and for its activation. */
static void test_named_grants(void) {
        g_auto(World) world = { 0 };
        g_autoptr(NamedGrants) named = named_grants_new();
        g_auto(ContainerRule) rule = { 0 };

        world_init(&world, "", 0);
        g_assert_true(container_rule_parse_nameless("call i.face fds", &rule, NULL));
        named_grants_add(named, "org.out.One", &rule);
        container_policy_set_named_grants(named);
        g_assert_true(ask(&world, A1, OUT1, CALL, "org.out.One", WITH_FDS).allowed);
        g_assert_true(ask(&world, A1, OUT1, CALL, "", 0).allowed);
        g_assert_true(ask(&world, A1, OUT1, RETURN, "", WITH_FDS | EXPECTED).allowed);
        g_assert_false(ask(&world, A1, OUT1, CALL, "org.out.Two", 0).allowed);
        g_assert_true(ask(&world, A1, NOBODY, CALL, "org.out.One", ACTIVATION).allowed);
        g_assert_false(ask(&world, OUT1, A1, SIGNAL, NULL, 0).allowed);
        g_assert_true(container_policy_sees_name(world.a, wire_string("org.out.One")));
        g_assert_true(container_policy_sees(&world.subjects[A1], &world.subjects[OUT1]));
        world.owned[OUT1].primary = false;
        g_assert_false(ask(&world, A1, OUT1, CALL, "", 0).allowed);
        container_policy_set_named_grants(NULL);
        g_assert_false(ask(&world, A1, OUT1, CALL, "org.out.One", 0).allowed);
}

static void test_driver(void) {
        static const struct {
                const char *path, *interface, *member;
                bool allowed;
        } calls[] = {
                { "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", true },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig", false },
                { "/org/freedesktop/DBus", NULL, "ReloadConfig", false },
                { "/", "org.freedesktop.DBus", "ReloadConfig", false },
                { "/", "org.freedesktop.DBus", "UpdateActivationEnvironment", false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Monitoring", "BecomeMonitor",
                  false },
                { "/org/freedesktop/DBus", NULL, "BecomeMonitor", false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Containers1", "AddServer", false },
                { "/org/freedesktop/DBus", NULL, "AddServer", false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Containers1", "StopServer",
                  false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Containers1", "StopListening",
                  false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Containers1", "AddServerRules",
                  false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Containers1", "AllowContainers",
                  false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Containers1", "WithdrawContainers",
                  false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Containers1", "ListServers",
                  false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Containers1", "GetServerInfo",
                  true },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Containers1", "RequestHeader",
                  true },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Debug.Stats", "GetStats", false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Debug.Stats", "Anything", false },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus.Verbose", "EnableVerbose", false },
                /* elsewhere these do not exist, which the driver says */
                { "/elsewhere", "org.freedesktop.DBus.Containers1", "AddServer", true },
                { "/elsewhere", "org.freedesktop.DBus.Debug.Stats", "GetStats", true },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
                g_auto(Message) message = { 0 };
                MessageHeader header = { .type = CALL, .serial = 1, .path = calls[i].path,
                                         .interface = calls[i].interface, .member = calls[i].member,
                                         .destination = "org.freedesktop.DBus" };

                writer_finish(NULL, &header, &message);
                g_test_message("%s", calls[i].member);
                g_assert_true(container_policy_driver_allows(&message.view) == calls[i].allowed);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/policy/container-policy/table", test_table);
        g_test_add_func("/policy/container-policy/suggestion", test_suggestion);
        g_test_add_func("/policy/container-policy/permissive", test_permissive);
        g_test_add_func("/policy/container-policy/permissive-broadcast", test_permissive_broadcast);
        g_test_add_func("/policy/container-policy/decide-see", test_decide_see);
        g_test_add_func("/policy/container-policy/open", test_open);
        g_test_add_func("/policy/container-policy/own", test_own);
        g_test_add_func("/policy/container-policy/visibility", test_visibility);
        g_test_add_func("/policy/container-policy/grants", test_grants);
        g_test_add_func("/policy/container-policy/grants-check", test_grants_check);
        g_test_add_func("/policy/container-policy/generations", test_generations);
        g_test_add_func("/policy/container-policy/named-grants", test_named_grants);
        g_test_add_func("/policy/container-policy/start", test_start);
        g_test_add_func("/policy/container-policy/driver", test_driver);
        return g_test_run();
}
