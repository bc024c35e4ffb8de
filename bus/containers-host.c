/* SPDX-License-Identifier: MIT */
/*
 * The operations of ContainersHost, on the bus's acceptors, loop, connections and router. The
 * connections of an instance are in a list of it, so that closing them does not search.
 */
#include "bus/containers-host.h"

#include "base/log.h"
#include "bus/acceptor.h"
#include "bus/connection.h"
#include "bus/denials.h"
#include "bus/driver.h"
#include "bus/router.h"
#include "bus/sightings.h"
#include "containers/interface.h"
#include "containers/listen-socket.h"
#include "policy/container-policy.h"

#include <unistd.h>

struct ContainersState {
        ContainersHost host;
        GHashTable *acceptors; /* owned; Instance to InstanceListener */
        LogRate failure_rate;  /* of servers that ended by themselves, whose manager may be gone */
};

typedef struct InstanceListener {
        int fd;             /* owned */
        Acceptor *acceptor; /* owned */
} InstanceListener;

typedef struct Watch {
        LoopSource source;
        Loop *loop;
        void (*ready)(void *user);
        void *user;
} Watch;

static void instance_listener_free(void *data) {
        InstanceListener *listener = data;

        acceptor_free(listener->acceptor);
        close(listener->fd);
        g_free(listener);
}

static int listen_add(void *host, Instance *instance, int fd) {
        Bus *bus = host;
        int error = 0;
        Acceptor *acceptor;

        list_init(&instance->connections);
        acceptor = acceptor_new(bus, fd, listen_socket_accept, instance, &error);
        if (!acceptor)
                return error;
        InstanceListener *listener = g_new(InstanceListener, 1);
        *listener = (InstanceListener){ .fd = fd, .acceptor = acceptor };
        g_hash_table_insert(bus->containers->acceptors, instance, listener);
        return 0;
}

/*
 * Closes those connections of @instance that have not authenticated, or all. A closed one leaves
 * whatever list it is in; closing the last may come back here for the same instance.
 */
static void close_connections(Instance *instance, bool only_unauthenticated) {
        ListNode todo;

        list_init(&todo);
        list_move_all(&todo, &instance->connections);
        while (!list_is_empty(&todo)) {
                Connection *connection = CONTAINER_OF(todo.next, Connection, of_instance);

                list_remove(&connection->of_instance);
                list_append(&instance->connections, &connection->of_instance);
                if (!only_unauthenticated || connection->state == CONNECTION_AUTHENTICATING)
                        connection_close(connection);
        }
}

static void listen_remove(void *host, Instance *instance) {
        Bus *bus = host;

        if (g_hash_table_remove(bus->containers->acceptors, instance))
                close_connections(instance, true);
}

static void disconnect_instance(void *host, Instance *instance) {
        (void)host;
        /* it never listened, and so never had a list, when its ReadyNotify did not come */
        if (list_is_linked(&instance->connections))
                close_connections(instance, false);
}

static void watch_ready(LoopSource *source, uint32_t events) {
        Watch *watch = CONTAINER_OF(source, Watch, source);

        (void)events;
        loop_remove(watch->loop, source);
        watch->ready(watch->user);
}

static int watch_add(void *host, int fd, void (*ready)(void *user), void *user, void **ret_watch) {
        Bus *bus = host;
        g_autofree Watch *watch = g_new0(Watch, 1);
        int r;

        watch->loop = bus->loop;
        watch->ready = ready;
        watch->user = user;
        r = loop_add(bus->loop, &watch->source, fd, EPOLLIN | EPOLLRDHUP, watch_ready);
        if (r < 0)
                return r;
        *ret_watch = g_steal_pointer(&watch);
        return 0;
}

static void watch_remove(void *host, void *data) {
        Bus *bus = host;
        Watch *watch = data;

        loop_remove(bus->loop, &watch->source);
        g_free(watch);
}

static bool is_in_audience(Connection *receiver, void *user) {
        const ContainersAudience *audience = user;

        if (connection_is_contained(receiver))
                return false;
        if (!audience->by_uid || connection_is_privileged(receiver))
                return true;
        /* two without a uid are not the same user */
        return audience->uid != IDENTITY_NO_UID && receiver->identity->uid == audience->uid;
}

static void emit_signal(void *host, const char *member, Writer *body,
                        const ContainersAudience *audience) {
        router_broadcast_signal(host, CONTAINERS_INTERFACE, member, body, is_in_audience,
                                (void *)audience);
}

static ContainersPeer find_peer(void *host, void *caller, WireString bus_name) {
        Bus *bus = host;

        if (wire_string_is(bus_name, DBUS_BUS_NAME))
                return (ContainersPeer){ .exists = true, .visible = true };
        const Connection *peer = connection_find(bus, bus_name);
        if (!peer)
                return (ContainersPeer){ 0 };
        return (ContainersPeer){ .exists = true,
                                 .visible = containers_host_sees_name(bus, caller, bus_name),
                                 .instance = peer->instance };
}

static Instance *instance_of(void *host, void *connection) {
        (void)host;
        return ((Connection *)connection)->instance;
}

static ServiceGrants **grants_of(void *host, void *connection) {
        (void)host;
        return &((Connection *)connection)->subject.grants;
}

static void request_header(void *host, void *connection) {
        Connection *caller = connection;

        (void)host;
        caller->asked_form |= STAMP_SENDER_AND_CONTAINER;
        connection_update_form(caller);
}

static void request_facts(void *host, void *connection, StampForm facts) {
        Connection *caller = connection;

        (void)host;
        caller->asked_form = (caller->asked_form & ~(StampForm)STAMP_FACTS) | facts;
        connection_update_form(caller);
}

static void limit_reached(void *host, const MethodCall *call, const Instance *instance,
                          const char *rule) {
        denials_report_limit(host, call, instance, rule);
}

static void server_failed(void *host, const Instance *instance, const char *reason, int error) {
        Bus *bus = host;
        unsigned n_left_out;

        if (!log_rate_allow(&bus->containers->failure_rate, loop_now_usec(bus->loop), &n_left_out))
                return;
        LogRecord *record = log_record_new(LOG_LEVEL_WARNING, "container server removed");
        log_record_add(record, "Path", instance->path);
        log_record_add(record, "Type", instance->type);
        log_record_add(record, "AppId", instance->app_id);
        log_record_add(record, "InstanceId", instance->instance_id);
        log_record_add(record, "Reason", reason);
        if (error != 0)
                log_record_add(record, "Error", g_strerror(error));
        if (n_left_out > 0)
                log_record_add_number(record, "LeftOut", n_left_out);
        log_record_submit(record);
}

static void server_removed(void *host, Instance *instance) {
        (void)host;
        denials_report_left_out(instance);
}

void containers_host_reload(Bus *bus) {
        bus->containers->host.config = bus->config;
        bus->containers->host.bus_uid = bus->uid;
}

void containers_host_new(Bus *bus) {
        bus->containers = g_new0(ContainersState, 1);
        bus->containers->acceptors =
                g_hash_table_new_full(NULL, NULL, NULL, instance_listener_free);
        bus->containers->host = (ContainersHost){ .host = bus,
                                                  .bus_uid = bus->uid,
                                                  .guid = bus->guid,
                                                  .config = bus->config,
                                                  .quota_limits = &bus->limits,
                                                  .listen_add = listen_add,
                                                  .listen_remove = listen_remove,
                                                  .watch_add = watch_add,
                                                  .watch_remove = watch_remove,
                                                  .disconnect_instance = disconnect_instance,
                                                  .emit_signal = emit_signal,
                                                  .find_peer = find_peer,
                                                  .instance_of = instance_of,
                                                  .grants_of = grants_of,
                                                  .request_header = request_header,
                                                  .request_facts = request_facts,
                                                  .limit_reached = limit_reached,
                                                  .server_failed = server_failed,
                                                  .server_removed = server_removed };
        bus->registry = registry_new(&bus->containers->host);
        driver_add_table(bus, &containers_interface, bus->registry);
}

void containers_host_stop(Bus *bus) {
        registry_shutdown(bus->registry);
}

void containers_host_free(Bus *bus) {
        g_clear_pointer(&bus->registry, registry_free);
        g_hash_table_unref(bus->containers->acceptors);
        g_clear_pointer(&bus->containers, g_free);
}

/* A unique name is seen with its connection, a well-known one by itself: each may be covered
 * without the other. */
bool containers_host_sees_name(Bus *bus, Connection *observer, WireString name) {
        if (!connection_is_contained(observer) || wire_string_is(name, DBUS_BUS_NAME))
                return true;
        const Connection *owner = connection_find(bus, name);
        bool is_unique = name.length > 0 && name.data[0] == ':';
        if (!owner)
                return !is_unique && container_policy_sees_name(observer->subject.container, name);
        if (owner->instance == observer->instance)
                return true;
        if (!is_unique)
                return container_policy_sees_owned_name(&observer->subject, name, &owner->subject);
        return container_policy_sees(&observer->subject, &owner->subject) ||
               sightings_has(observer, owner);
}
