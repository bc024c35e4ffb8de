/* SPDX-License-Identifier: MIT */
/*
 * Statistics, with the keys of the reference implementation, for people who look for a leak or a
 * flood.
 *
 * Everything is read where it is counted anyway, which is mostly the quotas. What the reference
 * implementation tells of its own allocator is 0 here: there is no such allocator.
 */
#include "bus/driver-stats.h"

#include "bus/deliveries.h"
#include "bus/driver.h"
#include "bus/grant-list.h"
#include "containers/registry.h"

#define CLAMP_U32(value) ((uint32_t)MIN((uint64_t)(value), UINT32_MAX))

static void add(Writer *reply, const char *key, uint64_t value) {
        writer_add_entry_u32(reply, key, CLAMP_U32(value));
}

/* Unique names count, as they do against max_names_per_connection. */
static void add_names(Writer *reply, const Bus *bus) {
        const DriverPeaks *peaks = driver_get_peaks(bus);

        add(reply, "BusNames", driver_count_names(bus));
        add(reply, "PeakBusNames", peaks->n_names);
        add(reply, "PeakBusNamesPerConnection", peaks->n_names_of_one);
}

static bool get_stats(MethodCall *call, void *user) {
        static uint32_t serial;
        const Bus *bus = user;
        const DriverPeaks *peaks = driver_get_peaks(bus);
        size_t mark = writer_open_array(call->reply, "{sv}");

        add(call->reply, "Serial", serial++);
        add(call->reply, "ListMemPoolUsedBytes", 0);
        add(call->reply, "ListMemPoolCachedBytes", 0);
        add(call->reply, "ListMemPoolAllocatedBytes", 0);
        add(call->reply, "ActiveConnections", bus->n_completed);
        add(call->reply, "IncompleteConnections", bus->n_incomplete);
        add(call->reply, "MatchRules", match_index_get_n_rules(bus->matches));
        add(call->reply, "PeakMatchRules", peaks->n_matches);
        add(call->reply, "PeakMatchRulesPerConnection", peaks->n_matches_of_one);
        add_names(call->reply, bus);
        writer_close_array(call->reply, mark);
        return true;
}

static void add_connection(Writer *reply, const Connection *peer) {
        const Quota *quota = &peer->quota;

        add(reply, "MatchRules", quota->used[QUOTA_MATCHES]);
        add(reply, "PeakMatchRules", quota->peak[QUOTA_MATCHES]);
        add(reply, "BusNames", quota->used[QUOTA_NAMES]);
        add(reply, "PeakBusNames", quota->peak[QUOTA_NAMES]);
        writer_add_entry_string(reply, "UniqueName", peer->unique);
        add(reply, "IncomingBytes", quota->used[QUOTA_INCOMING_BYTES]);
        add(reply, "IncomingFDs", quota->used[QUOTA_INCOMING_FDS]);
        add(reply, "PeakIncomingBytes", quota->peak[QUOTA_INCOMING_BYTES]);
        add(reply, "PeakIncomingFDs", quota->peak[QUOTA_INCOMING_FDS]);
        add(reply, "OutgoingBytes", quota->used[QUOTA_OUTGOING_BYTES]);
        add(reply, "OutgoingFDs", quota->used[QUOTA_OUTGOING_FDS]);
        add(reply, "PeakOutgoingBytes", quota->peak[QUOTA_OUTGOING_BYTES]);
        add(reply, "PeakOutgoingFDs", quota->peak[QUOTA_OUTGOING_FDS]);
}

static bool get_connection_stats(MethodCall *call, void *user) {
        static uint32_t serial;
        Connection *peer;
        WireString name;
        size_t mark;

        if (!driver_find_peer(user, call, &name, &peer))
                return false;
        if (!peer)
                return method_fail(call, ERROR_INVALID_ARGS, "The bus is no connection of itself");
        mark = writer_open_array(call->reply, "{sv}");
        add(call->reply, "Serial", serial++);
        add_connection(call->reply, peer);
        writer_close_array(call->reply, mark);
        return true;
}

static Traffic traffic_of(const Instance *instance) {
        Traffic sum = instance->past_traffic;

        if (!list_is_linked(&instance->connections))
                return sum;
        LIST_FOREACH(node, &instance->connections)
                traffic_add(&sum, &CONTAINER_OF(node, Connection, of_instance)->transport.traffic);
        return sum;
}

static void add_traffic(Writer *reply, const Instance *instance) {
        Traffic traffic = traffic_of(instance);

        writer_add_entry_u64(reply, "MessagesReceived", traffic.n_in_messages);
        writer_add_entry_u64(reply, "BytesReceived", traffic.n_in_bytes);
        writer_add_entry_u64(reply, "MessagesSent", traffic.n_out_messages);
        writer_add_entry_u64(reply, "BytesSent", traffic.n_out_bytes);
}

/* What was denied is for those who hear of it when it is. */
static void add_denials(Writer *reply, const Instance *instance, const Connection *caller) {
        writer_add_entry_u64(reply, "Denials", instance->denials.n_denials);
        if (!instance_is_managed_by(instance, caller->identity->uid, caller->bus->uid))
                return;
        writer_open_struct(reply, "{sv}");
        writer_add_string(reply, "RecentDenials");
        writer_open_variant(reply, "a(ssssut)");
        denial_history_write(&instance->denials, reply);
        writer_close_variant(reply);
        writer_close_struct(reply);
}

static const char *mode_of(const Instance *instance) {
        ContainerPolicyFlags flags = instance->policy->flags;

        if (flags & CONTAINER_POLICY_PERMISSIVE)
                return "permissive";
        return flags & CONTAINER_POLICY_UNRESTRICTED ? "unrestricted" : "restricted";
}

static void add_quota(Writer *reply, const Quota *quota) {
        add(reply, "MatchRules", quota->used[QUOTA_MATCHES]);
        add(reply, "BusNames", quota->used[QUOTA_NAMES]);
        add(reply, "PendingReplies", quota->used[QUOTA_REPLIES]);
        add(reply, "IncomingBytes", quota->used[QUOTA_INCOMING_BYTES]);
        add(reply, "IncomingFDs", quota->used[QUOTA_INCOMING_FDS]);
        add(reply, "OutgoingBytes", quota->used[QUOTA_OUTGOING_BYTES]);
        add(reply, "OutgoingFDs", quota->used[QUOTA_OUTGOING_FDS]);
        add(reply, "PeakOutgoingBytes", quota->peak[QUOTA_OUTGOING_BYTES]);
}

static bool read_instance(MethodCall *call, const Bus *bus, const Instance **ret_instance) {
        const Instance *instance;
        WireString path;

        if (!reader_get_path(&call->body, &path))
                return method_fail(call, ERROR_INVALID_ARGS, "An object path was expected");
        instance = registry_find(bus->registry, path);
        if (!instance)
                return method_fail(call, ERROR_NOT_CONTAINER, "There is no container server %.*s",
                                   DRIVER_TEXT(path));
        *ret_instance = instance;
        return true;
}

static bool get_container_stats(MethodCall *call, void *user) {
        const Instance *instance;
        const Bus *bus = user;
        size_t mark;

        if (!read_instance(call, bus, &instance))
                return false;
        mark = writer_open_array(call->reply, "{sv}");
        writer_add_entry_string(call->reply, "Mode", mode_of(instance));
        add(call->reply, "Connections", instance->n_connections);
        add_quota(call->reply, &instance->quota);
        add_traffic(call->reply, instance);
        add_denials(call->reply, instance, driver_caller(call));
        writer_close_array(call->reply, mark);
        return true;
}

static bool get_container_grants(MethodCall *call, void *user) {
        const Connection *caller = driver_caller(call);
        const Instance *instance;
        Bus *bus = user;

        if (!read_instance(call, bus, &instance))
                return false;
        if (!instance_is_managed_by(instance, caller->identity->uid, bus->uid))
                return method_fail(call, ERROR_ACCESS_DENIED,
                                   "Only its creator's user and root may ask what services allow a "
                                   "container");
        grant_list_write(bus, instance, call->reply);
        return true;
}

static bool watch_deliveries(MethodCall *call, void *user) {
        (void)user;
        deliveries_watch(driver_caller(call));
        return true;
}

static void write_rule(const MatchRule *rule, void *user) {
        g_autofree char *text = match_rule_to_text(rule);

        writer_add_string(user, text);
}

static void write_rules_of(Writer *reply, const Connection *connection) {
        size_t mark;

        writer_open_struct(reply, "{sas}");
        writer_add_string(reply, connection->unique);
        mark = writer_open_array(reply, "s");
        match_owner_foreach(&connection->matches, write_rule, reply);
        writer_close_array(reply, mark);
        writer_close_struct(reply);
}

static bool get_all_match_rules(MethodCall *call, void *user) {
        size_t mark = writer_open_array(call->reply, "{sas}");
        const Bus *bus = user;

        LIST_FOREACH(node, &bus->all) {
                const Connection *connection = CONTAINER_OF(node, Connection, all);

                if (connection_is_active(connection))
                        write_rules_of(call->reply, connection);
        }
        writer_close_array(call->reply, mark);
        return true;
}

static const MethodEntry methods[] = {
        { "GetStats", "", "a{sv}", get_stats, METHOD_UNCONTAINED },
        { "GetConnectionStats", "s", "a{sv}", get_connection_stats, METHOD_UNCONTAINED },
        { "GetContainerStats", "o", "a{sv}", get_container_stats, METHOD_UNCONTAINED },
        { "GetContainerGrants", "o", "a(usossu)", get_container_grants, METHOD_UNCONTAINED },
        { "WatchDeliveries", "", "", watch_deliveries, METHOD_PRIVILEGED },
        { "GetAllMatchRules", "", "a{sas}", get_all_match_rules, METHOD_UNCONTAINED },
        { NULL, NULL, NULL, NULL, 0 },
};

static const SignalEntry signals[] = {
        { "Delivered", "ossu" },
        { NULL, NULL },
};

const MethodTable driver_stats_interface = {
        .interface = DELIVERIES_INTERFACE,
        .methods = methods,
        .signals = signals,
};
