/* SPDX-License-Identifier: MIT */
/*
 * Finds the handler of a call to org.freedesktop.DBus, checks that it may be called, sends what it
 * answers.
 *
 * All members of all interfaces are in one small table of chains:
 *
 *      buckets[length and three letters] -> "Get" of Properties -> NULL
 *                                        -> "Ping" of Peer      -> NULL
 *
 * A chain keeps the order of registration, so that a call without interface gets the first
 * interface that has the member, as with the reference implementation. Members are ours, so nobody
 * can make a chain long.
 *
 * One Writer serves all replies, another all signals, so that neither allocates. No handler runs
 * inside another.
 */
#include "bus/driver.h"

#include "bus/activation.h"
#include "bus/router.h"
#include "bus/sightings.h"
#include "policy/container-policy.h"

#define N_BUCKETS 64
#define N_TABLES 16

#define PEER_INTERFACE "org.freedesktop.DBus.Peer"
#define SYSTEMD_ACTIVATOR "org.freedesktop.systemd1.Activator"

typedef struct DriverMethod DriverMethod;
struct DriverMethod {
        DriverMethod *next;       /* owned */
        const MethodEntry *entry; /* borrowed */
        const DriverTable *of;    /* borrowed, in Driver.tables */
        uint32_t length;          /* of its name */
};

struct Driver {
        Writer reply, signal;
        DriverTable tables[N_TABLES];
        unsigned n_tables;
        DriverPeaks peaks;
        DriverMethod *buckets[N_BUCKETS]; /* owned */
};

/* --- tables --- */

static unsigned bucket_of(const char *member, uint32_t length) {
        return (length * 7u + (uint8_t)member[0] + (uint8_t)member[length / 2] * 3u +
                (uint8_t)member[length - 1] * 5u) %
               N_BUCKETS;
}

static void add_method(Driver *driver, const DriverTable *table, const MethodEntry *entry) {
        DriverMethod *method = g_new0(DriverMethod, 1);
        DriverMethod **end;

        method->entry = entry;
        method->of = table;
        method->length = (uint32_t)strlen(entry->name);
        end = &driver->buckets[bucket_of(entry->name, method->length)];
        while (*end)
                end = &(*end)->next;
        *end = method;
}

void driver_add_table(Bus *bus, const MethodTable *table, void *user) {
        Driver *driver = bus->driver;
        DriverTable *place;

        g_assert(driver->n_tables < N_TABLES);
        place = &driver->tables[driver->n_tables++];
        *place = (DriverTable){ .table = table, .user = user };
        for (const MethodEntry *entry = table->methods; entry && entry->name; entry++)
                add_method(driver, place, entry);
}

const DriverTable *driver_get_table(const Bus *bus, unsigned index) {
        return index < bus->driver->n_tables ? &bus->driver->tables[index] : NULL;
}

const DriverTable *driver_find_table(const Bus *bus, WireString interface) {
        const Driver *driver = bus->driver;

        for (unsigned i = 0; i < driver->n_tables; i++)
                if (wire_string_is(interface, driver->tables[i].table->interface))
                        return &driver->tables[i];
        return NULL;
}

void driver_init(Bus *bus) {
        bus->driver = g_new0(Driver, 1);
        bus->environment = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        writer_init(&bus->driver->reply);
        writer_init(&bus->driver->signal);
}

static void free_chain(DriverMethod *method) {
        while (method) {
                DriverMethod *next = method->next;

                g_free(method);
                method = next;
        }
}

void driver_clear(Bus *bus) {
        Driver *driver = g_steal_pointer(&bus->driver);

        if (!driver)
                return;
        g_clear_pointer(&bus->environment, g_hash_table_unref);
        for (unsigned i = 0; i < N_BUCKETS; i++)
                free_chain(driver->buckets[i]);
        writer_clear(&driver->reply);
        writer_clear(&driver->signal);
        g_free(driver);
}

/* --- what handlers share --- */

/* The router leaves a Writer empty, but not every one is given to it: a handler may fail after
 * it began to write. */
static Writer *empty(Writer *writer) {
        if (writer->body->len > 0 || writer->signature->len > 0) {
                writer_clear(writer);
                writer_init(writer);
        }
        return writer;
}

Writer *driver_begin_signal(Bus *bus) {
        return empty(&bus->driver->signal);
}

const DriverPeaks *driver_get_peaks(const Bus *bus) {
        return &bus->driver->peaks;
}

uint64_t driver_count_names(const Bus *bus) {
        return bus->n_completed + bus->names.table.n_items;
}

void driver_note_peaks(Bus *bus, const Connection *connection) {
        DriverPeaks *peaks = &bus->driver->peaks;

        peaks->n_names = MAX(peaks->n_names, driver_count_names(bus));
        peaks->n_names_of_one = MAX(peaks->n_names_of_one, connection->quota.used[QUOTA_NAMES]);
        peaks->n_matches = MAX(peaks->n_matches, match_index_get_n_rules(bus->matches));
        peaks->n_matches_of_one =
                MAX(peaks->n_matches_of_one, connection->quota.used[QUOTA_MATCHES]);
}

static void record_denial(Bus *bus, const MethodCall *call, const PolicyVerdict *verdict) {
        PolicyQuery query = {
                .sender = &driver_caller(call)->subject,
                .message = call->message,
                .to_driver = true,
        };

        bus->hooks.denied(bus, &query, verdict);
}

/* What a permissive container may ask for and another one may not is reported. */
static void report_sight(Bus *bus, const MethodCall *call, WireString name,
                         const Connection *owner) {
        const Connection *caller = driver_caller(call);
        PolicyVerdict verdict;

        /* who has sent something is seen as a connection, not by all its names */
        if (G_LIKELY(!caller->instance) || (name.data[0] == ':' && sightings_has(caller, owner)))
                return;
        (void)container_policy_decide_see(&caller->subject, name, &owner->subject, &verdict);
        if (verdict.log)
                record_denial(bus, call, &verdict);
}

Connection *driver_find_seen(Bus *bus, const MethodCall *call, WireString name) {
        Connection *owner = NULL;

        if (driver_sees(bus, call->connection, name))
                owner = connection_find(bus, name);
        if (!owner || !connection_is_active(owner))
                return NULL;
        report_sight(bus, call, name, owner);
        return owner;
}

bool driver_find_peer(Bus *bus, MethodCall *call, WireString *ret_name, Connection **ret_peer) {
        Connection *peer = NULL;
        bool is_bus;

        if (!reader_get_string(&call->body, ret_name))
                return method_fail(call, ERROR_INVALID_ARGS, "A bus name was expected");
        is_bus = wire_string_is(*ret_name, DBUS_BUS_NAME);
        if (!is_bus)
                peer = driver_find_seen(bus, call, *ret_name);
        if (!is_bus && !peer)
                return method_fail(call, ERROR_NAME_HAS_NO_OWNER, "The name \"%.*s\" has no owner",
                                   DRIVER_TEXT(*ret_name));
        *ret_peer = peer;
        return true;
}

bool driver_fail_limit(Bus *bus, MethodCall *call, const char *rule) {
        PolicyVerdict verdict = { .layer = POLICY_LAYER_LIMIT, .rule = rule };

        record_denial(bus, call, &verdict);
        return method_fail(call, ERROR_LIMITS_EXCEEDED,
                           "This is more than the configuration of the bus allows: %s", rule);
}

bool driver_fail_quota(Bus *bus, MethodCall *call, QuotaKind kind, uint64_t n) {
        g_autofree char *rule = quota_describe_limit(&driver_caller(call)->quota, kind, n);

        return driver_fail_limit(bus, call, rule);
}

bool driver_fail_denied(Bus *bus, MethodCall *call, const PolicyVerdict *verdict,
                        const char *text) {
        record_denial(bus, call, verdict);
        return method_fail(call, ERROR_ACCESS_DENIED, "%s", text);
}

/* --- calls --- */

static bool at_own_path(const MessageView *view) {
        return wire_string_is(view->path, DBUS_BUS_PATH);
}

static const DriverMethod *find_method(const Driver *driver, const MessageView *view) {
        bool own_path = at_own_path(view);
        const DriverMethod *method =
                driver->buckets[bucket_of(view->member.data, view->member.length)];

        for (; method; method = method->next) {
                const MethodTable *table = method->of->table;

                if (method->length != view->member.length ||
                    memcmp(method->entry->name, view->member.data, method->length) != 0)
                        continue;
                if (view->interface.data && !wire_string_is(view->interface, table->interface))
                        continue;
                if (own_path || table->any_path)
                        return method;
        }
        return NULL;
}

/* No interface has this member. Whether the interface asked for exists at all decides on the
 * error. */
static bool fail_unknown(Bus *bus, MethodCall *call) {
        const MessageView *view = &call->message->view;
        const DriverTable *table =
                view->interface.data ? driver_find_table(bus, view->interface) : NULL;

        if (view->interface.data && (!table || (!table->table->any_path && !at_own_path(view))))
                return method_fail(call, ERROR_UNKNOWN_INTERFACE,
                                   "The bus has no interface \"%s\" at this object",
                                   view->interface.data);
        return method_fail(call, ERROR_UNKNOWN_METHOD, "The bus has no method \"%s\"",
                           view->member.data);
}

static bool fail_contained(Bus *bus, MethodCall *call) {
        const PolicyVerdict verdict = { .layer = POLICY_LAYER_CONTAINER };

        return driver_fail_denied(bus, call, &verdict,
                                  "Contained connections may not call this method");
}

static bool may_call(Bus *bus, MethodCall *call, const MethodEntry *entry) {
        const Connection *caller = driver_caller(call);
        const MessageView *view = &call->message->view;

        if (caller->instance && ((entry->flags & (METHOD_PRIVILEGED | METHOD_UNCONTAINED)) ||
                                 !container_policy_driver_allows(view)))
                return fail_contained(bus, call);
        if (caller->id == 0 && view->destination.data && !(entry->flags & METHOD_NO_HELLO))
                return method_fail(call, ERROR_ACCESS_DENIED, "The first call must be Hello");
        if ((entry->flags & METHOD_PRIVILEGED) && !connection_is_privileged(caller))
                return method_fail(call, ERROR_ACCESS_DENIED,
                                   "Only root and the user of the bus may call %s", entry->name);
        if (!(entry->flags & METHOD_ANY_PATH) && !at_own_path(view))
                return method_fail(call, ERROR_ACCESS_DENIED,
                                   "%s may only be called on the object " DBUS_BUS_PATH,
                                   entry->name);
        if (!wire_string_equal(view->signature, wire_string(entry->in)))
                return method_fail(call, ERROR_INVALID_ARGS,
                                   "%s takes arguments of the types \"%s\", not \"%s\"",
                                   entry->name, entry->in,
                                   view->signature.data ? view->signature.data : "");
        return true;
}

static bool handle(Bus *bus, MethodCall *call) {
        const MessageView *view = &call->message->view;
        const DriverMethod *method = find_method(bus->driver, view);

        if (!method)
                return fail_unknown(bus, call);
        if (!may_call(bus, call, method->entry))
                return false;
        reader_init(&call->body, view);
        return method->entry->handler(call, method->of->user);
}

static bool method_call(Bus *bus, Connection *sender, const Message *message) {
        MethodCall call = {
                .message = message,
                .caller = sender->identity,
                .connection = sender,
                .reply = &bus->driver->reply,
        };
        bool handled = handle(bus, &call);

        if (!handled) {
                g_assert(call.error_name);
                router_send_error(bus, sender, &message->view, call.error_name, call.error_text);
        } else if (!call.answered)
                router_send_return(bus, sender, &message->view, call.reply);
        empty(&bus->driver->reply);
        g_free(call.error_text);
        return handled;
}

Connection *driver_find_systemd(const Bus *bus) {
        Connection *owner = connection_find(bus, WIRE_STRING_LITERAL(DRIVER_SYSTEMD_NAME));

        return owner && !owner->instance ? owner : NULL;
}

/* systemd, and nobody in its name, could not start what ActivationRequest asked for: unit,
 * error name, error text. */
static void systemd_failure(Bus *bus, Connection *sender, const MessageView *view) {
        WireString unit, error_name, text;
        Reader reader;

        if (sender != driver_find_systemd(bus) || !wire_string_is(view->signature, "sss"))
                return;
        reader_init(&reader, view);
        if (reader_get_string(&reader, &unit) && reader_get_string(&reader, &error_name) &&
            reader_get_string(&reader, &text))
                activation_systemd_failed(bus->activation, unit.data, error_name.data, text.data);
}

/* Without destination the bus is a plain peer, which has one interface. */
static bool is_for_peer_only(const MessageView *view) {
        return !view->destination.data && view->type == MESSAGE_TYPE_METHOD_CALL;
}

bool driver_message(Bus *bus, Connection *sender, const Message *message) {
        const MessageView *view = &message->view;

        if (is_for_peer_only(view) && !wire_string_is(view->interface, PEER_INTERFACE)) {
                router_send_error(
                        bus, sender, view, ERROR_UNKNOWN_METHOD,
                        "Without a destination only org.freedesktop.DBus.Peer can be called");
                return false;
        }
        if (view->type == MESSAGE_TYPE_METHOD_CALL)
                return method_call(bus, sender, message);
        if (view->type == MESSAGE_TYPE_SIGNAL &&
            wire_string_is(view->interface, SYSTEMD_ACTIVATOR) &&
            wire_string_is(view->member, "ActivationFailure"))
                systemd_failure(bus, sender, view);
        return true;
}
