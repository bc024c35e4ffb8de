/* SPDX-License-Identifier: MIT */
/*
 * Services on their way. For each name that is being started there is one Pending, whoever asked
 * and however often; each request is a Waiter of it, and of the connection that made it:
 *
 *      Pending org.a ---- Waiter (StartServiceByName, serial 5) ---- Waiter (message, serial 7)
 *                               |                                          |
 *      Connection :1.4 ---------+------------------------------------------'
 *
 * A Pending ends in one of three ways: the name gets an owner, it fails (the child, systemd), its
 * time is over. It leaves the table before anybody is told, so that whatever that leads to finds a
 * name which nobody starts.
 */
#include "bus/activation.h"

#include "base/log.h"
#include "bus/connection.h"
#include "bus/journal.h"
#include "bus/privileges.h"
#include "bus/service-command.h"
#include "bus/spawn.h"
#include "wire/protocol.h"
#include "wire/syntax.h"

#include <string.h>
#include <unistd.h>

#define SYSTEMD_NAME "org.freedesktop.systemd1"

struct Activation {
        Bus *bus; /* borrowed */
        ActivationHost host;
        Services *services;  /* owned */
        Spawner *spawner;    /* owned */
        GHashTable *pending; /* owned; name, borrowed from it, to Pending */
        GHashTable
                *failures; /* owned; name of a service that failed to LogRate, until files change */
        uint64_t n_requests; /* waiters, and pendings without any */
        bool loaded;         /* service files were read before */
};

typedef struct Pending {
        Activation *activation; /* borrowed */
        char *name;             /* owned */
        char *exec;             /* owned; of its service file */
        char *unit;             /* owned; systemd starts it; NULL: we do */
        bool asked;             /* systemd knows */
        bool by_helper;
        Spawn *child; /* borrowed from the spawner; NULL: none, or ended */
        LoopTimer timer;
        ListNode starts, messages; /* Waiter.of_pending, in order */
        unsigned n_waiters;
} Pending;

typedef struct Waiter {
        ListNode of_pending, of_caller;
        Pending *pending;   /* borrowed */
        Connection *caller; /* borrowed; open */
        CallRef call;
        Message *message; /* owned; NULL: StartServiceByName */
} Waiter;

static void services_changed(void *user) {
        Activation *activation = user;

        g_hash_table_remove_all(activation->failures);
        activation->host.services_changed(activation->host.host);
        services_forget_news(activation->services);
}

static void pending_free(void *data);

Activation *activation_new(Bus *bus, const ActivationHost *host) {
        Activation *activation = g_new0(Activation, 1);

        activation->bus = bus;
        activation->host = *host;
        activation->services = services_new(bus->loop, services_changed, activation);
        activation->spawner = spawner_new(bus->loop);
        activation->pending = g_hash_table_new(g_str_hash, g_str_equal);
        activation->failures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        return activation;
}

void activation_free(Activation *activation) {
        GHashTableIter iter;
        void *pending;

        if (!activation)
                return;
        g_hash_table_iter_init(&iter, activation->pending);
        while (g_hash_table_iter_next(&iter, NULL, &pending)) {
                g_hash_table_iter_remove(&iter);
                pending_free(pending);
        }
        g_hash_table_unref(activation->pending);
        g_hash_table_unref(activation->failures);
        spawner_free(activation->spawner);
        services_free(activation->services);
        g_free(activation);
}

/* --- what can be started --- */

void activation_reload(Activation *activation, const Config *config) {
        bool again = activation->loaded;

        services_load(activation->services, config->service_dirs);
        activation->loaded = true;
        if (again)
                services_changed(activation);
        else
                services_forget_news(activation->services);
}

void activation_refresh(Activation *activation) {
        services_refresh(activation->services);
}

/* systemd is never started by the bus, but waited for. */
static bool waits_for_systemd(const Activation *activation, const char *name) {
        return activation->bus->config->systemd_activation && strcmp(name, SYSTEMD_NAME) == 0;
}

const ServiceFile *activation_find(Activation *activation, WireString name) {
        return services_find(activation->services, name);
}

bool activation_has(Activation *activation, WireString name) {
        return waits_for_systemd(activation, name.data) || activation_find(activation, name);
}

typedef struct NameVisit {
        void (*visit)(const char *name, void *user);
        void *user;
} NameVisit;

static void visit_name(const ServiceFile *file, void *user) {
        const NameVisit *visit = user;

        visit->visit(file->name, visit->user);
}

void activation_foreach(Activation *activation, void (*visit)(const char *name, void *user),
                        void *user) {
        NameVisit name_visit = { visit, user };

        services_foreach(activation->services, visit_name, &name_visit);
}

void activation_foreach_news(Activation *activation,
                             void (*visit)(const ServiceNews *news, void *user), void *user) {
        services_foreach_news(activation->services, visit, user);
}

void activation_foreach_file(Activation *activation,
                             void (*visit)(const ServiceFile *file, void *user), void *user) {
        services_foreach(activation->services, visit, user);
}

uint64_t activation_get_generation(const Activation *activation) {
        return services_get_generation(activation->services);
}

/* --- who waits --- */

static uint64_t fds_of(const Message *message) {
        return message->fds ? message->fds->n_fds : 0;
}

static bool charge(Quota *quota, const Message *message) {
        if (!quota_charge(quota, QUOTA_ACTIVATIONS, 1))
                return false;
        if (!message)
                return true;
        if (quota_charge(quota, QUOTA_INCOMING_BYTES, message->view.n_bytes)) {
                if (quota_charge(quota, QUOTA_INCOMING_FDS, fds_of(message)))
                        return true;
                quota_refund(quota, QUOTA_INCOMING_BYTES, message->view.n_bytes);
        }
        quota_refund(quota, QUOTA_ACTIVATIONS, 1);
        return false;
}

static void refund(Quota *quota, const Message *message) {
        quota_refund(quota, QUOTA_ACTIVATIONS, 1);
        if (!message)
                return;
        quota_refund(quota, QUOTA_INCOMING_BYTES, message->view.n_bytes);
        quota_refund(quota, QUOTA_INCOMING_FDS, fds_of(message));
}

static ListNode *waiters_of(Connection *connection) {
        if (!connection->activation_data) {
                connection->activation_data = g_new0(ListNode, 1);
                list_init(connection->activation_data);
        }
        return connection->activation_data;
}

static Waiter *waiter_new(Connection *caller, const MessageView *call) {
        Waiter *waiter = g_new0(Waiter, 1);

        waiter->caller = caller;
        waiter->call = call_ref_of(caller->id, call);
        return waiter;
}

/* The first one is counted with its pending. */
static void waiter_add(Pending *pending, Waiter *waiter) {
        waiter->pending = pending;
        list_append(waiter->message ? &pending->messages : &pending->starts, &waiter->of_pending);
        list_append(waiters_of(waiter->caller), &waiter->of_caller);
        if (pending->n_waiters++ > 0)
                pending->activation->n_requests++;
}

/* Takes it out of both lists; it is its caller's then. */
static void waiter_detach(Waiter *waiter) {
        Pending *pending = waiter->pending;

        list_remove(&waiter->of_pending);
        list_remove(&waiter->of_caller);
        refund(&waiter->caller->quota, waiter->message);
        if (--pending->n_waiters > 0)
                pending->activation->n_requests--;
}

static void waiter_free(Waiter *waiter) {
        message_free(waiter->message);
        g_free(waiter);
}

static Waiter *pop_waiter(ListNode *list) {
        if (list_is_empty(list))
                return NULL;
        Waiter *waiter = CONTAINER_OF(list->next, Waiter, of_pending);

        waiter_detach(waiter);
        return waiter;
}

void activation_connection_gone(Activation *activation G_GNUC_UNUSED, Connection *connection) {
        ListNode *waiters = connection->activation_data;

        if (!waiters)
                return;
        while (!list_is_empty(waiters)) {
                Waiter *waiter = CONTAINER_OF(waiters->next, Waiter, of_caller);

                waiter_detach(waiter);
                waiter_free(waiter);
        }
        g_free(g_steal_pointer(&connection->activation_data));
}

/* --- a start begins and ends --- */

static void pending_free(void *data) {
        Pending *pending = data;

        g_assert(pending->n_waiters == 0);
        loop_disarm(&pending->timer);
        spawn_forget(pending->child);
        pending->activation->n_requests--;
        g_free(pending->name);
        g_free(pending->exec);
        g_free(pending->unit);
        g_free(pending);
}

static void fail_waiters(Pending *pending, ListNode *list, const char *error_name,
                         const char *text) {
        const ActivationHost *host = &pending->activation->host;
        Waiter *waiter;

        while ((waiter = pop_waiter(list))) {
                host->failed(host->host, &waiter->call, error_name, text);
                waiter_free(waiter);
        }
}

/* Names are those of service files, so that no peer can make the table grow. */
static LogRate *get_failure_rate(Activation *activation, const char *name) {
        LogRate *rate = g_hash_table_lookup(activation->failures, name);

        if (!rate) {
                rate = g_new0(LogRate, 1);
                g_hash_table_insert(activation->failures, g_strdup(name), rate);
        }
        return rate;
}

/* Anybody can ask for a service that does not start, as often as they like. */
static void log_failure(const Pending *pending, const char *error_name, const char *text) {
        Activation *activation = pending->activation;
        LogRate *rate = get_failure_rate(activation, pending->name);
        unsigned n_left_out;

        if (!log_rate_allow(rate, loop_now_usec(activation->bus->loop), &n_left_out))
                return;
        LogRecord *record = log_record_new(LOG_LEVEL_WARNING, "service could not be started");
        log_record_add(record, "Receiver", pending->name);
        log_record_add(record, "Unit", pending->unit);
        log_record_add(record, "Error", error_name);
        log_record_add(record, "Reason", text);
        if (n_left_out > 0)
                log_record_add_number(record, "LeftOut", n_left_out);
        log_record_submit(record);
}

static void pending_fail(Pending *pending, const char *error_name, const char *text) {
        log_failure(pending, error_name, text);
        g_hash_table_remove(pending->activation->pending, pending->name);
        fail_waiters(pending, &pending->starts, error_name, text);
        fail_waiters(pending, &pending->messages, error_name, text);
        pending_free(pending);
}

static void pending_succeed(Pending *pending) {
        const ActivationHost *host = &pending->activation->host;
        Waiter *waiter;

        log_message(LOG_LEVEL_DEBUG, "Service %s was started", pending->name);
        g_hash_table_remove(pending->activation->pending, pending->name);
        while ((waiter = pop_waiter(&pending->messages))) {
                host->deliver(host->host, waiter->caller->id, waiter->message);
                waiter_free(waiter);
        }
        pending_free(pending);
}

static void expired(LoopTimer *timer) {
        Pending *pending = CONTAINER_OF(timer, Pending, timer);
        g_autofree char *text = g_strdup_printf(
                "%s did not own its name within %" G_GUINT64_FORMAT " ms (service_start_timeout)",
                pending->name, pending->activation->bus->config->limits.service_start_timeout);

        spawn_kill(g_steal_pointer(&pending->child));
        pending_fail(pending, ERROR_TIMED_OUT, text);
}

static Pending *pending_new(Activation *activation, const char *name, const ServiceFile *file) {
        Pending *pending = g_new0(Pending, 1);
        uint64_t timeout = activation->bus->config->limits.service_start_timeout;

        pending->activation = activation;
        pending->name = g_strdup(name);
        pending->exec = file ? g_strdup(file->exec) : NULL;
        if (file && activation->bus->config->systemd_activation)
                pending->unit = g_strdup(file->systemd_service);
        list_init(&pending->starts);
        list_init(&pending->messages);
        activation->n_requests++;
        g_hash_table_insert(activation->pending, pending->name, pending);
        loop_arm(activation->bus->loop, &pending->timer,
                 loop_now_usec(activation->bus->loop) + timeout * 1000, expired);
        return pending;
}

typedef bool (*PendingTest)(const Pending *pending, const char *text);

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * Names of all that pass a test. Sorted: who waits for several of them must not be told in an order
 * that depends on what else is in the table.
 */
static GPtrArray *find_all(const Activation *activation, PendingTest test, const char *value) {
        GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
        GHashTableIter iter;
        void *name, *pending;

        g_hash_table_iter_init(&iter, activation->pending);
        while (g_hash_table_iter_next(&iter, &name, &pending))
                if (test(pending, value))
                        g_ptr_array_add(names, g_strdup(name));
        g_ptr_array_sort(names, compare_names);
        return names;
}

/* --- children --- */

/* One program may bring several names; when it fails for one, it does so for all. */
static bool runs_command(const Pending *pending, const char *exec) {
        return !pending->unit && g_strcmp0(pending->exec, exec) == 0;
}

/* Each is told about its own name: not everybody may know of the others. */
static void fail_ended(Activation *activation, const char *name, const SpawnResult *result,
                       bool by_helper) {
        Pending *pending = g_hash_table_lookup(activation->pending, name);
        g_auto(ServiceError) error = { 0 };

        if (pending && service_end_is_failure(name, result, by_helper, &error))
                pending_fail(pending, error.name, error.text);
}

static void child_ended(void *user, const SpawnResult *result) {
        Pending *pending = user;
        Activation *activation = pending->activation;

        pending->child = NULL;
        if (pending->by_helper) {
                fail_ended(activation, pending->name, result, true);
                return;
        }
        g_autoptr(GPtrArray) names = find_all(activation, runs_command, pending->exec);
        for (unsigned i = 0; i < names->len; i++)
                fail_ended(activation, names->pdata[i], result, false);
}

/* Return: false with *@ret_error set. */
static bool start_child(Pending *pending, const ServiceFile *file, ServiceError *ret_error) {
        Bus *bus = pending->activation->bus;
        const char *helper = bus->config->servicehelper;
        g_auto(GStrv) command = service_command_new(file, helper, ret_error);
        g_auto(GStrv) environment = NULL;
        g_autoptr(GError) error = NULL;
        auto_fd output = -1;

        if (!command)
                return false;
        environment = service_environment_new(bus);
        output = journal_open_stream(file->name);
        const SpawnOptions options = { .argv = command,
                                       .environment = environment,
                                       .descriptor_limit = privileges_get_child_descriptor_limit(),
                                       .output_fd = output };
        pending->by_helper = helper != NULL;
        pending->child =
                spawn_start(pending->activation->spawner, &options, child_ended, pending, &error);
        if (pending->child)
                return true;
        *ret_error = (ServiceError){ ERROR_SPAWN_FORK_FAILED, g_strdup(error->message) };
        return false;
}

static void ask_systemd(Pending *pending, bool again) {
        const ActivationHost *host = &pending->activation->host;

        pending->asked = host->ask_systemd(host->host, pending->unit, again);
}

/* Return: false with *@ret_error set. */
static bool begin(Pending *pending, const ServiceFile *file, ServiceError *ret_error) {
        log_message(LOG_LEVEL_DEBUG, "Starting service %s%s", pending->name,
                    pending->unit ? " by systemd" : "");
        if (pending->unit) {
                ask_systemd(pending, false);
                return true;
        }
        return !file || start_child(pending, file, ret_error);
}

/* --- requests --- */

static bool refuse(Activation *activation, const Waiter *waiter, const char *error_name,
                   const char *text) {
        const ActivationHost *host = &activation->host;

        host->failed(host->host, &waiter->call, error_name, text);
        return false;
}

/* Why charge() did not. */
static char *describe_quota(const Quota *quota, const Message *message) {
        if (!quota_has_room(quota, QUOTA_ACTIVATIONS, 1) || !message)
                return quota_describe_limit(quota, QUOTA_ACTIVATIONS, 1);
        if (!quota_has_room(quota, QUOTA_INCOMING_BYTES, message->view.n_bytes))
                return quota_describe_limit(quota, QUOTA_INCOMING_BYTES, message->view.n_bytes);
        return quota_describe_limit(quota, QUOTA_INCOMING_FDS, fds_of(message));
}

/* The limit is that of all together; a container may have a quarter of it. */
static char *describe_full(const Activation *activation, const Connection *caller) {
        uint64_t limit = activation->bus->config->limits.max_pending_service_starts;
        uint64_t quarter = (limit + 3) / 4;
        const Quota *container = caller->quota.parent;

        if (activation->n_requests >= limit)
                return quota_format_limit(NULL, "max_pending_service_starts", limit);
        if (container && container->used[QUOTA_ACTIVATIONS] >= quarter)
                return quota_format_limit("container", "max_pending_service_starts", quarter);
        return NULL;
}

static bool refuse_limit(Activation *activation, const Waiter *waiter, const Message *message,
                         const char *rule) {
        const PolicyVerdict verdict = { .layer = POLICY_LAYER_LIMIT, .rule = rule };
        const PolicyQuery query = { .sender = &waiter->caller->subject,
                                    .message = message,
                                    .activation = true };
        g_autofree char *text =
                g_strdup_printf("What waits for services is more than is allowed: %s", rule);

        activation->bus->hooks.denied(activation->bus, &query, &verdict);
        return refuse(activation, waiter, ERROR_LIMITS_EXCEEDED, text);
}

/* Charges and copies what is to be parked. Return: false when the caller got an error. */
static bool admit(Activation *activation, Waiter *waiter, const Message *message) {
        Quota *quota = &waiter->caller->quota;
        g_autofree char *full = describe_full(activation, waiter->caller);

        if (!full && !charge(quota, message))
                full = describe_quota(quota, message);
        if (full)
                return refuse_limit(activation, waiter, message, full);
        if (!message)
                return true;
        waiter->message = message_copy(message);
        if (waiter->message)
                return true;
        refund(quota, message);
        return refuse(activation, waiter, ERROR_NO_MEMORY,
                      "There is no memory to keep the message");
}

/* Takes over @waiter. */
static void wait_for(Activation *activation, Waiter *waiter, const char *name,
                     const Message *message) {
        const ServiceFile *file = NULL;
        g_auto(ServiceError) error = { 0 };

        if (!waits_for_systemd(activation, name)) {
                file = activation_find(activation, wire_string(name));
                if (!file) {
                        refuse(activation, waiter, ERROR_SERVICE_UNKNOWN,
                               "No service file provides the name");
                        waiter_free(waiter);
                        return;
                }
        }
        if (!admit(activation, waiter, message)) {
                waiter_free(waiter);
                return;
        }
        Pending *pending = g_hash_table_lookup(activation->pending, name);
        bool is_new = !pending;

        if (is_new)
                pending = pending_new(activation, name, file);
        waiter_add(pending, waiter);
        if (is_new && !begin(pending, file, &error))
                pending_fail(pending, error.name, error.text);
}

void activation_start_message(Activation *activation, Connection *caller, const Message *message) {
        Waiter *waiter = waiter_new(caller, &message->view);

        wait_for(activation, waiter, message->view.destination.data, message);
}

void activation_start_service(Activation *activation, Connection *caller, const MessageView *call,
                              WireString name) {
        Waiter *waiter = waiter_new(caller, call);

        wait_for(activation, waiter, name.data, NULL);
}

/* --- what happens meanwhile --- */

static void ask_systemd_again(Activation *activation) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        GHashTableIter iter;
        void *name;

        g_hash_table_iter_init(&iter, activation->pending);
        while (g_hash_table_iter_next(&iter, &name, NULL))
                g_ptr_array_add(names, g_strdup(name));
        for (unsigned i = 0; i < names->len; i++) {
                Pending *pending = g_hash_table_lookup(activation->pending, names->pdata[i]);

                if (pending && pending->unit && !pending->asked)
                        ask_systemd(pending, true);
        }
}

void activation_answer_starts(Activation *activation, const char *name) {
        const ActivationHost *host = &activation->host;
        Pending *pending = g_hash_table_lookup(activation->pending, name);
        Waiter *waiter;

        while (pending && (waiter = pop_waiter(&pending->starts))) {
                host->started(host->host, &waiter->call);
                waiter_free(waiter);
        }
}

void activation_name_owned(Activation *activation, const char *name) {
        Pending *pending;

        if (g_hash_table_size(activation->pending) == 0)
                return;
        if (waits_for_systemd(activation, name))
                ask_systemd_again(activation);
        pending = g_hash_table_lookup(activation->pending, name);
        if (pending)
                pending_succeed(pending);
}

static bool is_unit(const Pending *pending, const char *unit) {
        return g_strcmp0(pending->unit, unit) == 0;
}

void activation_systemd_failed(Activation *activation, const char *unit, const char *error_name,
                               const char *text) {
        bool valid = syntax_is_error_name(error_name, strlen(error_name));
        g_autoptr(GPtrArray) names = find_all(activation, is_unit, unit);

        for (unsigned i = 0; i < names->len; i++) {
                Pending *pending = g_hash_table_lookup(activation->pending, names->pdata[i]);

                if (pending)
                        pending_fail(pending, valid ? error_name : ERROR_FAILED, text);
        }
}
