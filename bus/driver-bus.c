/* SPDX-License-Identifier: MIT */
/*
 * The interface org.freedesktop.DBus: its table, and the methods about the bus as a whole. Those
 * about names, match rules and credentials have files of their own.
 */
#include "bus/driver-bus.h"

#include "bus/activation.h"
#include "bus/driver-announce.h"
#include "bus/driver-credentials.h"
#include "bus/driver-environment.h"
#include "bus/driver-introspect.h"
#include "bus/driver-matches.h"
#include "bus/driver-names.h"
#include "bus/driver-verbose.h"
#include "bus/driver.h"
#include "bus/router.h"
#include "policy/container-policy.h"
#include "policy/lsm.h"

/* Answer of StartServiceByName. The other one, 1 for started, comes from the activation. */
#define START_REPLY_ALREADY_RUNNING 2

static bool fail_too_many(Bus *bus, MethodCall *call) {
        const ConfigLimits *limits = &bus->config->limits;
        bool of_all = bus->n_completed >= limits->max_completed_connections;
        g_autofree char *rule = quota_format_limit(
                NULL, of_all ? "max_completed_connections" : "max_connections_per_user",
                of_all ? limits->max_completed_connections : limits->max_connections_per_user);

        return driver_fail_limit(bus, call, rule);
}

static bool hello(MethodCall *call, void *user) {
        Connection *caller = driver_caller(call);
        Bus *bus = user;

        if (caller->id != 0)
                return method_fail(call, ERROR_FAILED, "Hello has been called before");
        if (!connection_register(caller))
                return fail_too_many(bus, call);
        driver_note_peaks(bus, caller);
        writer_add_string(call->reply, caller->unique);
        /* The reply tells the client who it is; it must have it before it gets signals that are
         * about that. */
        router_send_return(bus, caller, &call->message->view, call->reply);
        call->answered = true;
        driver_announce_unique(bus, caller, true);
        return true;
}

/* Seeing a name is not enough to start its service: who may not call it, may not run it. */
static bool may_start(Bus *bus, MethodCall *call, WireString name) {
        const Connection *caller = driver_caller(call);
        const PolicyQuery query = {
                .sender = &caller->subject,
                .message = call->message,
                .to_driver = true,
        };
        PolicyVerdict verdict;

        if (!caller->instance)
                return true;
        if (!container_policy_decide_start(&caller->subject, name, &verdict))
                return driver_fail_denied(bus, call, &verdict, "You may not start this service");
        if (verdict.log)
                bus->hooks.denied(bus, &query, &verdict);
        return true;
}

static bool start_service_by_name(MethodCall *call, void *user) {
        Bus *bus = user;
        WireString name;
        uint32_t flags;

        if (!reader_get_string(&call->body, &name) || !reader_get_u32(&call->body, &flags))
                return method_fail(call, ERROR_INVALID_ARGS, "A bus name and flags were expected");
        bus->hooks.refresh_services(bus);
        if (!driver_sees(bus, call->connection, name) || !activation_has(bus->activation, name))
                return method_fail(call, ERROR_SERVICE_UNKNOWN,
                                   "No service file provides the name \"%.*s\"", DRIVER_TEXT(name));
        if (driver_find_seen(bus, call, name)) {
                writer_add_u32(call->reply, START_REPLY_ALREADY_RUNNING);
                return true;
        }
        if (!may_start(bus, call, name))
                return false;
        call->answered = true;
        activation_start_service(bus->activation, call->connection, &call->message->view, name);
        return true;
}

static bool reload_config(MethodCall *call, void *user) {
        Bus *bus = user;

        call->answered = true;
        bus->hooks.reload(bus, driver_caller(call), &call->message->view);
        return true;
}

static bool get_id(MethodCall *call, void *user) {
        const Bus *bus = user;

        writer_add_string(call->reply, bus->guid);
        return true;
}

/* --- properties --- */

static void get_features(Writer *writer, void *user) {
        const char *lsm = lsm_get_feature();
        size_t mark = writer_open_array(writer, "s");
        const Bus *bus = user;

        writer_add_string(writer, "ActivatableServicesChanged");
        if (lsm)
                writer_add_string(writer, lsm);
        writer_add_string(writer, "HeaderFiltering");
        if (bus->config->systemd_activation)
                writer_add_string(writer, "SystemdActivation");
        writer_close_array(writer, mark);
}

/*
 * Interfaces that every bus has had for long are not worth to be told. Verbose is told by none
 * that is not made for debugging, and whoever finds it takes the bus for one of those.
 */
static bool is_interesting(const MethodTable *table) {
        return !table->any_path && table != &driver_properties_interface &&
               table != &driver_verbose_interface;
}

static void get_interfaces(Writer *writer, void *user) {
        size_t mark = writer_open_array(writer, "s");
        const DriverTable *table;

        for (unsigned i = 0; (table = driver_get_table(user, i)); i++)
                if (is_interesting(table->table))
                        writer_add_string(writer, table->table->interface);
        writer_close_array(writer, mark);
}

/* --- the table, in the order in which the reference implementation lists it --- */

static const MethodEntry methods[] = {
        { "Hello", "", "s", hello, METHOD_ANY_PATH | METHOD_NO_HELLO },
        { "RequestName", "su", "u", driver_request_name, METHOD_ANY_PATH },
        { "ReleaseName", "s", "u", driver_release_name, METHOD_ANY_PATH },
        { "StartServiceByName", "su", "u", start_service_by_name, METHOD_ANY_PATH },
        { "UpdateActivationEnvironment", "a{ss}", "", driver_update_activation_environment,
          METHOD_PRIVILEGED },
        { "NameHasOwner", "s", "b", driver_name_has_owner, METHOD_ANY_PATH },
        { "ListNames", "", "as", driver_list_names, METHOD_ANY_PATH },
        { "ListActivatableNames", "", "as", driver_list_activatable_names, METHOD_ANY_PATH },
        { "AddMatch", "s", "", driver_add_match, METHOD_ANY_PATH },
        { "RemoveMatch", "s", "", driver_remove_match, METHOD_ANY_PATH },
        { "GetNameOwner", "s", "s", driver_get_name_owner, METHOD_ANY_PATH },
        { "ListQueuedOwners", "s", "as", driver_list_queued_owners, METHOD_ANY_PATH },
        { "GetConnectionUnixUser", "s", "u", driver_get_unix_user, METHOD_ANY_PATH },
        { "GetConnectionUnixProcessID", "s", "u", driver_get_process_id, METHOD_ANY_PATH },
        { "GetAdtAuditSessionData", "s", "ay", driver_get_audit_data, METHOD_ANY_PATH },
        { "GetConnectionSELinuxSecurityContext", "s", "ay", driver_get_selinux_context,
          METHOD_ANY_PATH },
        { "ReloadConfig", "", "", reload_config, METHOD_ANY_PATH | METHOD_UNCONTAINED },
        { "GetId", "", "s", get_id, METHOD_ANY_PATH },
        { "GetConnectionCredentials", "s", "a{sv}", driver_get_credentials, METHOD_ANY_PATH },
        { NULL, NULL, NULL, NULL, 0 },
};

static const SignalEntry signals[] = {
        { "NameOwnerChanged", "sss" },
        { "NameLost", "s" },
        { "NameAcquired", "s" },
        { "ActivatableServicesChanged", "" },
        { NULL, NULL },
};

static const PropertyEntry properties[] = {
        { "Features", "as", get_features, true },
        { "Interfaces", "as", get_interfaces, true },
        { NULL, NULL, NULL, false },
};

const MethodTable driver_bus_interface = {
        .interface = DBUS_BUS_NAME,
        .methods = methods,
        .signals = signals,
        .properties = properties,
        .any_path = true,
};
