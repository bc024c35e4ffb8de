/* SPDX-License-Identifier: MIT */
/*
 * The driver by itself: which call finds which method, which error comes first, what the tables
 * say. What it sends goes to the functions below, which stand in for the router, the connections
 * and the activation.
 */
#include "bus/activation.h"
#include "bus/denials.h"
#include "bus/driver-announce.h"
#include "bus/driver-environment.h"
#include "bus/driver-tables.h"
#include "bus/driver.h"
#include "bus/grant-list.h"
#include "bus/owner-check.h"
#include "bus/router.h"
#include "policy/lsm.h"
#include "policy/container-policy.h"
#include "wire/syntax.h"

#define BUS DBUS_BUS_NAME
#define PEER "org.freedesktop.DBus.Peer"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define INTROSPECTABLE "org.freedesktop.DBus.Introspectable"
#define MONITORING "org.freedesktop.DBus.Monitoring"
#define STATS "org.freedesktop.DBus.Debug.Stats"

/* What the driver has sent since the last look: "return s", "error NAME", "signal NameLost a.b". */
static GPtrArray *sent;
static Connection *found; /* answer of connection_find() */
static OwnerAnswer owner_answer;
static bool may_own, may_register, is_privileged, is_started;

static void note(char *text) {
        g_ptr_array_add(sent, text);
}

static void writer_drop(Writer *writer) {
        if (!writer)
                return;
        writer_clear(writer);
        writer_init(writer);
}

void router_send_return(Bus *bus, Connection *receiver, const MessageView *call, Writer *body) {
        g_assert_nonnull(bus);
        g_assert_nonnull(receiver);
        g_assert_nonnull(call);
        note(g_strdup_printf("return %s", body ? body->signature->str : ""));
        writer_drop(body);
}

void router_send_error(Bus *bus, Connection *receiver, const MessageView *call,
                       const char *error_name, const char *text) {
        g_assert_nonnull(bus);
        g_assert_nonnull(receiver);
        g_assert_nonnull(call);
        g_assert_cmpuint(strlen(text), >, 0);
        g_assert_cmpuint(strlen(text), <, 1024);
        note(g_strdup_printf("error %s", strrchr(error_name, '.') + 1));
}

static char *first_string(const Writer *body) {
        WireString signature = { .data = body->signature->str,
                                 .length = (uint32_t)body->signature->len };
        WireString text = { 0 };
        Reader reader;

        reader_init_bytes(&reader, body->body->data, body->body->len, signature,
                          G_BYTE_ORDER == G_BIG_ENDIAN);
        g_assert_true(reader_get_string(&reader, &text));
        return g_strndup(text.data, text.length);
}

void router_send_signal(Bus *bus, Connection *receiver, const char *member, Writer *body) {
        g_autofree char *name = first_string(body);

        g_assert_nonnull(bus);
        note(g_strdup_printf("%s %s %s", receiver->unique, member, name));
        writer_drop(body);
}

void router_broadcast_signal(Bus *bus, const char *interface, const char *member, Writer *body,
                             RouterFilter filter, void *user) {
        g_autofree char *name = body ? first_string(body) : g_strdup("");

        g_assert_nonnull(bus);
        g_assert_cmpstr(interface, ==, BUS);
        g_assert_true(!filter || filter(&(Connection){ .id = 99 }, user));
        note(g_strdup_printf("all %s %s", member, name));
        writer_drop(body);
}

void router_call(Bus *bus, Connection *receiver, const MessageHeader *header, Writer *body) {
        g_assert_nonnull(bus);
        g_assert_nonnull(receiver);
        note(g_strdup_printf("call %s %s", header->member, body->signature->str));
        writer_drop(body);
}

Connection *connection_find(const Bus *bus, WireString name) {
        g_assert_nonnull(bus);
        g_assert_nonnull(name.data);
        return found;
}

bool connection_is_privileged(const Connection *connection) {
        return is_privileged && !connection->instance;
}

bool connection_register(Connection *connection) {
        if (!may_register)
                return false;
        connection->id = 7;
        connection->state = CONNECTION_ACTIVE;
        g_strlcpy(connection->unique, ":1.7", sizeof connection->unique);
        return true;
}

void connection_become_monitor(Connection *connection) {
        driver_connection_gone(connection->bus, connection);
        connection->state = CONNECTION_MONITOR;
        list_append(&connection->bus->monitors, &connection->monitor);
}

bool activation_has(Activation *activation, WireString name) {
        g_assert_nonnull(activation);
        return wire_string_is(name, "com.example.Startable");
}

void activation_foreach(Activation *activation, void (*visit)(const char *name, void *user),
                        void *user) {
        g_assert_nonnull(activation);
        visit("com.example.Startable", user);
}

void activation_foreach_news(Activation *activation,
                             void (*visit)(const ServiceNews *news, void *user), void *user) {
        const ServiceNews news = { "com.example.Startable", .now = true };

        g_assert_nonnull(activation);
        visit(&news, user);
}

void activation_start_service(Activation *activation, Connection *caller, const MessageView *call,
                              WireString name) {
        g_assert_nonnull(activation);
        g_assert_nonnull(caller);
        g_assert_cmpuint(call->serial, !=, 0);
        g_assert_cmpstr(name.data, ==, "com.example.Startable");
        is_started = true;
}

void activation_answer_starts(Activation *activation, const char *name) {
        g_assert_nonnull(activation);
        g_assert_nonnull(name);
}

void activation_name_owned(Activation *activation, const char *name) {
        g_assert_nonnull(activation);
        note(g_strdup_printf("activation %s", name));
}

void activation_systemd_failed(Activation *activation, const char *unit, const char *error_name,
                               const char *text) {
        g_assert_nonnull(activation);
        note(g_strdup_printf("failed %s %s %s", unit, error_name, text));
}

/* Nobody opts in here. */
void grant_list_write(Bus *bus, const Instance *instance, Writer *writer) {
        g_assert_nonnull(bus);
        g_assert_nonnull(instance);
        writer_close_array(writer, writer_open_array(writer, "(usossu)"));
}

/* Of past denials, of which there are none here. */
const char *policy_layer_name(PolicyLayer layer) {
        g_assert_cmpint(layer, !=, POLICY_LAYER_NONE);
        return "layer";
}

bool policy_decide_own(const PolicySubject *subject, WireString name, PolicyVerdict *ret_verdict) {
        g_assert_nonnull(subject);
        g_assert_nonnull(name.data);
        *ret_verdict = (PolicyVerdict){ .allowed = may_own };
        return may_own;
}

OwnerAnswer owner_check_ask(OwnerCheck *check, Connection *caller, WireString name,
                            const Message *message, PolicyVerdict *ret_verdict) {
        (void)check;
        g_assert_nonnull(caller);
        g_assert_nonnull(name.data);
        g_assert_nonnull(message);
        if (owner_answer == OWNER_DENIED)
                *ret_verdict = (PolicyVerdict){ .layer = POLICY_LAYER_SERVICE };
        return owner_answer;
}

const char *lsm_get_feature(void) {
        return NULL;
}

bool policy_decide_eavesdrop(const PolicySubject *subject, PolicyVerdict *ret_verdict) {
        g_assert_nonnull(subject);
        *ret_verdict = (PolicyVerdict){ .allowed = true };
        return true;
}

void denials_report_own(Bus *bus, Connection *connection, WireString name,
                        const PolicyVerdict *verdict) {
        g_assert_nonnull(bus);
        g_assert_nonnull(connection);
        g_assert_false(verdict->allowed);
        note(g_strdup_printf("denied %s", name.data));
}

static void denied(Bus *bus, const PolicyQuery *query, const PolicyVerdict *verdict) {
        g_assert_nonnull(bus);
        g_assert_nonnull(query->sender);
        g_assert_true(verdict->layer == POLICY_LAYER_LIMIT ||
                      verdict->layer == POLICY_LAYER_CONTAINER);
        note(g_strdup_printf("denied by %s",
                             verdict->layer == POLICY_LAYER_LIMIT ? "limit" : "container"));
}

static void reload(Bus *bus, Connection *caller, const MessageView *call) {
        router_send_error(bus, caller, call, ERROR_FAILED, "x.conf:1: wrong");
}

static void refresh_services(Bus *bus) {
        g_assert_nonnull(bus->activation);
}

static bool sees_nothing(Bus *bus, Connection *observer, WireString name) {
        return bus == observer->bus && wire_string_is(name, observer->unique);
}

/* --- a bus without anything around it --- */

typedef struct Fixture {
        Bus bus;
        Config config;
        QuotaLimits limits;
        Connection caller;
        Identity *identity;
} Fixture;

static void connection_init(Fixture *f, Connection *connection) {
        *connection = (Connection){
                .bus = &f->bus, .state = CONNECTION_ACTIVE, .id = 5, .unique = ":1.5"
        };
        connection->identity = f->identity;
        quota_init(&connection->quota, NULL, &f->limits, 1);
        name_owner_init(&connection->names, &connection->quota);
        name_owner_set_unique(&connection->names, wire_string(connection->unique));
        match_owner_init(&connection->matches);
}

static void set_up(Fixture *f, gconstpointer data) {
        (void)data;
        *f = (Fixture){ .limits = { .max = { [QUOTA_NAMES] = 4, [QUOTA_MATCHES] = 2 } } };
        f->identity = identity_new(1000, 1000, 4711);
        f->bus.config = &f->config;
        f->bus.activation = (Activation *)f;
        f->bus.hooks = (BusHooks){ .denied = denied,
                                   .reload = reload,
                                   .refresh_services = refresh_services,
                                   .sees_name = sees_nothing };
        list_init(&f->bus.all);
        list_init(&f->bus.monitors);
        list_init(&f->bus.delivery_watchers);
        names_init(&f->bus.names);
        f->bus.matches = match_index_new();
        f->bus.monitor_matches = match_index_new();
        driver_init(&f->bus);
        driver_tables_add(&f->bus);
        connection_init(f, &f->caller);
        list_append(&f->bus.all, &f->caller.all);
        sent = g_ptr_array_new_with_free_func(g_free);
        found = &f->caller;
        owner_answer = OWNER_ALLOWED;
        may_own = may_register = is_privileged = true;
        is_started = false;
}

static void tear_down(Fixture *f, gconstpointer data) {
        (void)data;
        f->caller.state = CONNECTION_CLOSED;
        driver_connection_gone(&f->bus, &f->caller);
        name_owner_clear(&f->caller.names);
        quota_clear(&f->caller.quota);
        driver_clear(&f->bus);
        match_index_free(f->bus.matches);
        match_index_free(f->bus.monitor_matches);
        names_clear(&f->bus.names);
        identity_unref(f->identity);
        g_ptr_array_unref(sent);
}

static void send(Fixture *f, const MessageHeader *header, Writer *body) {
        MessageHeader full = *header;
        Message message;

        full.serial = 3;
        writer_finish(body, &full, &message);
        driver_message(&f->bus, &f->caller, &message);
        message_clear(&message);
}

static void call(Fixture *f, const char *path, const char *interface, const char *member,
                 Writer *body) {
        send(f,
             &(MessageHeader){ .type = MESSAGE_TYPE_METHOD_CALL,
                               .path = path,
                               .interface = interface,
                               .member = member,
                               .destination = BUS },
             body);
}

static void call_with(Fixture *f, const char *member, const char *name, const uint32_t *flags) {
        g_auto(Writer) body = { 0 };

        writer_init(&body);
        writer_add_string(&body, name);
        if (flags)
                writer_add_u32(&body, *flags);
        call(f, DBUS_BUS_PATH, NULL, member, &body);
}

/* Everything that was sent, separated by commas; nothing is remembered afterwards. */
static void assert_sent(const char *expected) {
        g_autofree char *all = NULL;

        g_ptr_array_add(sent, NULL);
        all = g_strjoinv(", ", (char **)sent->pdata);
        g_assert_cmpstr(all, ==, expected);
        g_ptr_array_set_size(sent, 0);
}

/* --- which method, which error --- */

typedef struct Case {
        const char *path, *interface, *member;
        const char *signature;                           /* "" or "s": one string */
        const char *expected, *unprivileged, *contained; /* NULL: the same */
} Case;

static const Case cases[] = {
        { DBUS_BUS_PATH, BUS, "GetId", "", "return s", NULL, NULL },
        { DBUS_BUS_PATH, NULL, "GetId", "", "return s", NULL, NULL },
        { "/x", BUS, "GetId", "", "return s", NULL, NULL },
        { DBUS_BUS_PATH, BUS, "GetId", "s", "error InvalidArgs", NULL, NULL },
        { DBUS_BUS_PATH, BUS, "getId", "", "error UnknownMethod", NULL, NULL },
        { DBUS_BUS_PATH, BUS, "Ping", "", "error UnknownMethod", NULL, NULL },
        { DBUS_BUS_PATH, NULL, "Ping", "", "return ", NULL, NULL },
        { "/x", PEER, "Ping", "", "return ", NULL, NULL },
        { "/x", NULL, "Ping", "s", "error InvalidArgs", NULL, NULL },
        { DBUS_BUS_PATH, "com.example.I", "GetId", "", "error UnknownInterface", NULL, NULL },
        { "/x", PROPERTIES, "GetAll", "s", "error UnknownInterface", NULL, NULL },
        { "/x", NULL, "GetAll", "s", "error UnknownMethod", NULL, NULL },
        { "/x", STATS, "GetStats", "", "error UnknownInterface", NULL, NULL },
        { "/x", MONITORING, "BecomeMonitor", "s", "error UnknownInterface", NULL, NULL },
        { "/x", NULL, "BecomeMonitor", "s", "error UnknownMethod", NULL, NULL },
        { "/x", INTROSPECTABLE, "Nothing", "", "error UnknownMethod", NULL, NULL },
        { DBUS_BUS_PATH, BUS, "UpdateActivationEnvironment", "s", "error InvalidArgs",
          "error AccessDenied", "denied by container, error AccessDenied" },
        { "/x", BUS, "UpdateActivationEnvironment", "s", "error AccessDenied", "error AccessDenied",
          "denied by container, error AccessDenied" },
        { DBUS_BUS_PATH, MONITORING, "BecomeMonitor", "s", "error InvalidArgs",
          "error AccessDenied", "denied by container, error AccessDenied" },
        { DBUS_BUS_PATH, STATS, "GetStats", "s", "error InvalidArgs", NULL,
          "denied by container, error AccessDenied" },
        { DBUS_BUS_PATH, BUS, "ReloadConfig", "", "error Failed", NULL,
          "denied by container, error AccessDenied" },
        { DBUS_BUS_PATH, BUS, "Hello", "", "error Failed", NULL, NULL },
};

static void try_cases(Fixture *f, const char *(*expected_of)(const Case *)) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(Writer) body = { 0 };

                writer_init(&body);
                if (cases[i].signature[0])
                        writer_add_string(&body, "x");
                call(f, cases[i].path, cases[i].interface, cases[i].member, &body);
                assert_sent(expected_of(&cases[i]));
        }
}

static const char *expected_privileged(const Case *one) {
        return one->expected;
}

static const char *expected_unprivileged(const Case *one) {
        return one->unprivileged ? one->unprivileged : one->expected;
}

static const char *expected_contained(const Case *one) {
        return one->contained ? one->contained : one->expected;
}

static void test_dispatch(Fixture *f, gconstpointer data) {
        (void)data;
        try_cases(f, expected_privileged);
}

static void test_unprivileged(Fixture *f, gconstpointer data) {
        (void)data;
        is_privileged = false;
        try_cases(f, expected_unprivileged);
}

static void test_contained(Fixture *f, gconstpointer data) {
        (void)data;
        f->caller.instance = (Instance *)f;
        try_cases(f, expected_contained);
        f->caller.instance = NULL;
}

static void test_no_destination(Fixture *f, gconstpointer data) {
        MessageHeader header = {
                .type = MESSAGE_TYPE_METHOD_CALL, .path = "/", .interface = PEER, .member = "Ping"
        };

        (void)data;
        send(f, &header, NULL);
        assert_sent("return ");
        header.interface = NULL;
        send(f, &header, NULL);
        assert_sent("error UnknownMethod");
        header.interface = BUS;
        header.member = "GetId";
        send(f, &header, NULL);
        assert_sent("error UnknownMethod");
}

static void test_hello(Fixture *f, gconstpointer data) {
        (void)data;
        f->caller.id = 0;
        f->caller.state = CONNECTION_AUTHENTICATED;
        call(f, "/x", BUS, "GetId", NULL);
        assert_sent("error AccessDenied");
        may_register = false;
        call(f, "/x", BUS, "Hello", NULL);
        assert_sent("denied by limit, error LimitsExceeded");
        may_register = true;
        call(f, "/x", NULL, "Hello", NULL);
        assert_sent("return s, all NameOwnerChanged :1.7, :1.7 NameAcquired :1.7");
}

/* --- names and match rules --- */

static void test_names(Fixture *f, gconstpointer data) {
        static const char *const invalid[] = { "", "nodots", ":1.5", ":", "a..b", BUS };
        uint32_t flags = 0;

        (void)data;
        for (size_t i = 0; i < G_N_ELEMENTS(invalid); i++) {
                call_with(f, "RequestName", invalid[i], &flags);
                assert_sent("error InvalidArgs");
                call_with(f, "ReleaseName", invalid[i], NULL);
                assert_sent("error InvalidArgs");
        }
        call_with(f, "RequestName", "a.b", &flags);
        assert_sent("all NameOwnerChanged a.b, :1.5 NameAcquired a.b, activation a.b, return u");
        call_with(f, "RequestName", "a.b", &flags);
        assert_sent("return u");
        call_with(f, "ReleaseName", "a.b", NULL);
        assert_sent(":1.5 NameLost a.b, all NameOwnerChanged a.b, return u");
        call_with(f, "ReleaseName", "a.b", NULL);
        assert_sent("return u");
        may_own = false;
        call_with(f, "RequestName", "a.b", &flags);
        assert_sent("denied a.b, error AccessDenied");
}

static void test_owner_answers(Fixture *f, gconstpointer data) {
        uint32_t flags = 0;

        (void)data;
        owner_answer = OWNER_DENIED;
        call_with(f, "RequestName", "a.b", &flags);
        assert_sent("denied a.b, error AccessDenied");
        owner_answer = OWNER_UNKNOWN;
        call_with(f, "RequestName", "a.b", &flags);
        assert_sent("error Failed");
        owner_answer = OWNER_BUSY;
        call_with(f, "RequestName", "a.b", &flags);
        assert_sent("denied by limit, error LimitsExceeded");
        owner_answer = OWNER_LATER;
        call_with(f, "RequestName", "a.b", &flags);
        assert_sent("");
        g_assert_cmpuint(f->bus.names.table.n_items, ==, 0);
}

/* The unique name counts against the limit, which is 4 here. */
static void test_name_limit(Fixture *f, gconstpointer data) {
        uint32_t flags = 0;

        (void)data;
        call_with(f, "RequestName", "a.b1", &flags);
        call_with(f, "RequestName", "a.b2", &flags);
        call_with(f, "RequestName", "a.b3", &flags);
        g_ptr_array_set_size(sent, 0);
        call_with(f, "RequestName", "a.b4", &flags);
        assert_sent("denied by limit, error LimitsExceeded");
        call_with(f, "RequestName", "a.b1", &flags);
        assert_sent("denied by limit, error LimitsExceeded");
        g_assert_cmpuint(driver_get_peaks(&f->bus)->n_names_of_one, ==, 4);
}

static void test_hidden(Fixture *f, gconstpointer data) {
        ContainerPolicy of_caller = { .flags = CONTAINER_POLICY_UNRESTRICTED };

        (void)data;
        f->caller.instance = (Instance *)f;
        f->caller.subject.container = &of_caller; /* nothing is to be reported */
        call_with(f, "GetNameOwner", "a.b", NULL);
        assert_sent("error NameHasNoOwner");
        call_with(f, "GetConnectionUnixUser", "a.b", NULL);
        assert_sent("error NameHasNoOwner");
        call_with(f, "GetNameOwner", ":1.5", NULL);
        assert_sent("return s");
        call_with(f, "GetNameOwner", BUS, NULL);
        assert_sent("return s");
        f->caller.instance = NULL;
        f->caller.subject.container = NULL;
        call_with(f, "GetNameOwner", "a.b", NULL);
        assert_sent("return s");
}

static void test_matches(Fixture *f, gconstpointer data) {
        (void)data;
        call_with(f, "AddMatch", "nonsense", NULL);
        assert_sent("error MatchRuleInvalid");
        is_privileged = false;
        call_with(f, "AddMatch", "eavesdrop='true'", NULL);
        assert_sent("error AccessDenied");
        call_with(f, "AddMatch", "eavesdrop='false'", NULL);
        assert_sent("return ");
        is_privileged = true;
        call_with(f, "AddMatch", "eavesdrop='true'", NULL);
        assert_sent("return ");
        g_assert_true(match_index_has_eavesdroppers(f->bus.matches));
        call_with(f, "AddMatch", "nonsense", NULL);
        assert_sent("denied by limit, error LimitsExceeded");
        call_with(f, "RemoveMatch", "eavesdrop='true'", NULL);
        assert_sent("return ");
        g_assert_false(match_index_has_eavesdroppers(f->bus.matches));
        call_with(f, "RemoveMatch", "eavesdrop='true'", NULL);
        assert_sent("error MatchRuleNotFound");
        f->caller.instance = (Instance *)f;
        call_with(f, "AddMatch", " eavesdrop ='false'", NULL);
        assert_sent("denied by container, error AccessDenied");
        f->caller.instance = NULL;
}

static void become_monitor(Fixture *f, const char *rule, uint32_t flags) {
        g_auto(Writer) body = { 0 };
        size_t mark;

        writer_init(&body);
        mark = writer_open_array(&body, "s");
        if (rule)
                writer_add_string(&body, rule);
        writer_close_array(&body, mark);
        writer_add_u32(&body, flags);
        call(f, DBUS_BUS_PATH, MONITORING, "BecomeMonitor", &body);
}

static void test_monitor(Fixture *f, gconstpointer data) {
        uint32_t flags = 0;

        (void)data;
        call_with(f, "RequestName", "a.b1", &flags);
        call_with(f, "RequestName", "a.b2", &flags);
        call_with(f, "AddMatch", "type='signal'", NULL);
        g_ptr_array_set_size(sent, 0);
        become_monitor(f, NULL, 1);
        assert_sent("error InvalidArgs");
        become_monitor(f, "nonsense", 0);
        assert_sent("error MatchRuleInvalid");
        become_monitor(f, NULL, 0);
        assert_sent("return , :1.5 NameLost :1.5, all NameOwnerChanged :1.5, "
                    ":1.5 NameLost a.b1, all NameOwnerChanged a.b1, "
                    ":1.5 NameLost a.b2, all NameOwnerChanged a.b2");
        g_assert_true(match_index_is_empty(f->bus.matches));
        g_assert_false(match_index_is_empty(f->bus.monitor_matches));
}

static void test_gone(Fixture *f, gconstpointer data) {
        uint32_t flags = 0;

        (void)data;
        call_with(f, "RequestName", "a.b1", &flags);
        call_with(f, "RequestName", "a.b2", &flags);
        g_ptr_array_set_size(sent, 0);
        f->caller.state = CONNECTION_CLOSED;
        driver_connection_gone(&f->bus, &f->caller);
        assert_sent(":1.5 NameLost a.b2, all NameOwnerChanged a.b2, "
                    ":1.5 NameLost a.b1, all NameOwnerChanged a.b1, "
                    ":1.5 NameLost :1.5, all NameOwnerChanged :1.5");
}

/* --- services --- */

static void test_start(Fixture *f, gconstpointer data) {
        uint32_t flags = 0;

        (void)data;
        call_with(f, "StartServiceByName", "com.example.Other", &flags);
        assert_sent("error ServiceUnknown");
        call_with(f, "StartServiceByName", "com.example.Startable", &flags);
        assert_sent("return u");
        found = NULL;
        call_with(f, "StartServiceByName", "com.example.Startable", &flags);
        assert_sent("");
        g_assert_true(is_started);
}

static void send_variables(Fixture *f, const char *const *names) {
        g_auto(Writer) body = { 0 };
        size_t mark;

        writer_init(&body);
        mark = writer_open_array(&body, "{ss}");
        for (; *names; names++) {
                writer_open_struct(&body, "{ss}");
                writer_add_string(&body, *names);
                writer_add_string(&body, "value");
                writer_close_struct(&body);
        }
        writer_close_array(&body, mark);
        call(f, DBUS_BUS_PATH, BUS, "UpdateActivationEnvironment", &body);
}

static void send_environment(Fixture *f) {
        const char *const names[] = { "NAME", NULL };

        send_variables(f, names);
}

/* One name that no variable can have, and nothing of the call is kept. */
static void test_environment_names(Fixture *f, gconstpointer data) {
        static const char *const refused[] = { "", "=", "A=", "=A", "A=B" };

        (void)data;
        f->config.systemd_activation = true;
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
                const char *const names[] = { "GOOD", refused[i], "OTHER", NULL };

                send_variables(f, names);
                assert_sent("error InvalidArgs");
                g_assert_cmpuint(g_hash_table_size(f->bus.environment), ==, 0);
                g_assert_false(f->bus.environment_untold);
        }
}

static void test_environment(Fixture *f, gconstpointer data) {
        (void)data;
        send_environment(f);
        assert_sent("return ");
        g_assert_cmpstr(g_hash_table_lookup(f->bus.environment, "NAME"), ==, "value");
        f->config.systemd_activation = true;
        send_environment(f);
        assert_sent("call SetEnvironment as, return ");
        found = NULL;
        send_environment(f);
        assert_sent("return ");
        found = &f->caller;
        driver_environment_name_owned(&f->bus, "com.example.Other");
        assert_sent("");
        driver_environment_name_owned(&f->bus, DRIVER_SYSTEMD_NAME);
        assert_sent("call SetEnvironment as");
        driver_environment_name_owned(&f->bus, DRIVER_SYSTEMD_NAME);
        assert_sent("");
}

static void test_systemd_failure(Fixture *f, gconstpointer data) {
        const MessageHeader header = { .type = MESSAGE_TYPE_SIGNAL,
                                       .path = "/",
                                       .interface = "org.freedesktop.systemd1.Activator",
                                       .member = "ActivationFailure",
                                       .destination = BUS };
        (void)data;
        for (int round = 0; round < 2; round++) {
                g_auto(Writer) body = { 0 };

                found = round == 1 ? &f->caller : NULL;
                writer_init(&body);
                writer_add_string(&body, "x.service");
                writer_add_string(&body, "com.example.Error");
                writer_add_string(&body, "why");
                send(f, &header, &body);
                assert_sent(round == 1 ? "failed x.service com.example.Error why" : "");
        }
}

/* --- tables --- */

static void check_entry(const MethodTable *table, const MethodEntry *entry) {
        g_assert_true(syntax_is_member(entry->name, strlen(entry->name)));
        g_assert_true(syntax_is_signature(entry->in, strlen(entry->in)));
        g_assert_true(syntax_is_signature(entry->out, strlen(entry->out)));
        g_assert_nonnull(entry->handler);
        g_assert_true(method_table_find(table, wire_string(entry->name)) == entry);
        g_assert_true(!(entry->flags & METHOD_ANY_PATH) || table->any_path);
}

static void test_tables(Fixture *f, gconstpointer data) {
        const DriverTable *table;
        unsigned n = 0;

        (void)data;
        while ((table = driver_get_table(&f->bus, n++))) {
                const char *name = table->table->interface;

                g_assert_true(syntax_is_interface(name, strlen(name)));
                g_assert_true(driver_find_table(&f->bus, wire_string(name)) == table);
                for (const MethodEntry *entry = table->table->methods; entry->name; entry++)
                        check_entry(table->table, entry);
        }
        g_assert_cmpuint(n, >=, 7);
}

/* Remembers interfaces and the child of the outermost node. */
typedef struct Seen {
        GString *interfaces;
        char *child;
} Seen;

static void see_element(GMarkupParseContext *context, const char *element, const char **names,
                        const char **values, gpointer user, GError **error) {
        Seen *seen = user;

        (void)context;
        (void)error;
        if (strcmp(element, "interface") == 0)
                g_string_append_printf(seen->interfaces, "%s ",
                                       values[0] + strlen("org.freedesktop.DBus"));
        else if (strcmp(element, "node") == 0 && names[0])
                seen->child = g_strdup(values[0]);
}

static void introspect(Fixture *f, const char *path, const char *interfaces, const char *child) {
        static const GMarkupParser parser = { .start_element = see_element };
        const DriverTable *table = driver_find_table(&f->bus, wire_string(INTROSPECTABLE));
        Message message = { .view = { .path = wire_string(path) } };
        Seen seen = { .interfaces = g_string_new(NULL) };
        g_autoptr(GMarkupParseContext) context = NULL;
        g_autofree char *xml = NULL;
        g_auto(Writer) reply = { 0 };
        MethodCall method = { .message = &message, .connection = &f->caller, .reply = &reply };

        writer_init(&reply);
        g_assert_true(table->table->methods[0].handler(&method, &f->bus));
        xml = first_string(&reply);
        context = g_markup_parse_context_new(&parser, 0, &seen, NULL);
        g_assert_true(g_markup_parse_context_parse(context, xml, -1, NULL));
        g_assert_true(g_markup_parse_context_end_parse(context, NULL));
        g_assert_cmpstr(seen.interfaces->str, ==, interfaces);
        g_assert_cmpstr(seen.child, ==, child);
        g_string_free(seen.interfaces, TRUE);
        g_free(seen.child);
}

static void test_introspect(Fixture *f, gconstpointer data) {
        const char *everywhere = " .Introspectable .Peer ";

        (void)data;
        introspect(f, DBUS_BUS_PATH,
                   " .Properties .Introspectable .Monitoring .Verbose .Debug.Stats .Peer ", NULL);
        introspect(f, "/", everywhere, "org/freedesktop/DBus");
        introspect(f, "/org", everywhere, "freedesktop/DBus");
        introspect(f, "/org/freedesktop", everywhere, "DBus");
        introspect(f, "/org/free", everywhere, NULL);
        introspect(f, "/org/freedesktop/DBus/x", everywhere, NULL);
}

int main(int argc, char **argv) {
        static const struct {
                const char *path;
                void (*run)(Fixture *, gconstpointer);
        } tests[] = {
                { "/bus/driver/dispatch", test_dispatch },
                { "/bus/driver/unprivileged", test_unprivileged },
                { "/bus/driver/contained", test_contained },
                { "/bus/driver/no-destination", test_no_destination },
                { "/bus/driver/hello", test_hello },
                { "/bus/driver/names", test_names },
                { "/bus/driver/owner-answers", test_owner_answers },
                { "/bus/driver/name-limit", test_name_limit },
                { "/bus/driver/hidden", test_hidden },
                { "/bus/driver/matches", test_matches },
                { "/bus/driver/monitor", test_monitor },
                { "/bus/driver/gone", test_gone },
                { "/bus/driver/start", test_start },
                { "/bus/driver/environment", test_environment },
                { "/bus/driver/environment-names", test_environment_names },
                { "/bus/driver/systemd-failure", test_systemd_failure },
                { "/bus/driver/tables", test_tables },
                { "/bus/driver/introspect", test_introspect },
        };

        g_test_init(&argc, &argv, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
                g_test_add(tests[i].path, Fixture, NULL, set_up, tests[i].run, tear_down);
        return g_test_run();
}
