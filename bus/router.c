/* SPDX-License-Identifier: MIT */
/*
 * The trip of a message, as visible steps:
 *
 *      route -> to the driver    -> verdict -> driver
 *            -> to a name        -> find owner -> (start it) -> verdict -> reply slot -> send
 *            -> to whom it concerns (a signal) -> find by match rules -> verdict each -> send
 *
 * and, beside it, copies for monitors and eavesdroppers. A step returns an Outcome; anything but
 * OUTCOME_OK is turned into an error for the sender in one place.
 *
 * The rules which nobody sees but everybody relies on: messages are handled one after the other,
 * each completely, so that all receivers agree on their order; a reply slot exists only for a call
 * that was delivered, and is used up by its first answer, also by one that is denied.
 */
#include "bus/router.h"

#include "bus/outcome.h"
#include "bus/sender-facts.h"
#include "bus/sightings.h"

/*
 * What stands for a connection that has no unique name yet, as with the reference implementation.
 */
#define NAME_BEFORE_HELLO ":not.active.yet"

/* One message on its way. */
typedef struct Trip Trip;
struct Trip {
        Bus *bus;
        Connection *sender;    /* NULL: the bus */
        Connection *addressed; /* owner of the destination; NULL: none, or the driver */
        const Message *message;
        const MessageStamp *stamp; /* of the sender */
        RouterFilter filter;       /* NULL: everybody may have it */
        void *filter_user;
        PolicyVerdict verdict; /* of the last question */
};

static const PolicySubject *subject_of(const Connection *connection) {
        return connection ? &connection->subject : NULL;
}

static WireString unique_of(const Connection *connection) {
        return connection ? connection->names.set.unique : WIRE_STRING_LITERAL(DBUS_BUS_NAME);
}

static bool decide(Trip *trip, PolicyQuery *query) {
        query->sender = subject_of(trip->sender);
        query->addressed = subject_of(trip->addressed);
        query->message = trip->message;
        bool allowed = policy_decide(query, &trip->verdict);
        if (G_UNLIKELY(!allowed || trip->verdict.log) && !trip->verdict.filtered)
                trip->bus->hooks.denied(trip->bus, query, &trip->verdict);
        return allowed;
}

/* Facts are found out for the first receiver who wants them. Who has not said Hello has none. */
static G_GNUC_NO_INLINE void find_facts(const Trip *trip) {
        if (trip->stamp->facts)
                return;
        if (!trip->sender)
                sender_facts_set_bus(trip->bus);
        else if (trip->stamp == &trip->sender->stamp)
                sender_facts_set(trip->sender);
}

static inline StampForm form_for(const Trip *trip, const Connection *receiver) {
        if (G_UNLIKELY(receiver->form > STAMP_SENDER_AND_CONTAINER))
                find_facts(trip);
        return receiver->form;
}

static bool send_to(Trip *trip, Connection *receiver) {
        return connection_send(receiver, trip->message, trip->stamp, form_for(trip, receiver),
                               trip->sender ? &trip->sender->transport : NULL);
}

/* What somebody watches is not counted against who is watched. */
static void show_to(Trip *trip, Connection *watcher) {
        (void)connection_send(watcher, trip->message, trip->stamp, form_for(trip, watcher),
                              NULL);
}

/* --- monitors and eavesdroppers --- */

static MatchQuery match_query(const Trip *trip) {
        return (MatchQuery){ .message = &trip->message->view,
                             .sender_unique = unique_of(trip->sender),
                             .sender_names = trip->sender ? &trip->sender->names.set : NULL,
                             .receiver_names =
                                     trip->addressed ? &trip->addressed->names.set : NULL };
}

static void found_monitor(MatchOwner *owner, void *user) {
        Connection *monitor = CONTAINER_OF(owner, Connection, matches);
        Trip *trip = user;

        if (monitor->state == CONNECTION_MONITOR &&
            (!trip->message->fds || connection_can_receive_fds(monitor)))
                show_to(trip, monitor);
}

/* Monitors get every message, before it is known what becomes of it. */
static void capture(Trip *trip) {
        if (G_LIKELY(list_is_empty(&trip->bus->monitors)))
                return;
        MatchQuery query = match_query(trip);
        match_index_find(trip->bus->monitor_matches, &query, found_monitor, trip);
}

/*
 * What monitors see later than it came: a Hello with the name that it brings, and a message that
 * starts a service after the request to start it. Whatever the bus sends next comes after it.
 */
static void capture_later(Trip *trip) {
        if (G_UNLIKELY(!list_is_empty(&trip->bus->monitors)))
                trip->bus->uncaptured = trip;
}

static void capture_now(Bus *bus) {
        Trip *trip = g_steal_pointer(&bus->uncaptured);

        if (G_LIKELY(!trip))
                return;
        if (trip->sender->state == CONNECTION_ACTIVE)
                trip->stamp = &trip->sender->stamp;
        capture(trip);
}

/* An error that nobody but monitors sees; it answers @serial of @receiver. */
static void capture_error(Bus *bus, Connection *receiver, uint32_t serial, const char *error_name,
                          const char *text) {
        g_auto(Writer) body = { 0 };
        Message error;
        Trip report = {
                .bus = bus, .addressed = receiver, .message = &error, .stamp = &bus->stamp
        };

        if (G_LIKELY(list_is_empty(&bus->monitors)))
                return;
        capture_now(bus);
        writer_init(&body);
        writer_add_string(&body, text);
        writer_finish(&body,
                      &(MessageHeader){ .type = MESSAGE_TYPE_ERROR,
                                        .flags = MESSAGE_FLAG_NO_REPLY_EXPECTED,
                                        .serial = bus_next_serial(bus),
                                        .reply_serial = serial,
                                        .error_name = error_name,
                                        .destination = unique_of(receiver).data },
                      &error);
        capture(&report);
        message_clear(&error);
}

/* Monitors learn what a receiver did not get. */
static void capture_refusal(Trip *trip, Outcome outcome) {
        const MessageView *view = &trip->message->view;

        if (G_LIKELY(list_is_empty(&trip->bus->monitors)) || trip->verdict.filtered)
                return;
        g_autofree char *text = outcome_error_text(outcome, view, &trip->verdict);
        capture_error(trip->bus, trip->sender, view->serial, outcome_error_name(outcome, view),
                      text);
}

static void note_delivery(Trip *trip, const Connection *receiver) {
        Bus *bus = trip->bus;

        if (G_UNLIKELY(!list_is_empty(&bus->delivery_watchers)) &&
            connection_is_contained(receiver))
                bus->hooks.delivered(bus, trip->sender, receiver, trip->message);
}

static void send_copy(Trip *trip, Connection *receiver) {
        PolicyQuery query = { .receiver = &receiver->subject };

        if (receiver == trip->addressed || !connection_is_active(receiver))
                return;
        if (trip->filter && !trip->filter(receiver, trip->filter_user))
                return;
        if (!decide(trip, &query)) {
                capture_refusal(trip, OUTCOME_DENIED);
                return;
        }
        if (trip->message->fds && !connection_can_receive_fds(receiver)) {
                capture_refusal(trip, OUTCOME_NO_FDS);
                return;
        }
        /* a receiver whose queue is full loses broadcasts, nobody else does */
        if (trip->message->view.destination.data)
                show_to(trip, receiver);
        else if (send_to(trip, receiver))
                note_delivery(trip, receiver);
}

static void found_receiver(MatchOwner *owner, void *user) {
        send_copy(user, CONTAINER_OF(owner, Connection, matches));
}

static void send_to_eavesdroppers(Trip *trip) {
        if (G_LIKELY(!match_index_has_eavesdroppers(trip->bus->matches)))
                return;
        MatchQuery query = match_query(trip);
        query.eavesdrop = true;
        match_index_find(trip->bus->matches, &query, found_receiver, trip);
}

/* A match rule must not tell a contained receiver that a name it cannot see has this owner. */
static bool knows_sender(MatchOwner *owner, WireString name, void *user) {
        Connection *receiver = CONTAINER_OF(owner, Connection, matches);
        const Trip *trip = user;

        return !connection_is_contained(receiver) ||
               trip->bus->hooks.sees_name(trip->bus, receiver, name);
}

static Outcome broadcast(Trip *trip) {
        MatchQuery query = match_query(trip);

        query.knows_sender = knows_sender;
        match_index_find(trip->bus->matches, &query, found_receiver, trip);
        return OUTCOME_OK;
}

/* --- messages to one receiver --- */

static bool is_reply(const MessageView *view) {
        return view->type == MESSAGE_TYPE_METHOD_RETURN || view->type == MESSAGE_TYPE_ERROR;
}

static Outcome reserve_reply(Trip *trip) {
        Bus *bus = trip->bus;
        uint64_t now = bus->replies.timeout_usec == UINT64_MAX ? 0 : loop_now_usec(bus->loop);

        switch (replies_reserve(&bus->replies, &trip->sender->replies, &trip->addressed->replies,
                                trip->message->view.serial, now)) {
        case REPLY_OK:
                return OUTCOME_OK;
        case REPLY_DUPLICATE:
                return OUTCOME_SERIAL_IN_USE;
        case REPLY_QUOTA:
                return OUTCOME_TOO_MANY_CALLS;
        }
        g_assert_not_reached();
}

/* A call remembers that it may be answered; if it cannot be sent after all, nobody may. */
static Outcome send_call(Trip *trip) {
        Bus *bus = trip->bus;
        bool had_timeout = replies_next_deadline(&bus->replies) != UINT64_MAX;
        Outcome outcome = reserve_reply(trip);

        if (outcome != OUTCOME_OK)
                return outcome;
        if (!send_to(trip, trip->addressed)) {
                replies_consume(&bus->replies, replies_find(&bus->replies, &trip->sender->replies,
                                                            &trip->addressed->replies,
                                                            trip->message->view.serial));
                return OUTCOME_QUEUE_FULL;
        }
        if (G_UNLIKELY(!had_timeout && replies_next_deadline(&bus->replies) != UINT64_MAX))
                loop_arm(bus->loop, &bus->replies_timer, replies_next_deadline(&bus->replies),
                         bus->replies_timer.expired);
        return OUTCOME_OK;
}

/* Whoever waits for an answer that its container, or the other's, may not send is told so. */
static Outcome refuse_reply(Trip *trip, ReplySlot *slot) {
        uint32_t serial = slot ? slot->serial : 0;

        /* a denied answer was the answer: there will be no second try */
        if (slot)
                replies_consume(&trip->bus->replies, slot);
        if (trip->verdict.layer != POLICY_LAYER_CONTAINER &&
            !connection_is_contained(trip->sender) && !connection_is_contained(trip->addressed))
                return OUTCOME_DENIED;
        if (serial != 0)
                router_send_error_for(
                        trip->bus, trip->addressed, serial, ERROR_ACCESS_DENIED,
                        "The reply was denied by the policy of the bus");
        else
                capture_refusal(trip, OUTCOME_DENIED);
        return OUTCOME_OK;
}

static Outcome send_reply(Trip *trip) {
        Replies *replies = &trip->bus->replies;
        ReplySlot *slot = replies_find(replies, &trip->addressed->replies, &trip->sender->replies,
                                       trip->message->view.reply_serial);
        PolicyQuery query = { .receiver = &trip->addressed->subject,
                              .reply_expected = slot != NULL };

        if (!decide(trip, &query))
                return refuse_reply(trip, slot);
        if (trip->message->fds && !connection_can_receive_fds(trip->addressed))
                return OUTCOME_NO_FDS;
        if (!send_to(trip, trip->addressed))
                return OUTCOME_QUEUE_FULL;
        if (slot)
                replies_consume(replies, slot);
        send_to_eavesdroppers(trip);
        return OUTCOME_OK;
}

static Outcome send_unicast(Trip *trip) {
        PolicyQuery query = { .receiver = &trip->addressed->subject };
        Outcome outcome;

        if (is_reply(&trip->message->view))
                return send_reply(trip);
        if (connection_is_contained(trip->sender))
                query.was_addressed_before = sightings_has(trip->sender, trip->addressed);
        if (!decide(trip, &query))
                return trip->verdict.hidden ? OUTCOME_NO_OWNER : OUTCOME_DENIED;
        if (trip->message->fds && !connection_can_receive_fds(trip->addressed))
                return OUTCOME_NO_FDS;
        if (message_view_expects_reply(&trip->message->view))
                outcome = send_call(trip);
        else
                outcome = send_to(trip, trip->addressed) ? OUTCOME_OK : OUTCOME_QUEUE_FULL;
        if (outcome != OUTCOME_OK)
                return outcome;
        if (connection_is_contained(trip->addressed))
                sightings_add(trip->addressed, trip->sender);
        send_to_eavesdroppers(trip);
        return OUTCOME_OK;
}

/* The destination has no owner: start a service, if there is one and this sender may. */
static Outcome activate(Trip *trip) {
        Bus *bus = trip->bus;
        const MessageView *view = &trip->message->view;
        PolicyQuery query = { .activation = true };

        /* nobody starts unique names, and looking at the files takes time */
        if ((view->flags & MESSAGE_FLAG_NO_AUTO_START) || view->destination.data[0] == ':' ||
            !bus->hooks.can_activate(bus, view->destination, &query.assumed_label))
                return OUTCOME_NO_OWNER;
        if (!decide(trip, &query))
                return trip->verdict.hidden ? OUTCOME_NO_OWNER : OUTCOME_DENIED;
        bus->hooks.activate(bus, trip->sender, trip->message);
        return OUTCOME_OK;
}

static Outcome to_name(Trip *trip) {
        trip->addressed = connection_find(trip->bus, trip->message->view.destination);
        if (trip->addressed)
                capture(trip);
        else
                capture_later(trip);
        if (trip->message->view.type > MESSAGE_TYPE_SIGNAL)
                return OUTCOME_UNKNOWN_TYPE;
        return trip->addressed ? send_unicast(trip) : activate(trip);
}

static bool is_hello(const MessageView *view) {
        return view->type == MESSAGE_TYPE_METHOD_CALL && wire_string_is(view->member, "Hello") &&
               (!view->interface.data || wire_string_is(view->interface, DBUS_BUS_NAME));
}

/* As with the reference implementation, monitors get what a signal leads to before the signal. */
static bool handle_by_driver(Trip *trip) {
        Bus *bus = trip->bus;
        bool is_signal = trip->message->view.type == MESSAGE_TYPE_SIGNAL;

        if (is_signal)
                bus->uncaptured = NULL;
        bool handled = bus->hooks.driver_message(bus, trip->sender, trip->message);
        if (is_signal)
                capture(trip);
        return handled;
}

static Outcome to_driver(Trip *trip) {
        PolicyQuery query = { .to_driver = true };

        if (G_UNLIKELY(trip->sender->state == CONNECTION_AUTHENTICATED ||
                       trip->message->view.type == MESSAGE_TYPE_SIGNAL))
                capture_later(trip);
        else
                capture(trip);
        if (trip->sender->state == CONNECTION_AUTHENTICATED && !is_hello(&trip->message->view))
                return OUTCOME_NO_HELLO;
        if (trip->message->view.type > MESSAGE_TYPE_SIGNAL)
                return OUTCOME_UNKNOWN_TYPE;
        if (!decide(trip, &query))
                return OUTCOME_DENIED;
        if (handle_by_driver(trip) && trip->sender->state != CONNECTION_AUTHENTICATED &&
            trip->sender->state != CONNECTION_CLOSED) {
                /* after Hello it has its name, and keeps it when it has become a monitor */
                trip->stamp = &trip->sender->stamp;
                send_to_eavesdroppers(trip);
        }
        return OUTCOME_OK;
}

/* A signal is for whom it concerns; a call without destination is for the one at the other end of
 * the socket. */
static Outcome to_nobody(Trip *trip) {
        switch (trip->message->view.type) {
        case MESSAGE_TYPE_SIGNAL:
                capture(trip);
                return broadcast(trip);
        case MESSAGE_TYPE_METHOD_CALL:
                capture(trip);
                (void)trip->bus->hooks.driver_message(trip->bus, trip->sender, trip->message);
                return OUTCOME_OK;
        default:
                return OUTCOME_OK;
        }
}

/* A limit that a message ran into is recorded like any other denial, with its name and value. */
static void report_limit(Trip *trip, const Quota *quota, QuotaKind kind, uint64_t n) {
        g_autofree char *rule = quota_describe_limit(quota, kind, n);
        const PolicyVerdict verdict = { .layer = POLICY_LAYER_LIMIT, .rule = rule };
        const PolicyQuery query = { .sender = subject_of(trip->sender),
                                    .receiver = subject_of(trip->addressed),
                                    .addressed = subject_of(trip->addressed),
                                    .message = trip->message };

        trip->bus->hooks.denied(trip->bus, &query, &verdict);
}

static void report_outcome(Trip *trip, Outcome outcome) {
        if (outcome == OUTCOME_QUEUE_FULL)
                report_limit(trip, &trip->addressed->quota,
                             transport_find_full(&trip->addressed->transport, trip->message,
                                                 trip->sender->transport.account),
                             0);
        if (outcome == OUTCOME_TOO_MANY_CALLS)
                report_limit(trip, &trip->sender->quota, QUOTA_REPLIES, 1);
}

static void answer(Trip *trip, Outcome outcome) {
        const MessageView *view = &trip->message->view;

        if (G_LIKELY(outcome == OUTCOME_OK))
                return;
        report_outcome(trip, outcome);
        g_autofree char *text = outcome_error_text(outcome, view, &trip->verdict);
        router_send_error(trip->bus, trip->sender, view, outcome_error_name(outcome, view), text);
}

/* Until Hello a sender has no stamp of its own, and must not be able to forge one for monitors. */
static const MessageStamp *unregistered_stamp(void) {
        static MessageStamp stamp;

        if (stamp.n_sender == 0)
                message_stamp_init(&stamp, NAME_BEFORE_HELLO, "/");
        return &stamp;
}

void router_route(Bus *bus, Connection *sender, const Message *message) {
        WireString destination = message->view.destination;
        Trip trip = { .bus = bus, .sender = sender, .message = message, .stamp = &sender->stamp };
        Outcome outcome;

        if (wire_string_equal(destination, WIRE_STRING_LITERAL(DBUS_BUS_NAME))) {
                if (G_UNLIKELY(sender->state == CONNECTION_AUTHENTICATED))
                        trip.stamp = unregistered_stamp();
                if (sender->state == CONNECTION_MONITOR)
                        connection_close(sender);
                else
                        answer(&trip, to_driver(&trip));
                capture_now(bus);
                return;
        }
        if (G_UNLIKELY(sender->state != CONNECTION_ACTIVE)) {
                connection_close(sender);
                return;
        }
        outcome = destination.data ? to_name(&trip) : to_nobody(&trip);
        answer(&trip, outcome);
        capture_now(bus);
}

void router_deliver(Bus *bus, Connection *sender, const Message *message) {
        Trip trip = { .bus = bus, .sender = sender, .message = message, .stamp = &sender->stamp };

        trip.addressed = connection_find(bus, message->view.destination);
        answer(&trip, trip.addressed ? send_unicast(&trip) : OUTCOME_NO_OWNER);
}

/* --- messages of the bus --- */

static void send_captured(Trip *trip, Connection *receiver) {
        PolicyQuery query = { .receiver = &receiver->subject,
                              .reply_expected = trip->message->view.reply_serial != 0 };

        if (receiver->state == CONNECTION_CLOSED)
                return;
        if (!decide(trip, &query))
                capture_refusal(trip, OUTCOME_DENIED);
        else if (trip->message->fds && !connection_can_receive_fds(receiver))
                capture_refusal(trip, OUTCOME_NO_FDS);
        else
                (void)send_to(trip, receiver);
}

/*
 * Numbers that do not tell a contained receiver what the bus does for others: its own ones, and for
 * what is sent to many some that mean nothing.
 */
static uint32_t next_serial(Bus *bus, Connection *receiver) {
        if (!connection_is_contained(receiver))
                return bus_next_serial(bus);
        if (++receiver->last_bus_serial == 0)
                receiver->last_bus_serial = 1;
        return receiver->last_bus_serial;
}

/* hash_bytes(), as a hash for tables would let who knows some of the numbers tell the next ones. */
static uint32_t broadcast_serial(Bus *bus) {
        uint32_t count = bus_next_serial(bus);
        uint32_t serial = (uint32_t)hash_bytes(&count, sizeof count);

        return serial != 0 ? serial : 1;
}

static void send_own(Bus *bus, Connection *receiver, const MessageHeader *header, Writer *body) {
        Message message;
        Trip trip = {
                .bus = bus, .addressed = receiver, .message = &message, .stamp = &bus->stamp
        };

        capture_now(bus);
        writer_finish(body, header, &message);
        capture(&trip);
        send_captured(&trip, receiver);
        message_clear(&message);
}

static const char *destination_of(const Connection *receiver) {
        return receiver->id ? receiver->unique : NAME_BEFORE_HELLO;
}

static void send_return(Bus *bus, Connection *receiver, uint32_t serial, Writer *body) {
        send_own(bus, receiver,
                 &(MessageHeader){ .type = MESSAGE_TYPE_METHOD_RETURN,
                                   .flags = MESSAGE_FLAG_NO_REPLY_EXPECTED,
                                   .serial = next_serial(bus, receiver),
                                   .reply_serial = serial,
                                   .destination = destination_of(receiver) },
                 body);
}

static void answer_call(Bus *bus, Connection *receiver, const CallRef *call, Writer *body) {
        if (receiver && call->expects_reply) {
                send_return(bus, receiver, call->serial, body);
                return;
        }
        if (body) {
                writer_clear(body);
                writer_init(body);
        }
}

void router_send_return(Bus *bus, Connection *receiver, const MessageView *call, Writer *body) {
        const CallRef now = call_ref_of(receiver->id, call);

        answer_call(bus, receiver, &now, body);
}

void router_send_late_return(Bus *bus, const CallRef *call, Writer *body) {
        answer_call(bus, connection_find_by_id(bus, call->caller_id), call, body);
}

void router_send_error_for(Bus *bus, Connection *receiver, uint32_t serial, const char *error_name,
                           const char *text) {
        g_auto(Writer) body;

        writer_init(&body);
        writer_add_string(&body, text);
        send_own(bus, receiver,
                 &(MessageHeader){ .type = MESSAGE_TYPE_ERROR,
                                   .flags = MESSAGE_FLAG_NO_REPLY_EXPECTED,
                                   .serial = next_serial(bus, receiver),
                                   .reply_serial = serial,
                                   .error_name = error_name,
                                   .destination = destination_of(receiver) },
                 &body);
}

static void refuse_call(Bus *bus, Connection *receiver, const CallRef *call,
                        const char *error_name, const char *text) {
        if (!receiver)
                return;
        if (connection_is_contained(receiver) && !call->expects_reply) {
                capture_error(bus, receiver, call->serial, error_name, text);
                return;
        }
        router_send_error_for(bus, receiver, call->serial, error_name, text);
}

void router_send_error(Bus *bus, Connection *receiver, const MessageView *call,
                       const char *error_name, const char *text) {
        const CallRef now = call_ref_of(receiver->id, call);

        refuse_call(bus, receiver, &now, error_name, text);
}

void router_send_late_error(Bus *bus, const CallRef *call, const char *error_name,
                            const char *text) {
        refuse_call(bus, connection_find_by_id(bus, call->caller_id), call, error_name, text);
}

void router_send_signal(Bus *bus, Connection *receiver, const char *member, Writer *body) {
        send_own(bus, receiver,
                 &(MessageHeader){ .type = MESSAGE_TYPE_SIGNAL,
                                   .flags = MESSAGE_FLAG_NO_REPLY_EXPECTED,
                                   .serial = next_serial(bus, receiver),
                                   .path = DBUS_BUS_PATH,
                                   .interface = DBUS_BUS_NAME,
                                   .member = member,
                                   .destination = destination_of(receiver) },
                 body);
}

void router_call(Bus *bus, Connection *receiver, const MessageHeader *header, Writer *body) {
        MessageHeader full = *header;

        full.serial = next_serial(bus, receiver);
        if (!full.destination)
                full.destination = destination_of(receiver);
        send_own(bus, receiver, &full, body);
}

void router_request_start(Bus *bus, Connection *starter, const MessageHeader *header, Writer *body,
                          bool again) {
        Message message;
        Trip trip = { .bus = bus, .addressed = starter, .message = &message, .stamp = &bus->stamp };
        MessageHeader full = *header;

        full.serial = bus_next_serial(bus);
        writer_finish(body, &full, &message);
        if (!again)
                capture(&trip);
        if (starter)
                send_captured(&trip, starter);
        message_clear(&message);
}

void router_broadcast_signal(Bus *bus, const char *interface, const char *member, Writer *body,
                             RouterFilter filter, void *user) {
        Message message;
        Trip trip = { .bus = bus,
                      .message = &message,
                      .stamp = &bus->stamp,
                      .filter = filter,
                      .filter_user = user };

        writer_finish(body,
                      &(MessageHeader){ .type = MESSAGE_TYPE_SIGNAL,
                                        .flags = MESSAGE_FLAG_NO_REPLY_EXPECTED,
                                        .serial = broadcast_serial(bus),
                                        .path = DBUS_BUS_PATH,
                                        .interface = interface,
                                        .member = member },
                      &message);
        capture_now(bus);
        capture(&trip);
        (void)broadcast(&trip);
        message_clear(&message);
}

/* --- replies that will not come --- */

static void fail_slot(Bus *bus, ReplySlot *slot, const char *text) {
        Connection *caller = CONTAINER_OF(slot->caller, Connection, replies);
        uint32_t serial = slot->serial;

        replies_consume(&bus->replies, slot);
        router_send_error_for(bus, caller, serial, ERROR_NO_REPLY, text);
}

void router_expire_replies(Bus *bus) {
        ReplySlot *slot;

        while ((slot = replies_first_expired(&bus->replies, loop_now_usec(bus->loop))))
                fail_slot(bus, slot, "Message did not receive a reply (timeout by message bus)");
        if (replies_next_deadline(&bus->replies) != UINT64_MAX)
                loop_arm(bus->loop, &bus->replies_timer, replies_next_deadline(&bus->replies),
                         bus->replies_timer.expired);
}

void router_fail_replies(Bus *bus, Connection *callee) {
        while (!list_is_empty(&callee->replies.waiting))
                replies_consume(&bus->replies,
                                CONTAINER_OF(callee->replies.waiting.next, ReplySlot, waiting));
        /* the reference implementation tells of the newest call first */
        while (!list_is_empty(&callee->replies.owing))
                fail_slot(bus, CONTAINER_OF(callee->replies.owing.prev, ReplySlot, owing),
                          "Message recipient disconnected from message bus without replying");
}
