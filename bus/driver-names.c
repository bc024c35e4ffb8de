/* SPDX-License-Identifier: MIT */
/*
 * Names as clients ask for them: requests and releases are checked and announced here, bus/names
 * decides them.
 *
 * A contained connection is answered as if the names that it may not know of did not exist.
 */
#include "bus/driver-names.h"

#include "bus/activation.h"
#include "bus/denials.h"
#include "bus/driver-announce.h"
#include "bus/driver-environment.h"
#include "bus/driver.h"
#include "bus/owner-check.h"
#include "policy/container-policy.h"
#include "wire/syntax.h"

#include <string.h>

/* Names that nobody can request or release: invalid ones, unique ones, that of the bus. */
static bool check_name(MethodCall *call, WireString name) {
        if (!syntax_is_bus_name(name.data, name.length))
                return method_fail(call, ERROR_INVALID_ARGS, "\"%.*s\" is not a valid bus name",
                                   DRIVER_TEXT(name));
        if (name.data[0] == ':')
                return method_fail(call, ERROR_INVALID_ARGS,
                                   "\"%s\" is a unique name, which only the bus gives", name.data);
        if (wire_string_is(name, DBUS_BUS_NAME))
                return method_fail(call, ERROR_INVALID_ARGS, "%s is the name of the bus itself",
                                   name.data);
        return true;
}

static bool may_own(Bus *bus, Connection *caller, WireString name) {
        PolicyVerdict verdict;
        bool allowed = policy_decide_own(&caller->subject, name, &verdict);

        if (!allowed || verdict.log)
                denials_report_own(bus, caller, name, &verdict);
        return allowed;
}

static bool fail_own(MethodCall *call, WireString name) {
        return method_fail(call, ERROR_ACCESS_DENIED, "You may not own the name \"%s\"", name.data);
}

/* The service file's say. Return: false when the call has been answered, or will be. */
static bool is_owner(Bus *bus, MethodCall *call, WireString name, bool *ret_handled) {
        Connection *caller = driver_caller(call);
        PolicyVerdict verdict;

        *ret_handled = false;
        switch (owner_check_ask(bus->owner_check, caller, name, call->message, &verdict)) {
        case OWNER_ALLOWED:
                return true;
        case OWNER_DENIED:
                denials_report_own(bus, caller, name, &verdict);
                return fail_own(call, name);
        case OWNER_UNKNOWN:
                return method_fail(call, ERROR_FAILED,
                                   "The system did not say in time who may own the name \"%s\"",
                                   name.data);
        case OWNER_BUSY:
                return driver_fail_quota(bus, call, QUOTA_INCOMING_BYTES,
                                         call->message->view.n_bytes);
        case OWNER_LATER:
                *ret_handled = call->answered = true;
                return false;
        }
        g_assert_not_reached();
}

/* Whether somebody else owns a name is not for every container to know, nor whether nobody does. */
static bool may_release(Bus *bus, Connection *caller, WireString name) {
        PolicyVerdict verdict;
        bool allowed;

        if (!caller->instance)
                return true;
        allowed = container_policy_decide_own(&caller->subject, name, &verdict);
        if (!allowed || verdict.log)
                denials_report_own(bus, caller, name, &verdict);
        return allowed;
}

bool driver_request_name(MethodCall *call, void *user) {
        Connection *caller = driver_caller(call);
        NameChange change;
        uint32_t flags, answer;
        WireString name;
        Bus *bus = user;
        bool handled;

        if (!reader_get_string(&call->body, &name) || !reader_get_u32(&call->body, &flags))
                return method_fail(call, ERROR_INVALID_ARGS, "A bus name and flags were expected");
        if (!check_name(call, name))
                return false;
        if (!may_own(bus, caller, name))
                return fail_own(call, name);
        if (!is_owner(bus, call, name, &handled))
                return handled;
        if (!names_request(&bus->names, &caller->names, name, flags, &answer, &change))
                return driver_fail_quota(bus, call, QUOTA_NAMES, 1);
        driver_note_peaks(bus, caller);
        driver_announce(bus, &change);
        if (change.changed) {
                driver_environment_name_owned(bus, change.name);
                activation_name_owned(bus->activation, change.name);
        }
        writer_add_u32(call->reply, answer);
        return true;
}

bool driver_release_name(MethodCall *call, void *user) {
        Connection *caller = driver_caller(call);
        NameChange change;
        WireString name;
        uint32_t answer;
        Bus *bus = user;

        if (!reader_get_string(&call->body, &name))
                return method_fail(call, ERROR_INVALID_ARGS, "A bus name was expected");
        if (!check_name(call, name))
                return false;
        if (!may_release(bus, caller, name))
                return fail_own(call, name);
        names_release(&bus->names, &caller->names, name, &answer, &change);
        driver_announce(bus, &change);
        writer_add_u32(call->reply, answer);
        return true;
}

bool driver_name_has_owner(MethodCall *call, void *user) {
        WireString name;
        bool is_bus;

        if (!reader_get_string(&call->body, &name))
                return method_fail(call, ERROR_INVALID_ARGS, "A bus name was expected");
        is_bus = wire_string_is(name, DBUS_BUS_NAME);
        writer_add_bool(call->reply, is_bus || driver_find_seen(user, call, name));
        return true;
}

bool driver_get_name_owner(MethodCall *call, void *user) {
        Connection *owner;
        WireString name;

        if (!driver_find_peer(user, call, &name, &owner))
                return false;
        writer_add_string(call->reply, owner ? owner->unique : DBUS_BUS_NAME);
        return true;
}

static void write_queue(Bus *bus, MethodCall *call, const Name *name) {
        LIST_FOREACH(node, &name->queue) {
                const NameClaim *claim = CONTAINER_OF(node, NameClaim, queue);
                const Connection *waiting = connection_of_names(claim->owner);

                if (node == name->queue.next ||
                    driver_sees(bus, call->connection, wire_string(waiting->unique)))
                        writer_add_string(call->reply, waiting->unique);
        }
}

bool driver_list_queued_owners(MethodCall *call, void *user) {
        Connection *owner;
        const Name *name;
        WireString text;
        Bus *bus = user;
        size_t mark;

        if (!driver_find_peer(bus, call, &text, &owner))
                return false;
        mark = writer_open_array(call->reply, "s");
        name = owner ? names_find(&bus->names, text) : NULL;
        if (name)
                write_queue(bus, call, name);
        else
                writer_add_string(call->reply, owner ? owner->unique : DBUS_BUS_NAME);
        writer_close_array(call->reply, mark);
        return true;
}

/* --- lists --- */

/*
 * Where a visited name goes. The order in which tables give their names depends on all that is in
 * them: a contained caller gets the ones that it may know of sorted.
 */
typedef struct Listing {
        MethodCall *call;
        GPtrArray *seen; /* of const char *, borrowed from who is listed; NULL: write all at once */
        Bus *bus;
} Listing;

static Listing listing_begin(Bus *bus, MethodCall *call) {
        bool contained = driver_caller(call)->instance != NULL;

        return (Listing){ call, contained ? g_ptr_array_new() : NULL, bus };
}

static void list_one(const Listing *listing, WireString name) {
        if (!listing->seen)
                writer_add_string_n(listing->call->reply, name);
        else if (driver_sees(listing->bus, listing->call->connection, name))
                g_ptr_array_add(listing->seen, (void *)name.data);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void listing_end(Listing *listing) {
        if (!listing->seen)
                return;
        g_ptr_array_sort(listing->seen, compare_names);
        for (guint i = 0; i < listing->seen->len; i++)
                writer_add_string(listing->call->reply, listing->seen->pdata[i]);
        g_ptr_array_unref(listing->seen);
}

static void list_owned(const Name *name, void *user) {
        list_one(user, (WireString){ .data = name->text, .length = name->length });
}

static void list_activatable(const char *name, void *user) {
        list_one(user, wire_string(name));
}

bool driver_list_names(MethodCall *call, void *user) {
        Bus *bus = user;
        Listing listing = listing_begin(bus, call);
        size_t mark = writer_open_array(call->reply, "s");

        writer_add_string(call->reply, DBUS_BUS_NAME);
        LIST_FOREACH(node, &bus->all) {
                const Connection *connection = CONTAINER_OF(node, Connection, all);

                if (connection_is_active(connection))
                        list_one(&listing, wire_string(connection->unique));
        }
        names_foreach(&bus->names, list_owned, &listing);
        listing_end(&listing);
        writer_close_array(call->reply, mark);
        return true;
}

bool driver_list_activatable_names(MethodCall *call, void *user) {
        Bus *bus = user;
        Listing listing = listing_begin(bus, call);
        size_t mark = writer_open_array(call->reply, "s");

        bus->hooks.refresh_services(bus);
        writer_add_string(call->reply, DBUS_BUS_NAME);
        activation_foreach(bus->activation, list_activatable, &listing);
        listing_end(&listing);
        writer_close_array(call->reply, mark);
        return true;
}
