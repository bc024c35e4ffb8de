/* SPDX-License-Identifier: MIT */
/*
 * policy_decide() and its kin: whose rules apply in which order, what names of the other end count, what is remembered.
 * The expected answers are those of dbus-daemon 1.14. The last test compares the compiled rules with a second,
 * plain reading of dbus-daemon(1) on random policies.
 */
#include "policy/config.h"
#include "policy/late-accounts.h"
#include "policy/rules.h"
#include "policy/snapshot.h"
#include "policy/verdict.h"
#include "policy/xml-loader.h"

#include "base/hash.h"

#include <string.h>

#define MAX_NAMES 4

/* One connection. */
typedef struct Peer {
        Identity *identity;
        OwnedName names[MAX_NAMES];
        NameSet set;
        PolicySubject subject;
} Peer;

static void peer_set_names(Peer *peer, const char *names) {
        g_auto(GStrv) list = g_strsplit(names, " ", -1);

        peer->set.n_names = 0;
        for (char **name = list; *name; name++) {
                bool waits = g_str_has_prefix(*name, "?");
                const char *text = g_intern_string(*name + waits);

                if (!text[0])
                        continue;
                g_assert_cmpuint(peer->set.n_names, <, MAX_NAMES);
                peer->names[peer->set.n_names++] = (OwnedName){
                        .name = wire_string(text),
                        .hash = hash_bytes(text, strlen(text)),
                        .primary = !waits,
                };
        }
        peer->set.names = peer->set.n_names > 0 ? peer->names : NULL;
        peer->set.generation = name_generation_next();
}

/* @names: separated by spaces, those that it only waits for begin with a question mark. */
static void peer_init(Peer *peer, Policy *policy, uid_t uid, const char *unique,
                      const char *names) {
        static uint64_t last_id;

        *peer = (Peer){ .identity = identity_new(uid, uid, 1),
                        .set = { .unique = wire_string(unique) } };
        peer_set_names(peer, names);
        peer->subject = (PolicySubject){
                .identity = peer->identity,
                .names = &peer->set,
                .snapshot = policy_get_snapshot(policy, peer->identity, false),
                .id = ++last_id,
        };
}

static void peer_clear(Peer *peer) {
        policy_snapshot_unref(peer->subject.snapshot);
        identity_unref(peer->identity);
}

static Policy *make_policy(const char *body) {
        g_autofree char *text = g_strdup_printf("<busconfig>\n%s</busconfig>", body);
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;

        xml_loader_parse(config, "a.conf", text, strlen(text), &error);
        g_assert_no_error(error);
        return policy_new(config);
}

static Message make_message(uint8_t type, const char *destination) {
        Message message = { .view = {
                .type = type,
                .destination = wire_string(destination),
                .serial = 1,
        } };

        switch (type) {
        case MESSAGE_TYPE_METHOD_CALL:
        case MESSAGE_TYPE_SIGNAL:
                message.view.path = wire_string("/p");
                message.view.interface = wire_string("a.I");
                message.view.member = wire_string("M");
                break;
        case MESSAGE_TYPE_ERROR:
                message.view.error_name = wire_string("a.E");
                G_GNUC_FALLTHROUGH;
        case MESSAGE_TYPE_METHOD_RETURN:
                message.view.reply_serial = 1;
                break;
        default:
                break;
        }
        return message;
}

typedef enum Kind {
        TO_RECEIVER,    /* a call to org.a.Service */
        TO_UNIQUE,      /* a call to :1.2 */
        TO_DRIVER,
        TO_ACTIVATE,    /* a call to org.a.Started, which nobody owns */
        BROADCAST,
        UNICAST_SIGNAL,
        REPLY,          /* one that is waited for */
        UNREQUESTED,    /* and one that is not */
        ERROR_REPLY,
        EAVESDROPPED,   /* the call to org.a.Service, as a third one may see it */
        FROM_DRIVER,    /* a return of the bus */
        DRIVER_SIGNAL,
        N_KINDS,
} Kind;

#define BIT(kind) (1u << (kind))
#define ALL (BIT(N_KINDS) - 1)
#define CALLS                                                                                      \
        (BIT(TO_RECEIVER) | BIT(TO_UNIQUE) | BIT(TO_DRIVER) | BIT(TO_ACTIVATE) | BIT(EAVESDROPPED))
#define FROM_BUS (BIT(FROM_DRIVER) | BIT(DRIVER_SIGNAL))

typedef struct World {
        Policy *policy;
        Peer sender, receiver, third;
} World;

static void world_init(World *world, const char *policy) {
        world->policy = make_policy(policy);
        peer_init(&world->sender, world->policy, 1000, ":1.1", "org.a.Client");
        peer_init(&world->receiver, world->policy, 1001, ":1.2", "org.a.Service ?org.a.Queued");
        peer_init(&world->third, world->policy, 1002, ":1.3", "");
}

static void world_clear(World *world) {
        peer_clear(&world->sender);
        peer_clear(&world->receiver);
        peer_clear(&world->third);
        policy_unref(world->policy);
}

static bool ask(World *world, Kind kind, PolicyVerdict *verdict) {
        static const uint8_t types[N_KINDS] = {
                [TO_RECEIVER] = MESSAGE_TYPE_METHOD_CALL, [TO_UNIQUE] = MESSAGE_TYPE_METHOD_CALL,
                [TO_DRIVER] = MESSAGE_TYPE_METHOD_CALL, [TO_ACTIVATE] = MESSAGE_TYPE_METHOD_CALL,
                [BROADCAST] = MESSAGE_TYPE_SIGNAL, [UNICAST_SIGNAL] = MESSAGE_TYPE_SIGNAL,
                [REPLY] = MESSAGE_TYPE_METHOD_RETURN, [UNREQUESTED] = MESSAGE_TYPE_METHOD_RETURN,
                [ERROR_REPLY] = MESSAGE_TYPE_ERROR, [EAVESDROPPED] = MESSAGE_TYPE_METHOD_CALL,
                [FROM_DRIVER] = MESSAGE_TYPE_METHOD_RETURN, [DRIVER_SIGNAL] = MESSAGE_TYPE_SIGNAL,
        };
        static const char *const destinations[N_KINDS] = {
                [TO_RECEIVER] = "org.a.Service",  [TO_UNIQUE] = ":1.2",
                [TO_DRIVER] = DBUS_BUS_NAME,      [TO_ACTIVATE] = "org.a.Started",
                [UNICAST_SIGNAL] = ":1.2",        [REPLY] = ":1.2",
                [UNREQUESTED] = ":1.2",           [ERROR_REPLY] = ":1.2",
                [EAVESDROPPED] = "org.a.Service", [FROM_DRIVER] = ":1.2",
        };
        Message message = make_message(types[kind], destinations[kind]);
        PolicyQuery query = {
                .sender = BIT(kind) & FROM_BUS ? NULL : &world->sender.subject,
                .receiver = &world->receiver.subject,
                .addressed = &world->receiver.subject,
                .message = &message,
                .reply_expected = kind == REPLY || kind == ERROR_REPLY,
        };

        if (kind == TO_DRIVER || kind == TO_ACTIVATE)
                query.receiver = query.addressed = NULL;
        query.to_driver = kind == TO_DRIVER;
        query.activation = kind == TO_ACTIVATE;
        if (kind == BROADCAST || kind == DRIVER_SIGNAL)
                query.addressed = NULL;
        if (kind == EAVESDROPPED)
                query.receiver = &world->third.subject;
        return policy_decide(&query, verdict);
}

#define P(context, rules) "<policy " context ">" rules "</policy>\n"
#define D(rules) P("context='default'", rules)
#define RECEIVE_ALL "<allow eavesdrop='true'/>"
#define SEND_ALL "<allow send_destination='*' eavesdrop='true'/>"

static const struct {
        const char *name, *policy;
        unsigned allowed; /* bits of Kind */
} worlds[] = {
        { "nothing said", "", 0 },
        { "session.conf", D(SEND_ALL RECEIVE_ALL), ALL },
        { "sending only", D(SEND_ALL), BIT(TO_DRIVER) | BIT(TO_ACTIVATE) },
        { "receiving only", D(RECEIVE_ALL), FROM_BUS },
        { "no unrequested replies, no eavesdropping",
          D("<allow send_destination='*'/><allow receive_sender='*'/>"),
          ALL & ~(BIT(UNREQUESTED) | BIT(EAVESDROPPED)) },
        { "system.conf",
          D("<deny send_type='method_call'/><allow send_type='signal'/>"
            "<allow send_requested_reply='true' send_type='method_return'/>"
            "<allow send_requested_reply='true' send_type='error'/>"
            "<allow receive_type='method_call'/><allow receive_type='method_return'/><allow "
            "receive_type='error'/>"
            "<allow receive_type='signal'/>"
            "<allow send_destination='org.freedesktop.DBus' send_interface='a.I'/>"),
          BIT(TO_DRIVER) | BIT(BROADCAST) | BIT(UNICAST_SIGNAL) | BIT(REPLY) | BIT(ERROR_REPLY) |
                  FROM_BUS },
        { "the last match wins",
          D(SEND_ALL RECEIVE_ALL "<deny send_type='signal'/><allow send_interface='a.I'/>"), ALL },
        { "the last match wins, turned",
          D(SEND_ALL RECEIVE_ALL "<allow send_interface='a.I'/><deny send_type='signal'/>"),
          ALL & ~(BIT(BROADCAST) | BIT(UNICAST_SIGNAL)) },
        /* "messages may not be sent to ... the *owner* of the given name" */
        { "to the owner by any name",
          D(SEND_ALL RECEIVE_ALL "<deny send_destination='org.a.Service'/>"),
          ALL & ~(BIT(TO_RECEIVER) | BIT(TO_UNIQUE) | BIT(BROADCAST) | BIT(UNICAST_SIGNAL) |
                  BIT(UNREQUESTED)) },
        { "to who waits for the name",
          D(SEND_ALL RECEIVE_ALL "<deny send_destination='org.a.Queued'/>"),
          ALL & ~(BIT(TO_RECEIVER) | BIT(TO_UNIQUE) | BIT(BROADCAST) | BIT(UNICAST_SIGNAL) |
                  BIT(UNREQUESTED)) },
        { "to a unique name", D(SEND_ALL RECEIVE_ALL "<deny send_destination=':1.2'/>"),
          ALL & ~(BIT(TO_RECEIVER) | BIT(TO_UNIQUE) | BIT(BROADCAST) | BIT(UNICAST_SIGNAL) |
                  BIT(UNREQUESTED)) },
        { "to what is not running",
          D(SEND_ALL RECEIVE_ALL "<deny send_destination='org.a.Started'/>"),
          ALL & ~BIT(TO_ACTIVATE) },
        { "to the bus", D(SEND_ALL RECEIVE_ALL "<deny send_destination='org.freedesktop.DBus'/>"),
          ALL & ~BIT(TO_DRIVER) },
        { "to a prefix", D(SEND_ALL RECEIVE_ALL "<deny send_destination_prefix='org.a'/>"),
          ALL & ~(BIT(TO_RECEIVER) | BIT(TO_UNIQUE) | BIT(TO_ACTIVATE) | BIT(BROADCAST) |
                  BIT(UNICAST_SIGNAL) | BIT(UNREQUESTED)) },
        { "to a prefix that ends inside a word",
          D(SEND_ALL RECEIVE_ALL "<deny send_destination_prefix='org.a.S'/>"), ALL },
        { "to no name at all", D(SEND_ALL RECEIVE_ALL "<deny send_destination=''/>"), ALL },
        { "broadcasts", D(SEND_ALL RECEIVE_ALL "<deny send_broadcast='true' send_type='signal'/>"),
          ALL & ~BIT(BROADCAST) },
        { "broadcasts to one",
          D(SEND_ALL RECEIVE_ALL "<deny send_destination='org.a.Service' send_broadcast='false' "
                                 "send_requested_reply='true'/>"),
          ALL & ~(BIT(TO_RECEIVER) | BIT(TO_UNIQUE) | BIT(UNICAST_SIGNAL) | BIT(UNREQUESTED) |
                  BIT(REPLY) | BIT(ERROR_REPLY)) },
        /* "In particular, do NOT specify <deny send_interface="org.foo.Bar"/>!" */
        { "other interface", D(SEND_ALL RECEIVE_ALL "<deny send_interface='a.J'/>"),
          ALL & ~BIT(UNREQUESTED) },
        { "from the owner",
          D(SEND_ALL RECEIVE_ALL
            "<deny receive_sender='org.a.Client' receive_requested_reply='true'/>"),
          BIT(TO_DRIVER) | BIT(TO_ACTIVATE) | FROM_BUS },
        { "from the bus", D(SEND_ALL RECEIVE_ALL "<deny receive_sender='org.freedesktop.DBus'/>"),
          /* its replies count as requested, and <deny> is about those that were not */
          ALL & ~BIT(DRIVER_SIGNAL) },
        { "eavesdroppers",
          D(SEND_ALL RECEIVE_ALL "<deny eavesdrop='true' receive_type='method_call'/>"),
          ALL & ~BIT(EAVESDROPPED) },
        /* Rules that the reference implementation forgets: see hides_earlier() in policy/snapshot.c. */
        { "hidden by a rule for broadcasts",
          D(RECEIVE_ALL SEND_ALL "<deny send_destination='*' send_broadcast='true'/>"), FROM_BUS },
        { "hidden by a rule for descriptors",
          D(RECEIVE_ALL SEND_ALL "<deny send_interface='*' min_fds='1'/>"), FROM_BUS },
        { "hidden by a rule for eavesdroppers",
          D(SEND_ALL RECEIVE_ALL "<deny receive_sender='*' eavesdrop='true'/>"),
          BIT(TO_DRIVER) | BIT(TO_ACTIVATE) },
        { "not hidden",
          D(RECEIVE_ALL SEND_ALL "<deny send_interface='*' send_type='signal' min_fds='1'/>"),
          ALL },
        /* "all context="default" policies are applied; group; user; at_console; context="mandatory"" */
        { "mandatory first in the file",
          P("context='mandatory'", "<deny send_interface='a.I'/>") D(SEND_ALL RECEIVE_ALL),
          ALL & ~(CALLS | BIT(BROADCAST) | BIT(UNICAST_SIGNAL) | BIT(UNREQUESTED)) },
        { "user over default",
          P("user='1000'", "<allow send_interface='a.I'/>")
                  D(RECEIVE_ALL "<deny send_destination='*'/>"),
          CALLS | BIT(BROADCAST) | BIT(UNICAST_SIGNAL) | FROM_BUS },
        { "user over group",
          P("user='1000'", SEND_ALL) P("group='1000'", "<deny send_destination='*'/>")
                  D(RECEIVE_ALL),
          ALL },
        { "group over default",
          P("group='1000'", SEND_ALL) D(RECEIVE_ALL "<deny send_destination='*'/>"), ALL },
        { "console over user",
          P("at_console='false'", SEND_ALL) P("user='1000'", "<deny send_destination='*'/>")
                  D(RECEIVE_ALL),
          ALL },
        { "the other console", P("at_console='true'", SEND_ALL) D(RECEIVE_ALL), FROM_BUS },
        { "other users", P("user='1001'", SEND_ALL) P("group='1001'", SEND_ALL) D(RECEIVE_ALL),
          FROM_BUS },
        { "a user that is not known", P("user='no such user'", SEND_ALL) D(RECEIVE_ALL), FROM_BUS },
        { "receiver's user",
          P("user='1001'", "<deny receive_type='signal'/>") D(SEND_ALL RECEIVE_ALL),
          ALL & ~(BIT(BROADCAST) | BIT(UNICAST_SIGNAL) | BIT(DRIVER_SIGNAL)) },
};

static void check_world(World *world, unsigned allowed) {
        for (Kind kind = 0; kind < N_KINDS; kind++) {
                PolicyVerdict verdict;
                bool answer = ask(world, kind, &verdict);

                g_test_message("kind %d", kind);
                g_assert_cmpint(answer, ==, (allowed & BIT(kind)) != 0);
                g_assert_cmpint(answer, ==, verdict.allowed);
                g_assert_cmpint(verdict.layer, ==, answer ? POLICY_LAYER_NONE : POLICY_LAYER_XML);
                g_assert_false(verdict.hidden || verdict.filtered || verdict.log);
        }
}

/* Many rules that are about something else, so that verdicts are remembered. */
static char *pad(const char *policy) {
        GString *text = g_string_new(NULL);

        g_string_append(text, "<policy context='default'>");
        for (int i = 0; i < 20; i++)
                g_string_append_printf(text,
                                       "<allow send_destination='org.z%d' send_interface='z.I'/>"
                                       "<deny receive_sender='org.z%d'/>",
                                       i, i);
        g_string_append(text, "</policy>");
        g_string_append(text, policy);
        for (int i = 20; i < 40; i++)
                g_string_append_printf(text,
                                       D("<allow send_destination='org.z%d' send_interface='z.I'/>"
                                         "<deny receive_sender='org.z%d'/>"),
                                       i, i);
        return g_string_free(text, FALSE);
}

static void test_worlds(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(worlds); i++) {
                World world;

                g_test_message("%s", worlds[i].name);
                world_init(&world, worlds[i].policy);
                check_world(&world, worlds[i].allowed);
                world_clear(&world);
        }
}

/* The same answers when they are decided, when they are remembered, and after they were forgotten. */
static void test_remembered(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(worlds); i++) {
                g_autofree char *policy = pad(worlds[i].policy);
                World world;

                g_test_message("%s", worlds[i].name);
                world_init(&world, policy);
                check_world(&world, worlds[i].allowed);
                check_world(&world, worlds[i].allowed);
                policy_forget();
                check_world(&world, worlds[i].allowed);
                world_clear(&world);
        }
}

/* What is remembered of a name ends with the name. */
static void test_names_move(void) {
        g_autofree char *policy =
                pad(D(SEND_ALL RECEIVE_ALL "<deny send_destination='org.a.Secret'/>"
                                           "<deny receive_sender='org.a.Secret'/>"));
        PolicyVerdict verdict;
        World world;

        world_init(&world, policy);
        for (int i = 0; i < 3; i++) {
                g_assert_true(ask(&world, TO_UNIQUE, &verdict));
                peer_set_names(&world.receiver, "org.a.Service org.a.Secret");
                g_assert_false(ask(&world, TO_UNIQUE, &verdict));
                peer_set_names(&world.receiver, "");
                g_assert_true(ask(&world, TO_UNIQUE, &verdict));
                peer_set_names(&world.sender, "?org.a.Secret");
                g_assert_false(ask(&world, TO_UNIQUE, &verdict));
                peer_set_names(&world.sender, "");
        }
        world_clear(&world);
}

static void test_reasons(void) {
        PolicyVerdict verdict;
        World world;

        world_init(
                &world,
                D(SEND_ALL RECEIVE_ALL) D(
                        "\n<deny send_type='signal'/>\n<deny send_path='/p' send_member='M'\n"
                        " send_type='method_call' log='true'/>")
                        P("user='1001'",
                          "\n<deny receive_type='error'/><allow send_type='error' log='true'/>"));
        g_assert_false(ask(&world, BROADCAST, &verdict));
        g_assert_cmpstr(verdict.rule, ==, "deny send_type=\"signal\"");
        g_assert_cmpstr(verdict.file, ==, "a.conf");
        g_assert_cmpuint(verdict.line, ==, 4);
        g_assert_false(verdict.log);
        for (int i = 0; i < 2; i++) {
                g_assert_false(ask(&world, TO_RECEIVER, &verdict));
                g_assert_cmpuint(verdict.line, ==, 5);
                g_assert_true(verdict.log);
        }
        world_clear(&world);

        world_init(&world, D(RECEIVE_ALL "<allow send_type='method_call' log='true'/>"));
        for (int i = 0; i < 2; i++) {
                g_assert_true(ask(&world, TO_RECEIVER, &verdict));
                g_assert_true(verdict.log);
                g_assert_cmpstr(verdict.rule, ==, "allow send_type=\"method_call\" log=\"true\"");
        }
        g_assert_false(ask(&world, BROADCAST, &verdict));
        g_assert_null(verdict.rule);
        g_assert_cmpint(verdict.layer, ==, POLICY_LAYER_XML);
        world_clear(&world);
}

/* Before Hello nothing but Hello is allowed, whatever the rules are, and what the bus sends passes. */
static void check_no_hello(World *world) {
        static const struct {
                uint8_t type;
                const char *interface, *member;
                bool to_driver, allowed;
        } cases[] = {
                { MESSAGE_TYPE_METHOD_CALL, DBUS_BUS_NAME, "Hello", true, true },
                { MESSAGE_TYPE_METHOD_CALL, NULL, "Hello", true, true },
                { MESSAGE_TYPE_METHOD_CALL, "a.I", "Hello", true, false },
                { MESSAGE_TYPE_METHOD_CALL, DBUS_BUS_NAME, "GetId", true, false },
                { MESSAGE_TYPE_SIGNAL, DBUS_BUS_NAME, "Hello", true, false },
                { MESSAGE_TYPE_METHOD_CALL, DBUS_BUS_NAME, "Hello", false, false },
        };
        PolicyVerdict verdict;

        world->sender.set.unique.data = NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Message message =
                        make_message(cases[i].type, cases[i].to_driver ? DBUS_BUS_NAME : ":1.2");
                PolicyQuery query = { .sender = &world->sender.subject, .message = &message,
                                      .to_driver = cases[i].to_driver };

                message.view.interface = wire_string(cases[i].interface);
                message.view.member = wire_string(cases[i].member);
                if (!cases[i].to_driver)
                        query.receiver = query.addressed = &world->receiver.subject;
                g_assert_cmpint(policy_decide(&query, &verdict), ==, cases[i].allowed);
        }
        g_assert_false(policy_decide_own(&world->sender.subject, wire_string("org.a.B"), &verdict));
        world->receiver.set.unique.data = NULL;
        g_assert_true(ask(world, FROM_DRIVER, &verdict));
}

static void test_no_hello(void) {
        static const char *const policies[] = { "", D(SEND_ALL RECEIVE_ALL),
                                                D("<deny send_destination='*'/>") };

        for (size_t i = 0; i < G_N_ELEMENTS(policies); i++) {
                World world;

                world_init(&world, policies[i]);
                check_no_hello(&world);
                world_clear(&world);
        }
}

/* Types that the specification does not know are let through by nothing. */
static void test_unknown_type(void) {
        PolicyVerdict verdict;
        World world;
        Message message = make_message(5, ":1.2");
        PolicyQuery query = { .message = &message };

        world_init(&world, D(SEND_ALL RECEIVE_ALL));
        query.sender = &world.sender.subject;
        query.receiver = query.addressed = &world.receiver.subject;
        g_assert_false(policy_decide(&query, &verdict));
        world_clear(&world);
}

static void test_own(void) {
        static const struct {
                const char *rules, *name;
                bool allowed;
        } cases[] = {
                { "", "org.a.B", false },
                { "<allow own='*'/>", "org.a.B", true },
                { "<allow own='*'/><deny own='org.a.B'/>", "org.a.B", false },
                { "<allow own='*'/><deny own='org.a.B'/>", "org.a.B.C", true },
                { "<deny own='org.a.B'/><allow own='*'/>", "org.a.B", true },
                { "<deny own='*'/><allow own_prefix='org.a'/>", "org.a", true },
                { "<deny own='*'/><allow own_prefix='org.a'/>", "org.a.B.C", true },
                { "<deny own='*'/><allow own_prefix='org.a'/>", "org.ab", false },
                { "<deny own='*'/><allow own_prefix='org.a'/>", "org", false },
                { "<allow own_prefix='org.a'/><deny own_prefix='org.a.B'/><allow own='org.a.B.C'/>",
                  "org.a.B.C", true },
                { "<allow own_prefix='org.a'/><deny own_prefix='org.a.B'/><allow own='org.a.B.C'/>",
                  "org.a.B.D", false },
                { "<allow own_prefix='*'/>", "org.a", false },
                { "<allow own_prefix=''/>", "org.a", false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text = g_strdup_printf(D("%s"), cases[i].rules);
                PolicyVerdict verdict;
                World world;

                g_test_message("%s %s", cases[i].rules, cases[i].name);
                world_init(&world, text);
                g_assert_cmpint(policy_decide_own(&world.sender.subject, wire_string(cases[i].name),
                                                  &verdict),
                                ==, cases[i].allowed);
                g_assert_cmpint(verdict.allowed, ==, cases[i].allowed);
                world_clear(&world);
        }
}

static void test_connect(void) {
        static const struct {
                const char *policy;
                uid_t uid, bus_uid;
                bool allowed;
        } cases[] = {
                /* "the default is to allow connections from the same user ID that owns the dbus-daemon process" */
                { "", 1000, 1000, true },
                { "", 0, 1000, false },
                { "", 1000, 0, false },
                { D("<deny user='*'/>"), 1000, 1000, false },
                { D("<deny user='1000'/>"), 1000, 1000, false },
                { D("<allow user='*'/>"), 1000, 0, true },
                { D("<allow group='*'/>"), 1000, 0, true },
                { D("<allow user='*'/><deny group='1000'/>"), 1000, 0, false },
                { D("<allow user='1000'/>"), 1000, 0, true },
                { D("<allow user='1001'/>"), 1000, 0, false },
                { D("<allow user='no such user'/>"), 1000, 0, false },
                { D("<deny user='*'/>") P("context='mandatory'", "<allow user='*'/>"), 1000, 0,
                  true },
                { P("context='mandatory'", "<deny user='*'/>") D("<allow user='*'/>"), 1000, 0,
                  false },
                { P("at_console='false'", "<allow user='*'/>"), 1000, 0, false },
        };
        PolicyVerdict verdict;

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Policy) policy = make_policy(cases[i].policy);
                g_autoptr(Identity) identity = identity_new(cases[i].uid, cases[i].uid, 1);

                g_test_message("%s: %u", cases[i].policy, cases[i].uid);
                g_assert_cmpint(policy_decide_connect(policy, identity, cases[i].bus_uid, &verdict),
                                ==, cases[i].allowed);
                g_assert_cmpint(verdict.layer, ==,
                                cases[i].allowed ? POLICY_LAYER_NONE : POLICY_LAYER_XML);
        }
}

static void test_connect_anonymous(void) {
        g_autoptr(Policy) closed = make_policy(D("<allow user='*'/>"));
        g_autoptr(Policy) open = make_policy("<allow_anonymous/>");
        PolicyVerdict verdict;

        g_assert_false(policy_decide_connect(closed, NULL, 0, &verdict));
        g_assert_true(policy_decide_connect(open, NULL, 0, &verdict));
}

/* Connections to which the same rules apply share a snapshot. */
static void test_classes(void) {
        g_autoptr(Policy) policy = make_policy(P("user='1'", "<allow own='*'/>") P(
                "group='2'", "<allow own='*'/>") P("at_console='true'", "<allow own='*'/>"));
        g_autoptr(Identity) root = identity_new(0, 0, 1);
        g_autoptr(Identity) other = identity_new(3, 3, 1);
        g_autoptr(Identity) user = identity_new(1, 3, 1);
        g_autoptr(Identity) group = identity_new(3, 2, 1);
        g_autoptr(PolicySnapshot) of_root = policy_get_snapshot(policy, root, false);
        g_autoptr(PolicySnapshot) of_other = policy_get_snapshot(policy, other, false);
        g_autoptr(PolicySnapshot) of_user = policy_get_snapshot(policy, user, false);
        g_autoptr(PolicySnapshot) of_group = policy_get_snapshot(policy, group, false);
        g_autoptr(PolicySnapshot) of_console = policy_get_snapshot(policy, other, true);
        g_autoptr(PolicySnapshot) of_nobody = policy_get_snapshot(policy, NULL, false);

        g_assert_true(of_root == of_other);
        g_assert_true(of_root == of_nobody);
        g_assert_true(of_root != of_user);
        g_assert_true(of_root != of_group);
        g_assert_true(of_user != of_group);
        g_assert_true(of_root != of_console);
        g_assert_true(policy_needs_console(policy));
}

/* Rules are not compiled again for one client that comes and goes; of many classes, the oldest is forgotten. */
static void test_kept(void) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(Policy) policy = NULL;
        uint64_t first = 0;

        for (unsigned uid = 1; uid <= 40; uid++)
                g_string_append_printf(text, "<policy user='%u'><allow own='*'/></policy>", uid);
        policy = make_policy(text->str);
        for (unsigned uid = 1; uid <= 40; uid++) {
                g_autoptr(Identity) identity = identity_new(uid, uid, 1);
                uint64_t number = 0;

                for (int i = 0; i < 3; i++) {
                        g_autoptr(PolicySnapshot) snapshot =
                                policy_get_snapshot(policy, identity, false);

                        g_assert_true(i == 0 || number == snapshot->number);
                        number = snapshot->number;
                }
                first = first ? first : number;
        }
        g_autoptr(Identity) identity = identity_new(1, 1, 1);
        g_autoptr(PolicySnapshot) again = policy_get_snapshot(policy, identity, false);
        g_assert_cmpuint(again->number, !=, first);
        /* the policy goes before its last user */
        g_clear_pointer(&policy, policy_unref);
        g_assert_cmpuint(again->own.n_rules, ==, 1);
}

/* Names that the configuration did not know are what is known of them later, in their place among the rules. */
static void test_late_accounts(void) {
        const char *text = "<busconfig><policy user='no-such-one'><deny own='*'/></policy>"
                           "<policy user='7'><allow own='*'/></policy>"
                           "<policy group='no-such-one'><deny own='a.b'/></policy>"
                           "<policy context='default'><allow own='*'/><deny "
                           "user='no-such-one'/></policy></busconfig>";
        g_autoptr(Config) config = config_new();
        g_autoptr(GPtrArray) late = NULL;
        g_autoptr(GPtrArray) answer = NULL;
        g_autoptr(Policy) policy = NULL;
        PolicyVerdict verdict;
        Peer seven, eight;

        g_assert_true(xml_loader_parse(config, "a.conf", text, strlen(text), NULL));
        late = late_accounts_new(config, NULL, NULL);
        g_assert_cmpuint(late->len, ==, 2);
        g_assert_true(late_accounts_have_groups(late));
        answer = late_accounts_copy(late);
        late_accounts_look_up(answer);
        g_assert_true(late_accounts_equal(late, answer));
        for (guint i = 0; i < answer->len; i++) {
                LateAccount *account = answer->pdata[i];

                account->account.known = true;
                account->account.id = account->is_group ? 9 : 8;
        }
        g_assert_false(late_accounts_equal(late, answer));

        policy = policy_new_with_accounts(config, answer);
        peer_init(&seven, policy, 7, ":1.7", "");
        peer_init(&eight, policy, 8, ":1.8", "");
        g_assert_true(policy_decide_own(&seven.subject, WIRE_STRING_LITERAL("a.b"), &verdict));
        g_assert_false(policy_decide_own(&eight.subject, WIRE_STRING_LITERAL("a.c"), &verdict));
        g_assert_false(policy_decide_connect(policy, eight.identity, 8, &verdict));
        peer_clear(&eight);
        peer_init(&eight, policy, 9, ":1.9", "");
        g_assert_false(policy_decide_own(&eight.subject, WIRE_STRING_LITERAL("a.b"), &verdict));
        g_assert_true(policy_decide_own(&eight.subject, WIRE_STRING_LITERAL("a.c"), &verdict));
        peer_clear(&seven);
        peer_clear(&eight);
}

/*
 * A second reading of dbus-daemon(1): rules in order, the last match wins. It shares neither the compiled tables nor
 * policy_rule_matches() with what it checks.
 */
static bool plain_text(WireString pattern, WireString text) {
        return !pattern.data || !text.data || strcmp(pattern.data, text.data) == 0;
}

static bool plain_is_named(const PolicyRule *rule, const char *name) {
        size_t length = rule->name.length;

        if (!name)
                return false;
        if (!rule->name_is_prefix)
                return strcmp(rule->name.data, name) == 0;
        return strncmp(rule->name.data, name, length) == 0 &&
               (name[length] == '.' || name[length] == '\0');
}

static bool plain_peer(const PolicyRule *rule, const Peer *peer, const char *text) {
        if (!rule->name.data)
                return true;
        if (!peer)
                return plain_is_named(rule, text);
        for (unsigned i = 0; i < peer->set.n_names; i++)
                if (plain_is_named(rule, peer->names[i].name.data))
                        return true;
        return plain_is_named(rule, peer->set.unique.data);
}

typedef struct PlainCase {
        const Message *message;
        const Peer *sender, *receiver;
        bool eavesdropping, requested;
} PlainCase;

static bool plain_matches(const PolicyRule *rule, const PlainCase *asked) {
        const MessageView *view = &asked->message->view;
        bool send = rule->kind == POLICY_RULE_SEND;
        bool broadcast = view->type == MESSAGE_TYPE_SIGNAL && !view->destination.data;

        if (rule->type && rule->type != view->type)
                return false;
        if (!send && asked->eavesdropping && rule->allow && !rule->eavesdrop)
                return false;
        if (!send && !asked->eavesdropping && !rule->allow && rule->eavesdrop)
                return false;
        if (view->reply_serial && !asked->requested && rule->allow && rule->requested_reply &&
            !rule->eavesdrop)
                return false;
        if (view->reply_serial && asked->requested && !rule->allow && !rule->requested_reply)
                return false;
        if (rule->interface.data && !view->interface.data && rule->allow)
                return false;
        if (rule->broadcast == POLICY_BROADCAST_YES && !broadcast)
                return false;
        if (rule->broadcast == POLICY_BROADCAST_NO && broadcast)
                return false;
        if (view->n_fds < rule->min_fds || view->n_fds > rule->max_fds)
                return false;
        return plain_text(rule->interface, view->interface) &&
               plain_text(rule->member, view->member) && plain_text(rule->path, view->path) &&
               plain_text(rule->error, view->error_name) &&
               (send ? plain_peer(rule, asked->receiver, view->destination.data)
                     : plain_peer(rule, asked->sender, DBUS_BUS_NAME));
}

static bool plain_hides(const PolicyRule *rule) {
        return !rule->type && !rule->name.data && !rule->path.data && !rule->interface.data &&
               !rule->member.data && !rule->error.data;
}

static bool plain_side(const GPtrArray *rules, PolicyRuleKind kind, const PlainCase *asked) {
        bool allowed = false;

        for (guint i = 0; i < rules->len; i++) {
                const PolicyRule *rule = rules->pdata[i];

                if (rule->kind != kind)
                        continue;
                if (plain_hides(rule))
                        allowed = false;
                if (plain_matches(rule, asked))
                        allowed = rule->allow;
        }
        return allowed;
}

static bool plain_decide(const GPtrArray *rules, const PlainCase *asked) {
        if (asked->sender && !plain_side(rules, POLICY_RULE_SEND, asked))
                return false;
        return !asked->receiver || plain_side(rules, POLICY_RULE_RECEIVE, asked);
}

static const char *pick(const char *const *words, unsigned n_words) {
        return words[g_test_rand_int_range(0, (gint32)n_words)];
}

#define PICK(...)                                                                                  \
        pick((const char *const[]){ __VA_ARGS__ },                                                 \
             G_N_ELEMENTS(((const char *const[]){ __VA_ARGS__ })))

static bool one_in(int n) {
        return g_test_rand_int_range(0, n) == 0;
}

static const char *pick_name(void) {
        return PICK("org.a", "org.a.b", "org.b", "org.b.c.d", ":1.1", ":1.2", ":1", "org",
                    DBUS_BUS_NAME);
}

static void add_attribute(GString *rule, const char *side, const char *name, const char *value) {
        g_string_append_printf(rule, " %s%s='%s'", side, name, value);
}

/* Attributes that only one of the sides has. */
static void add_own_attributes(GString *rule, const char *side, bool send) {
        if (!send) {
                if (one_in(2))
                        add_attribute(rule, side, "sender", pick_name());
                return;
        }
        if (one_in(3))
                add_attribute(rule, side, "destination", pick_name());
        else if (one_in(3))
                add_attribute(rule, side, "destination_prefix", pick_name());
        if (one_in(8))
                add_attribute(rule, side, "broadcast", "false");
        else if (one_in(8) && !strstr(rule->str, "send_destination="))
                add_attribute(rule, side, "broadcast", "true");
}

static void add_random_rule(GString *policy) {
        bool send = one_in(2);
        const char *side = send ? "send_" : "receive_";

        g_string_append(policy, one_in(2) ? "<allow" : "<deny");
        /* So that there is always one; most are of no type. */
        add_attribute(policy, side, "type",
                      one_in(3) ? PICK("method_call", "method_return", "error", "signal") : "*");
        if (one_in(3)) {
                GString *own = g_string_new(NULL);

                add_own_attributes(own, side, send);
                g_string_append(policy, own->str);
                g_string_free(own, TRUE);
        }
        if (one_in(4))
                add_attribute(policy, side, "path", PICK("/a", "/b"));
        if (one_in(6)) {
                add_attribute(policy, side, "error", PICK("e.A", "e.B"));
        } else if (one_in(2)) {
                add_attribute(policy, side, "interface", PICK("i.A", "i.B", "*"));
                if (one_in(2))
                        add_attribute(policy, side, "member", PICK("A", "B"));
        }
        if (one_in(6))
                add_attribute(policy, side, "requested_reply", PICK("true", "false"));
        if (one_in(6))
                add_attribute(policy, "", "eavesdrop", PICK("true", "false"));
        if (one_in(8))
                add_attribute(policy, "", PICK("min_fds", "max_fds"), PICK("0", "1", "2"));
        g_string_append(policy, "/>");
}

static Message random_message(void) {
        Message message = { .view = {
                .type = (uint8_t)g_test_rand_int_range(1, 5),
                .serial = 1,
                .n_fds = (uint32_t)g_test_rand_int_range(0, 3),
                .reply_serial = one_in(3),
                .path = wire_string(PICK("/a", "/b", NULL)),
                .interface = wire_string(PICK("i.A", "i.B", NULL)),
                .member = wire_string(PICK("A", "B", NULL)),
                .error_name = wire_string(PICK("e.A", "e.B", NULL)),
        } };

        return message;
}

static const char *random_names(void) {
        return PICK("", "org.a", "org.a.b ?org.b", "?org.b.c.d", "org.a org.b.c");
}

static void check_random_message(const GPtrArray *rules, Peer *peers) {
        Message message = random_message();
        Peer *sender = one_in(6) ? NULL : &peers[0];
        Peer *receiver = one_in(6) && sender ? NULL : &peers[1];
        Peer *addressed = one_in(4) ? NULL : one_in(4) ? &peers[2] : receiver;
        PolicyQuery query = {
                .sender = sender ? &sender->subject : NULL,
                .receiver = receiver ? &receiver->subject : NULL,
                .message = &message,
                .reply_expected = one_in(2),
        };
        PlainCase asked = { .message = &message, .sender = sender, .receiver = receiver };
        PolicyVerdict verdict;

        if (!receiver) {
                addressed = NULL;
                message.view.destination = wire_string(PICK("org.a", "org.b.c.d", DBUS_BUS_NAME));
                query.to_driver = wire_string_is(message.view.destination, DBUS_BUS_NAME);
                query.activation = !query.to_driver;
        } else if (addressed || one_in(2)) {
                message.view.destination =
                        wire_string(addressed ? addressed->set.unique.data : DBUS_BUS_NAME);
        }
        query.addressed = addressed ? &addressed->subject : NULL;
        asked.eavesdropping = addressed != receiver && message.view.destination.data;
        asked.requested =
                !asked.eavesdropping && (sender ? query.reply_expected && receiver : true);

        g_assert_cmpint(policy_decide(&query, &verdict), ==, plain_decide(rules, &asked));
        /* And once more, now that it may be remembered. */
        g_assert_cmpint(policy_decide(&query, &verdict), ==, plain_decide(rules, &asked));
}

static void test_random(void) {
        int n_policies = g_test_thorough() ? 20000 : 400;

        for (int i = 0; i < n_policies; i++) {
                g_autoptr(GString) text = g_string_new("<busconfig><policy context='default'>");
                g_autoptr(Config) config = config_new();
                g_autoptr(GError) error = NULL;
                g_autoptr(Policy) policy = NULL;
                Peer peers[3];

                for (int n = g_test_rand_int_range(1, 20); n > 0; n--)
                        add_random_rule(text);
                g_string_append(text, "</policy></busconfig>");
                xml_loader_parse(config, "a.conf", text->str, text->len, &error);
                g_assert_no_error(error);
                policy = policy_new(config);
                peer_init(&peers[0], policy, 1000, ":1.1", random_names());
                peer_init(&peers[1], policy, 1000, ":1.2", random_names());
                peer_init(&peers[2], policy, 1000, ":1.3", "");
                for (int n = 0; n < 60; n++) {
                        if (one_in(10))
                                peer_set_names(&peers[g_test_rand_int_range(0, 2)], random_names());
                        check_random_message(config->rules, peers);
                }
                for (int n = 0; n < 3; n++)
                        peer_clear(&peers[n]);
        }
}

/* 500 rules cost what 5 cost; printed, not judged: machines differ. */
static void test_speed(void) {
        static const int n_rules[] = { 5, 500 };
        Message message = make_message(MESSAGE_TYPE_METHOD_CALL, "org.a.Service");

        if (!g_test_perf()) {
                g_test_skip("only with -m perf");
                return;
        }
        for (size_t i = 0; i < G_N_ELEMENTS(n_rules); i++) {
                g_autoptr(GString) text = g_string_new(
                        "<policy context='default'><allow receive_type='method_call'/>");
                PolicyVerdict verdict;
                PolicyQuery query = { .message = &message };
                World world;

                for (int n = 0; n < n_rules[i]; n++)
                        g_string_append_printf(
                                text, "<allow send_destination='org.z%d' send_interface='z.I%d'/>",
                                n, n);
                g_string_append(text, "<allow send_destination='org.a.Service'/></policy>");
                world_init(&world, text->str);
                query.sender = &world.sender.subject;
                query.receiver = query.addressed = &world.receiver.subject;
                for (int anew = 0; anew < 2; anew++) {
                        double n_nsec;

                        g_test_timer_start();
                        for (int n = 0; n < 1000000; n++) {
                                if (anew)
                                        world.receiver.set.generation = name_generation_next();
                                g_assert_true(policy_decide(&query, &verdict));
                        }
                        n_nsec = g_test_timer_elapsed() * 1000;
                        g_test_minimized_result(n_nsec, "%d rules, %s: %.0f ns", n_rules[i],
                                                anew ? "decided" : "remembered", n_nsec);
                }
                world_clear(&world);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/policy/verdict/worlds", test_worlds);
        g_test_add_func("/policy/verdict/remembered", test_remembered);
        g_test_add_func("/policy/verdict/names-move", test_names_move);
        g_test_add_func("/policy/verdict/reasons", test_reasons);
        g_test_add_func("/policy/verdict/no-hello", test_no_hello);
        g_test_add_func("/policy/verdict/unknown-type", test_unknown_type);
        g_test_add_func("/policy/verdict/own", test_own);
        g_test_add_func("/policy/verdict/connect", test_connect);
        g_test_add_func("/policy/verdict/connect-anonymous", test_connect_anonymous);
        g_test_add_func("/policy/verdict/classes", test_classes);
        g_test_add_func("/policy/verdict/kept", test_kept);
        g_test_add_func("/policy/verdict/late-accounts", test_late_accounts);
        g_test_add_func("/policy/verdict/random", test_random);
        g_test_add_func("/policy/verdict/speed", test_speed);
        return g_test_run();
}
