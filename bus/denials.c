/* SPDX-License-Identifier: MIT */
/*
 * Collects what is known of a denial. Everything in a record is borrowed from the message and the
 * two connections; nothing is made that is not written. A flood of denials is logged at a bounded
 * rate, per container or, for others, per connection; the signal is sent for each, to those who
 * asked for it.
 */
#include "bus/denials.h"

#include "base/log.h"
#include "bus/connection.h"
#include "containers/interface.h"
#include "policy/denial.h"

static Connection *connection_of(const PolicySubject *subject) {
        return subject ? CONTAINER_OF(subject, Connection, subject) : NULL;
}

static void fill_identity(Denial *denial, Identity *identity) {
        denial->has_uid = identity->uid != IDENTITY_NO_UID;
        denial->uid = identity->uid;
        denial->has_pid = identity->pid > 0;
        denial->pid = (uint32_t)identity->pid;
        denial->label = identity_get_label(identity);
}

static void fill_sender(Denial *denial, const Connection *sender) {
        denial->sender = sender->unique[0] ? sender->unique : NULL;
        fill_identity(denial, sender->identity);
}

static void fill_message(Denial *denial, const MessageView *view) {
        denial->message_type = denial_message_type(view->type);
        denial->path = view->path.data;
        denial->interface = view->interface.data;
        denial->member = view->member.data;
        denial->has_fds = view->n_fds > 0;
        denial->n_fds = view->n_fds;
}

static void fill_verdict(Denial *denial, const PolicyVerdict *verdict) {
        denial->layer = verdict->layer;
        denial->rule = verdict->rule;
        denial->file = verdict->file;
        denial->has_line = verdict->file != NULL;
        denial->line = verdict->line;
        denial->is_reported = verdict->allowed;
        denial->reported = 1;
}

static void fill_instance(Denial *denial, const Instance *instance) {
        if (!instance)
                return;
        denial->type = instance->type;
        denial->app_id = instance->app_id;
        denial->instance_id = instance->instance_id;
}

static void write_log(Bus *bus, LogRate *rate, const Denial *denial, bool allowed) {
        unsigned n_left_out;

        if (!log_rate_allow(rate, loop_now_usec(bus->loop), &n_left_out))
                return;
        LogRecord *record = log_record_new(LOG_LEVEL_WARNING, allowed ? "reported" : "denied");
        denial_log(denial, record);
        if (n_left_out > 0)
                log_record_add_number(record, "LeftOut", n_left_out);
        log_record_submit(record);
}

static void emit(Bus *bus, Instance *instance, const Denial *denial) {
        if (instance)
                denial_history_add(&instance->denials, denial);
        if (instance && instance->state != INSTANCE_REMOVED)
                containers_emit_denied(bus->registry, instance, denial);
}

/* A record goes to the account of the contained end, where there is one. */
static void publish(Bus *bus, Connection *sender, Connection *receiver, Denial *denial,
                    const PolicyVerdict *verdict) {
        Connection *source = sender ? sender : receiver;

        if (receiver && receiver->instance &&
            (verdict->of_receiver || !(sender && sender->instance)))
                source = receiver;
        if (!source)
                return;
        fill_instance(denial, source->instance);
        write_log(bus, source->instance ? &source->instance->denial_rate : &source->denial_rate,
                  denial, verdict->allowed);
        emit(bus, source->instance, denial);
}

/*
 * Nobody is told what an eavesdropper did not get, nor what one of many receivers did not get when
 * no container is part of it.
 */
static bool is_private(const PolicyQuery *query, const PolicyVerdict *verdict) {
        if (verdict->allowed || !query->receiver || query->receiver == query->addressed ||
            verdict->layer == POLICY_LAYER_CONTAINER)
                return false;
        return query->message->view.destination.data ||
               !((query->sender && query->sender->container) || query->receiver->container);
}

void denials_report(Bus *bus, const PolicyQuery *query, const PolicyVerdict *verdict) {
        Connection *sender = connection_of(query->sender),
                   *receiver = connection_of(query->receiver);
        Denial denial = { 0 };

        if (is_private(query, verdict))
                return;
        if (sender)
                fill_sender(&denial, sender);
        else
                denial.sender = DBUS_BUS_NAME;
        if (query->message)
                fill_message(&denial, &query->message->view);
        if (query->message)
                denial.receiver = query->message->view.destination.data;
        if (receiver && receiver->unique[0])
                denial.receiver = receiver->unique;
        fill_verdict(&denial, verdict);
        publish(bus, sender, receiver, &denial, verdict);
}

void denials_report_connect(Bus *bus, Identity *identity, Instance *instance,
                            const PolicyVerdict *verdict) {
        Denial denial = { .message_type = "connect" };

        fill_identity(&denial, identity);
        fill_verdict(&denial, verdict);
        fill_instance(&denial, instance);
        write_log(bus, instance ? &instance->refusal_rate : &bus->connect_denial_rate, &denial,
                  verdict->allowed);
        emit(bus, instance, &denial);
}

void denials_report_limit(Bus *bus, const MethodCall *call, const Instance *instance,
                          const char *rule) {
        const MessageView *view = &call->message->view;
        Connection *caller = call->connection;
        Denial denial = { .layer = POLICY_LAYER_LIMIT, .rule = rule };

        fill_sender(&denial, caller);
        fill_message(&denial, view);
        denial.receiver = view->destination.data;
        fill_instance(&denial, instance);
        write_log(bus, &caller->denial_rate, &denial, false);
        containers_emit_denied(bus->registry, instance, &denial);
}

/* What a flood left out is told with the next record, of which there will be none. */
static void log_left_out(const Instance *instance, LogRate *rate) {
        if (rate->n_left_out == 0)
                return;
        LogRecord *record = log_record_new(LOG_LEVEL_WARNING, "denied");
        log_record_add(record, "Type", instance->type);
        log_record_add(record, "AppId", instance->app_id);
        log_record_add(record, "InstanceId", instance->instance_id);
        log_record_add_number(record, "LeftOut", rate->n_left_out);
        log_record_submit(record);
        rate->n_left_out = 0;
}

void denials_report_left_out(Instance *instance) {
        log_left_out(instance, &instance->denial_rate);
        log_left_out(instance, &instance->refusal_rate);
}

void denials_report_own(Bus *bus, Connection *connection, WireString name,
                        const PolicyVerdict *verdict) {
        Denial denial = { .message_type = "own", .receiver = name.data };

        fill_sender(&denial, connection);
        fill_verdict(&denial, verdict);
        publish(bus, connection, NULL, &denial, verdict);
}
