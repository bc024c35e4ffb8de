/* SPDX-License-Identifier: MIT */
/*
 * Clients: from accept() through authentication and Hello to the end.
 *
 * A connection is read when epoll says so, once a turn. When the read filled its buffer it is
 * "busy" and read again in the next turn, after all others had theirs; when what it has sent
 * already waits for slow receivers beyond its limit, or it does not read what the bus answers, it
 * is "paused" until that has changed. Sockets are edge-triggered: whatever was not read until
 * EAGAIN or a short read must be on one of these two lists.
 *
 * Closing only marks: registries are left and memory is freed at the end of the turn, so that
 * nobody who holds a Connection in this turn has it taken away.
 */
#include "bus/connection.h"

#include "base/log.h"
#include "bus/console.h"
#include "containers/registry.h"
#include "policy/service-grants.h"

#include <errno.h>
#include <sys/socket.h>

#define READ_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)
#define MAX_BEFORE_HELLO                                                                           \
        (64u << 10) /* bytes of a message of who has no name, and counts for no user */

struct ConnectionUser {
        HashNode node; /* in Bus.users */
        uid_t uid;
        unsigned n_connections;
        uint64_t n_queued; /* bytes that wait for its uncontained connections */
};

static void connection_ready(LoopSource *source, uint32_t events);
static void read_busy(LoopWork *work);

/* --- connections of one user --- */

static ConnectionUser *user_find(const Bus *bus, uid_t uid) {
        HASH_TABLE_FOREACH_MATCH(node, &bus->users, hash_u64(uid)) {
                ConnectionUser *user = CONTAINER_OF(node, ConnectionUser, node);

                if (user->uid == uid)
                        return user;
        }
        return NULL;
}

static ConnectionUser *user_charge(Bus *bus, uid_t uid) {
        ConnectionUser *user = user_find(bus, uid);

        if (!user) {
                user = g_new0(ConnectionUser, 1);
                user->uid = uid;
                hash_table_add(&bus->users, &user->node, hash_u64(uid));
        }
        user->n_connections++;
        return user;
}

static void user_refund(Bus *bus, ConnectionUser *user) {
        if (!user || --user->n_connections > 0)
                return;
        hash_table_remove(&bus->users, &user->node);
        g_free(user);
}

unsigned connection_count_of_uid(const Bus *bus, uid_t uid) {
        const ConnectionUser *user = user_find(bus, uid);

        return user ? user->n_connections : 0;
}

/* --- start --- */

static uint64_t auth_deadline(Bus *bus) {
        return loop_now_usec(bus->loop) + bus->config->limits.auth_timeout * 1000;
}

static void log_expired(const Connection *connection, const char *text, const char *limit,
                        uint64_t value) {
        Bus *bus = connection->bus;
        unsigned n_left_out;

        if (!log_rate_allow(&bus->expiry_rate, loop_now_usec(bus->loop), &n_left_out))
                return;
        LogRecord *record = log_record_new(LOG_LEVEL_NOTICE, text);
        log_record_add(record, "Sender", connection->unique[0] ? connection->unique : NULL);
        log_record_add_number(record, "PID", (uint64_t)connection->identity->pid);
        log_record_add(record, "Limit", limit);
        log_record_add_number(record, "Value", value);
        if (n_left_out > 0)
                log_record_add_number(record, "LeftOut", n_left_out);
        log_record_submit(record);
}

static void auth_expired(LoopTimer *timer) {
        Connection *connection = CONTAINER_OF(timer, Connection, auth_timer);

        log_expired(connection,
                    "closed a connection that has not authenticated and said Hello in time",
                    "auth_timeout", connection->bus->config->limits.auth_timeout);
        connection_close(connection);
}

void connection_set_limits(Connection *connection) {
        const ConfigLimits *limits = &connection->bus->config->limits;
        uint32_t most = connection->id == 0 ? MAX_BEFORE_HELLO : PROTOCOL_MAX_MESSAGE;

        connection->transport.max_message = (uint32_t)MIN(limits->max_message_size, most);
        connection->transport.max_fds = (uint32_t)MIN(limits->max_message_unix_fds, FDSET_MAX);
}

static void attach_instance(Connection *connection, Instance *instance) {
        connection->instance = instance_ref(instance);
        list_append(&instance->connections, &connection->of_instance);
        connection->quota.parent = &instance->quota;
        connection->subject.container = container_policy_ref(instance->policy);
}

static Connection *connection_new(Bus *bus, int fd, Identity *identity) {
        Connection *connection = g_new0(Connection, 1);

        connection->bus = bus;
        connection->identity = identity;
        connection->source.fd = -1;
        quota_init(&connection->quota, NULL, &bus->limits, 1);
        transport_init(&connection->transport, fd, &connection->quota);
        connection_set_limits(connection);
        name_owner_init(&connection->names, &connection->quota);
        match_owner_init(&connection->matches);
        list_init(&connection->sees);
        list_init(&connection->seen_by);
        connection->subject.identity = identity;
        connection->subject.names = &connection->names.set;
        list_append(&bus->all, &connection->all);
        bus->n_incomplete++;
        return connection;
}

/* Whoever comes over a container's socket proves who it is with EXTERNAL, whatever the
 * configuration allows others. */
static void start_sasl(Connection *connection, const char *guid) {
        SaslMechanisms mechanisms = connection->instance
                                            ? SASL_EXTERNAL
                                            : config_get_mechanisms(connection->bus->config);

        connection->sasl = g_new0(Sasl, 1);
        sasl_init(connection->sasl, mechanisms, connection->identity->uid, guid, true);
}

/*
 * Why the socket of @instance does not take this peer. Of one that takes none any more there is
 * nothing to tell.
 */
static void report_refusal(Bus *bus, Instance *instance, Identity *identity) {
        PolicyVerdict verdict = { .layer = POLICY_LAYER_CONTAINER };
        g_autofree char *rule = NULL;
        const char *limit = NULL;
        uint64_t value;

        if (instance->state != INSTANCE_LISTENING)
                return;
        if (instance_allows_uid(instance, identity->uid))
                limit = registry_find_limit(bus->registry, instance, &value);
        if (limit) {
                verdict.layer = POLICY_LAYER_LIMIT;
                verdict.rule = rule = quota_format_limit(NULL, limit, value);
        }
        bus->hooks.connect_denied(bus, identity, instance, &verdict);
}

Connection *connection_accept(Bus *bus, int fd, Identity *identity, Instance *instance) {
        if (instance && !registry_connection_opened(bus->registry, instance, identity->uid)) {
                report_refusal(bus, instance, identity);
                identity_unref(identity);
                close(fd);
                return NULL;
        }
        Connection *connection = connection_new(bus, fd, identity);
        if (instance)
                attach_instance(connection, instance);
        start_sasl(connection, bus->guid);
        loop_arm(bus->loop, &connection->auth_timer, auth_deadline(bus), auth_expired);
        if (loop_add(bus->loop, &connection->source, fd, READ_EVENTS, connection_ready) < 0) {
                connection_close(connection);
                return NULL;
        }
        return connection;
}

static void leave_incomplete(Connection *connection) {
        connection->bus->n_incomplete--;
        loop_disarm(&connection->auth_timer);
        if (connection->bus->hooks.place_free)
                connection->bus->hooks.place_free(connection->bus);
}

bool connection_register(Connection *connection) {
        Bus *bus = connection->bus;
        const ConfigLimits *limits = &bus->config->limits;
        uid_t uid = connection->identity->uid;

        if (bus->n_completed >= limits->max_completed_connections ||
            connection_count_of_uid(bus, uid) >= limits->max_connections_per_user)
                return false;
        leave_incomplete(connection);
        bus->n_completed++;
        bus->n_peak_connections = MAX(bus->n_peak_connections, bus->n_completed);
        connection->user = user_charge(bus, uid);
        /* a container has a limit of its own for all of its connections */
        if (!connection->instance)
                transport_set_user(&connection->transport, &connection->user->n_queued);
        connection->id = connection->subject.id = ++bus->last_id;
        g_snprintf(connection->unique, sizeof connection->unique, ":1.%" G_GUINT64_FORMAT,
                   connection->id - 1);
        hash_table_add(&bus->connections, &connection->by_id, hash_u64(connection->id));
        name_owner_set_unique(&connection->names, wire_string(connection->unique));
        connection->transport.account =
                (ShareAccount){ .user = connection->instance ? (uintptr_t)connection->instance
                                                             : uid,
                                .sender = connection->id };
        connection_set_limits(connection);
        reply_peer_init(&connection->replies, &connection->quota, connection->id);
        message_stamp_init(&connection->stamp, connection->unique,
                           connection->instance ? connection->instance->path : "/");
        connection->state = CONNECTION_ACTIVE;
        connection_update_form(connection);
        return true;
}

/* NULL for a peer of whom policy shall know nothing. */
static Identity *known_identity(const Connection *connection) {
        return connection->identity->uid == IDENTITY_NO_UID ? NULL : connection->identity;
}

void connection_refresh_policy(Connection *connection) {
        PolicySnapshot *old = connection->subject.snapshot;
        Policy *policy = connection->bus->policy;
        Identity *identity = known_identity(connection);
        bool at_console =
                identity && policy_needs_console(policy) && console_has_user(identity->uid);

        connection->subject.snapshot = policy_get_snapshot(policy, identity, at_console);
        g_clear_pointer(&old, policy_snapshot_unref);
}

void connection_update_form(Connection *connection) {
        connection->form = connection->asked_form;
        if (connection->bus->config->containers_header_always ||
            connection->state == CONNECTION_MONITOR)
                connection->form |= STAMP_SENDER_AND_CONTAINER;
}

void connection_hold(Connection *connection) {
        connection->is_held = true;
}

/* It is among the paused ones, which are looked at when this turn ends. */
void connection_release(Connection *connection) {
        connection->is_held = false;
}

/* --- reading --- */

static void set_busy(Connection *connection, ListNode *list) {
        Bus *bus = connection->bus;

        list_remove(&connection->busy);
        list_append(list, &connection->busy);
        if (list == &bus->busy)
                loop_defer(bus->loop, &bus->busy_work, read_busy);
}

/* The peer is who it says, but may it connect? */
static bool admit(Connection *connection) {
        Bus *bus = connection->bus;
        PolicyVerdict verdict;

        if (!policy_decide_connect(bus->policy, known_identity(connection), bus->uid, &verdict)) {
                bus->hooks.connect_denied(bus, connection->identity, connection->instance,
                                          &verdict);
                return false;
        }
        connection->state = CONNECTION_AUTHENTICATED;
        if (connection->instance)
                registry_connection_authenticated(bus->registry, connection->instance);
        connection_refresh_policy(connection);
        return true;
}

static void now_known(AccountsPeer *peer) {
        Connection *connection = CONTAINER_OF(peer, Connection, accounts);

        connection_release(connection);
        if (!admit(connection))
                connection_close(connection);
}

/* BEGIN has come. Whether the policy speaks of this user may have to be asked first. */
static bool authenticated(Connection *connection) {
        g_autofree Sasl *sasl = g_steal_pointer(&connection->sasl);
        Accounts *accounts = connection->bus->accounts;

        connection->transport.reads_fds = sasl->fds_agreed;
        if (sasl->anonymous)
                identity_make_anonymous(connection->identity);
        else if (accounts && accounts_must_wait(accounts, &connection->accounts,
                                                connection->identity, now_known)) {
                connection_hold(connection);
                return true;
        }
        return admit(connection);
}

static bool continue_auth(Connection *connection) {
        g_autoptr(GString) output = g_string_new(NULL);
        size_t n_input;
        const uint8_t *input = transport_peek(&connection->transport, &n_input);

        transport_consume(&connection->transport,
                          sasl_feed(connection->sasl, input, n_input, output));
        if (output->len > 0) {
                transport_append_bytes(&connection->transport, output->str, output->len);
                if (!list_is_linked(&connection->touched))
                        list_append(&connection->bus->touched, &connection->touched);
        }
        if (connection->sasl->state == SASL_FAILED)
                return false;
        return connection->sasl->state != SASL_DONE || authenticated(connection);
}

/*
 * Whoever has hung up can send no more than the socket holds by now, and all of it was sent before.
 */
static bool must_wait(const Connection *connection) {
        return connection->is_held ||
               (transport_owes_too_much(&connection->transport) && !connection->peer_hung_up);
}

/* Messages of one read, each all the way through the router. */
static TransportResult route_messages(Connection *connection) {
        TransportResult result;
        Message message;

        while ((result = transport_next(&connection->transport, &message)) == TRANSPORT_OK) {
                connection->bus->hooks.message(connection->bus, connection, &message);
                message_clear(&message);
                if (connection->state == CONNECTION_CLOSED)
                        return TRANSPORT_CLOSED;
                if (G_UNLIKELY(must_wait(connection))) {
                        transport_hold(&connection->transport);
                        return TRANSPORT_OK;
                }
        }
        if (result != TRANSPORT_MORE)
                return result;
        return transport_read_done(&connection->transport);
}

static TransportResult handle_input(Connection *connection) {
        if (connection->sasl && !continue_auth(connection))
                return TRANSPORT_CLOSED;
        /* bytes before BEGIN are lines, never the start of a message */
        if (connection->sasl)
                return transport_keep_bytes(&connection->transport, SASL_MAX_LINE);
        if (G_UNLIKELY(connection->is_held)) {
                transport_hold(&connection->transport);
                return TRANSPORT_OK;
        }
        return route_messages(connection);
}

static void pending_fds_expired(LoopTimer *timer) {
        Connection *connection = CONTAINER_OF(timer, Connection, auth_timer);

        log_expired(connection, "closed a connection whose descriptors came without their message",
                    "pending_fd_timeout", connection->bus->config->limits.pending_fd_timeout);
        connection_close(connection);
}

/* Descriptors must not be parked in half a message for longer than pending_fd_timeout. */
static void watch_pending_fds(Connection *connection) {
        Bus *bus = connection->bus;

        if (connection->id == 0)
                return;
        if (connection->transport.n_in_fds == 0)
                loop_disarm(&connection->auth_timer);
        else if (!list_is_linked(&connection->auth_timer.node))
                loop_arm(bus->loop, &connection->auth_timer,
                         loop_now_usec(bus->loop) + bus->config->limits.pending_fd_timeout * 1000,
                         pending_fds_expired);
}

static void connection_read(Connection *connection) {
        Bus *bus = connection->bus;

        if (must_wait(connection)) {
                set_busy(connection, &bus->paused);
                return;
        }
        if (!input_arena_has_room(&bus->arena)) {
                set_busy(connection, &bus->busy);
                return;
        }
        list_remove(&connection->busy);
        TransportResult result = transport_read(&connection->transport, &bus->arena);
        if (result == TRANSPORT_OK)
                result = handle_input(connection);
        if (result != TRANSPORT_OK && result != TRANSPORT_MORE) {
                connection_close(connection);
                return;
        }
        if (G_UNLIKELY(connection->transport.is_broken) && !connection->transport.is_busy) {
                connection_close(connection);
                return;
        }
        watch_pending_fds(connection);
        if (connection->transport.is_busy || connection->peer_hung_up)
                set_busy(connection, &bus->busy);
}

static void read_busy(LoopWork *work) {
        Bus *bus = CONTAINER_OF(work, Bus, busy_work);
        ListNode turn;

        list_init(&turn);
        list_move_all(&turn, &bus->busy);
        while (!list_is_empty(&turn)) {
                Connection *connection = CONTAINER_OF(turn.next, Connection, busy);

                list_remove(&connection->busy);
                connection_read(connection);
        }
}

/* Sends, and waits for room if there is none. Return: false when the peer is gone. */
static bool send_out(Connection *connection) {
        Transport *transport = &connection->transport;
        bool was_congested = transport->congested;

        if (transport_flush(transport) != TRANSPORT_OK)
                return false;
        if (transport->congested != was_congested || transport->wants_rearm)
                loop_modify(connection->bus->loop, &connection->source,
                            transport->congested ? READ_EVENTS | EPOLLOUT : READ_EVENTS);
        return true;
}

/*
 * Whoever cannot be sent to has gone, perhaps right after it had said something: that is read to
 * its end first.
 */
static void flush(Connection *connection) {
        if (send_out(connection) || connection->state == CONNECTION_CLOSED)
                return;
        connection->peer_hung_up = true;
        set_busy(connection, &connection->bus->busy);
}

static void connection_ready(LoopSource *source, uint32_t events) {
        Connection *connection = CONTAINER_OF(source, Connection, source);

        if (events & EPOLLOUT)
                flush(connection);
        if (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR))
                connection->peer_hung_up = true;
        if (connection->state != CONNECTION_CLOSED && (events & ~(uint32_t)EPOLLOUT))
                connection_read(connection);
}

/* --- sending --- */

bool connection_send(Connection *connection, const Message *message, const MessageStamp *stamp,
                     StampForm form, Transport *sender) {
        if (!transport_append(&connection->transport, message, stamp, form, sender))
                return false;
        /* whoever is gone is closed when the turn ends: nobody's connection goes while it is
         * handled */
        if (G_UNLIKELY(transport_wants_flush(&connection->transport)))
                (void)send_out(connection);
        if (!list_is_linked(&connection->touched))
                list_append(&connection->bus->touched, &connection->touched);
        return true;
}

static void flush_touched(Bus *bus) {
        while (!list_is_empty(&bus->touched)) {
                Connection *connection = CONTAINER_OF(bus->touched.next, Connection, touched);

                list_remove(&connection->touched);
                if (!connection->transport.congested || connection->transport.is_broken)
                        flush(connection);
        }
}

/* --- end --- */

void connection_close(Connection *connection) {
        Bus *bus = connection->bus;
        bool was_authenticated = connection->state != CONNECTION_AUTHENTICATING;

        if (connection->state == CONNECTION_CLOSED)
                return;
        /* what was said before, an error perhaps, still goes out if the socket takes it */
        if (list_is_linked(&connection->touched) && !connection->transport.congested)
                (void)transport_flush(&connection->transport);
        if (connection->id == 0)
                leave_incomplete(connection);
        loop_disarm(&connection->auth_timer);
        if (bus->accounts)
                accounts_forget(bus->accounts, &connection->accounts);
        loop_remove(bus->loop, &connection->source);
        connection->state = CONNECTION_CLOSED;
        list_remove(&connection->touched);
        list_remove(&connection->busy);
        list_remove(&connection->all);
        list_append(&bus->gone, &connection->all);
        if (connection->instance) {
                list_remove(&connection->of_instance);
                registry_connection_closed(bus->registry, connection->instance, was_authenticated);
        }
}

static void unregister(Connection *connection) {
        Bus *bus = connection->bus;

        if (connection->id == 0)
                return;
        bus->hooks.connection_gone(bus, connection);
        list_remove(&connection->monitor);
        hash_table_remove(&bus->connections, &connection->by_id);
        transport_set_user(&connection->transport, NULL);
        user_refund(bus, connection->user);
        bus->n_completed--;
}

static void connection_free(Connection *connection) {
        unregister(connection);
        list_remove(&connection->all);
        name_owner_clear(&connection->names);
        identity_detach(connection->identity);
        if (connection->instance)
                traffic_add(&connection->instance->past_traffic, &connection->transport.traffic);
        transport_clear(&connection->transport);
        quota_clear(&connection->quota);
        g_clear_pointer(&connection->subject.snapshot, policy_snapshot_unref);
        g_clear_pointer(&connection->subject.container, container_policy_unref);
        g_clear_pointer(&connection->subject.grants, service_grants_free);
        instance_unref(connection->instance);
        identity_unref(connection->identity);
        g_free(connection->stamp.facts);
        g_free(connection->sasl);
        g_free(connection);
}

static void resume_paused(Bus *bus) {
        LIST_FOREACH(node, &bus->paused) {
                Connection *connection = CONTAINER_OF(node, Connection, busy);

                if (!must_wait(connection))
                        set_busy(connection, &bus->busy);
        }
}

void connection_end_turn(Bus *bus) {
        while (!list_is_empty(&bus->touched) || !list_is_empty(&bus->gone)) {
                flush_touched(bus);
                /* a connection that goes is announced, which touches others */
                if (!list_is_empty(&bus->gone))
                        connection_free(CONTAINER_OF(bus->gone.next, Connection, all));
        }
        input_arena_reset(&bus->arena);
        if (G_UNLIKELY(!list_is_empty(&bus->paused)))
                resume_paused(bus);
}

void connection_become_monitor(Connection *connection) {
        Bus *bus = connection->bus;

        bus->hooks.connection_gone(bus, connection);
        connection->state = CONNECTION_MONITOR;
        connection_update_form(connection);
        list_append(&bus->monitors, &connection->monitor);
}

/* --- look-up --- */

Connection *connection_find_by_id(const Bus *bus, uint64_t id) {
        HASH_TABLE_FOREACH_MATCH(node, &bus->connections, hash_u64(id)) {
                Connection *connection = CONTAINER_OF(node, Connection, by_id);

                if (connection->id == id)
                        return connection;
        }
        return NULL;
}

/* Id of the connection with this unique name, 0 if it is none of ours: ":1.", and the id less one
 * in decimal. */
static uint64_t parse_unique(WireString name) {
        uint64_t id = 0;

        if (name.length < 4 || name.length > 22 || memcmp(name.data, ":1.", 3) != 0)
                return 0;
        if (name.data[3] == '0' && name.length > 4)
                return 0;
        for (uint32_t i = 3; i < name.length; i++) {
                if (name.data[i] < '0' || name.data[i] > '9')
                        return 0;
                id = id * 10 + (uint64_t)(name.data[i] - '0');
        }
        return id + 1;
}

Connection *connection_find(const Bus *bus, WireString name) {
        if (name.length > 0 && name.data[0] == ':') {
                uint64_t id = parse_unique(name);
                Connection *connection = id ? connection_find_by_id(bus, id) : NULL;

                return connection && connection_is_active(connection) ? connection : NULL;
        }
        const Name *found = names_find(&bus->names, name);
        return found ? connection_of_names(name_get_primary(found)) : NULL;
}

bool connection_is_privileged(const Connection *connection) {
        const Identity *identity = connection->identity;

        return !connection->instance &&
               (identity->uid == 0 || identity->uid == connection->bus->uid);
}
