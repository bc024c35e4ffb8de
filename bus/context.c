/* SPDX-License-Identifier: MIT */
/*
 * Makes and frees the parts of a bus in one order:
 *
 *      loop, policy -> registries -> driver -> containers -> activation -> listeners
 *
 * and connects those which must not know each other: activation and the router, the registries and
 * the driver. A reload prepares everything that can fail first and then puts it in force in lines
 * that cannot.
 */
#include "bus/context.h"

#include "base/log.h"
#include "bus/acceptor.h"
#include "bus/accounts.h"
#include "bus/activation.h"
#include "bus/connection.h"
#include "bus/containers-host.h"
#include "bus/deliveries.h"
#include "bus/denials.h"
#include "bus/driver-announce.h"
#include "bus/driver-tables.h"
#include "bus/driver.h"
#include "bus/listener.h"
#include "bus/opt-ins.h"
#include "bus/owner-check.h"
#include "bus/reload.h"
#include "bus/router.h"
#include "bus/sightings.h"
#include "containers/registry.h"
#include "policy/account.h"
#include "policy/lsm.h"

#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#define START_REPLY_SUCCESS 1 /* answer of StartServiceByName */
#define SYSTEMD_ACTIVATOR_INTERFACE "org.freedesktop.systemd1.Activator"

/* What belongs to one context beside the Bus that its modules see. */
typedef struct Context {
        Bus bus;
        ContextOptions options;
        OptIns *opt_ins;      /* owned; of service files */
        GPtrArray *listeners; /* owned; of Listener * */
        GPtrArray *acceptors; /* owned; of Acceptor *, one for each listener */
        Workers *workers;     /* owned */
        Reload *reload;       /* owned */
        LoopSource lsm;       /* tells that the policy of a security module is another one */
} Context;

static Context *context_of(Bus *bus) {
        return CONTAINER_OF(bus, Context, bus);
}

/* --- what goes up --- */

static void connection_gone(Bus *bus, Connection *connection) {
        driver_connection_gone(bus, connection);
        router_fail_replies(bus, connection);
        activation_connection_gone(bus->activation, connection);
        owner_check_connection_gone(bus->owner_check, connection);
        sightings_forget(connection);
        deliveries_forget(connection);
        /* a manager that becomes a monitor is still there */
        if (connection->state == CONNECTION_CLOSED && !connection_is_contained(connection))
                registry_manager_gone(bus->registry, connection);
}

static void refresh_services(Bus *bus) {
        activation_refresh(bus->activation);
        opt_ins_refresh(context_of(bus)->opt_ins, bus->activation);
}

static bool can_activate(Bus *bus, WireString name, const char **ret_assumed_label) {
        const ServiceFile *file;

        refresh_services(bus);
        file = activation_find(bus->activation, name);
        *ret_assumed_label = file ? file->apparmor_label : NULL;
        return file != NULL;
}

static void activate(Bus *bus, Connection *sender, const Message *message) {
        activation_start_message(bus->activation, sender, message);
}

static void replies_expired(LoopTimer *timer) {
        router_expire_replies(CONTAINER_OF(timer, Bus, replies_timer));
}

static void end_turn(void *user) {
        connection_end_turn(user);
}

/* --- what activation needs --- */

static void host_deliver(void *host, uint64_t caller_id, const Message *message) {
        Bus *bus = host;
        Connection *caller = connection_find_by_id(bus, caller_id);

        if (caller && connection_is_active(caller))
                router_deliver(bus, caller, message);
}

static void host_failed(void *host, const CallRef *call, const char *error_name,
                        const char *text) {
        router_send_late_error(host, call, error_name, text);
}

static void host_started(void *host, const CallRef *call) {
        g_auto(Writer) body;

        writer_init(&body);
        writer_add_u32(&body, START_REPLY_SUCCESS);
        router_send_late_return(host, call, &body);
}

static bool host_ask_systemd(void *host, const char *unit, bool again) {
        Bus *bus = host;
        Connection *systemd = driver_find_systemd(bus);
        const MessageHeader header = { .type = MESSAGE_TYPE_SIGNAL,
                                       .flags = MESSAGE_FLAG_NO_REPLY_EXPECTED,
                                       .path = DBUS_BUS_PATH,
                                       .interface = SYSTEMD_ACTIVATOR_INTERFACE,
                                       .member = "ActivationRequest",
                                       .destination = DRIVER_SYSTEMD_NAME };
        g_auto(Writer) body = { 0 };

        if (!systemd && again)
                return false;
        writer_init(&body);
        writer_add_string(&body, unit);
        router_request_start(bus, systemd, &header, &body, again);
        return systemd != NULL;
}

static void host_services_changed(void *host) {
        Bus *bus = host;
        OptIns *opt_ins = context_of(bus)->opt_ins;

        opt_ins_refresh(opt_ins, bus->activation);
        driver_services_changed(bus, opt_ins_get_told(opt_ins));
        opt_ins_note_told(opt_ins);
}

/* --- the configuration in force --- */

static void request_reload(Bus *bus, Connection *caller, const MessageView *call) {
        const CallRef later = call_ref_of(caller->id, call);

        /* what the caller says next is said under the new configuration */
        connection_hold(caller);
        reload_request(context_of(bus)->reload, &later);
}

static const char *name_reload_error(const GError *error) {
        if (g_error_matches(error, CONFIG_ERROR, CONFIG_ERROR_MISSING))
                return ERROR_FILE_NOT_FOUND;
        if (g_error_matches(error, CONFIG_ERROR, CONFIG_ERROR_DENIED))
                return ERROR_ACCESS_DENIED;
        if (g_error_matches(error, CONFIG_ERROR, CONFIG_ERROR_SHORTAGE))
                return ERROR_LIMITS_EXCEEDED;
        return ERROR_FAILED;
}

static void answer_reload(void *user, const CallRef *call, const GError *error) {
        Bus *bus = user;
        Connection *caller = connection_find_by_id(bus, call->caller_id);

        if (!caller)
                return;
        connection_release(caller);
        if (error) {
                g_autofree char *text =
                        g_strdup_printf("The configuration stays as it was: %s", error->message);

                router_send_late_error(bus, call, name_reload_error(error), text);
                return;
        }
        g_auto(Writer) body;

        writer_init(&body);
        router_send_late_return(bus, call, &body);
}

/* --- making --- */

/*
 * The router arms it for the first of the calls that wait; another timeout holds for all of them.
 */
static void arm_replies_timer(Bus *bus) {
        uint64_t deadline = replies_next_deadline(&bus->replies);

        loop_disarm(&bus->replies_timer);
        if (deadline != UINT64_MAX)
                loop_arm(bus->loop, &bus->replies_timer, deadline, replies_expired);
}

static void set_timeouts(Bus *bus) {
        uint64_t msec = bus->config->limits.reply_timeout;

        replies_set_timeout(&bus->replies, msec == UINT64_MAX ? UINT64_MAX : msec * 1000);
        arm_replies_timer(bus);
}

static void init_lists(Bus *bus) {
        list_init(&bus->all);
        list_init(&bus->delivery_watchers);
        list_init(&bus->touched);
        list_init(&bus->busy);
        list_init(&bus->paused);
        list_init(&bus->gone);
        list_init(&bus->monitors);
        list_init(&bus->acceptors);
}

static void init_registries(Bus *bus) {
        names_init(&bus->names);
        replies_init(&bus->replies, UINT64_MAX);
        bus->replies_timer.expired = replies_expired;
        bus->matches = match_index_new();
        bus->monitor_matches = match_index_new();
        input_arena_init(&bus->arena);
        message_stamp_init(&bus->stamp, DBUS_BUS_NAME, "/");
        set_timeouts(bus);
}

static void init_hooks(Bus *bus) {
        bus->hooks = (BusHooks){ .message = router_route,
                                 .driver_message = driver_message,
                                 .connection_gone = connection_gone,
                                 .place_free = acceptors_resume,
                                 .can_activate = can_activate,
                                 .refresh_services = refresh_services,
                                 .activate = activate,
                                 .denied = denials_report,
                                 .connect_denied = denials_report_connect,
                                 .reload = request_reload,
                                 .delivered = deliveries_report,
                                 .sees_name = containers_host_sees_name };
}

static void init_guid(Bus *bus) {
        uint32_t words[4];

        if (getrandom(words, sizeof words, 0) != (ssize_t)sizeof words)
                for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
                        words[i] = g_random_int();
        for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
                g_snprintf(bus->guid + 8 * i, 9, "%08x", words[i]);
}

static void init_activation(Bus *bus) {
        const ActivationHost host = { .deliver = host_deliver,
                                      .started = host_started,
                                      .failed = host_failed,
                                      .services_changed = host_services_changed,
                                      .ask_systemd = host_ask_systemd,
                                      .host = bus };

        bus->activation = activation_new(bus, &host);
        activation_reload(bus->activation, bus->config);
        context_of(bus)->opt_ins = opt_ins_new();
        opt_ins_refresh(context_of(bus)->opt_ins, bus->activation);
}

/* The directory for sockets of containers is made while the bus may still be root, for the user it
 * will be. */
static void prepare_socket_directory(Bus *bus) {
        g_autoptr(GError) error = NULL;
        PolicyAccount user = { .name = NULL };

        if (geteuid() != 0 || !bus->config->user)
                return;
        policy_account_set_user(&user, bus->config->user);
        if (user.known && !registry_prepare(bus->registry, user.id, &error))
                log_message(LOG_LEVEL_WARNING, "container servers need a ListenSocket: %s",
                            error->message);
        policy_account_clear(&user);
}

static void take_policy(Bus *bus, Policy *policy) {
        Policy *old = bus->policy;

        bus->policy = policy;
        g_clear_pointer(&old, policy_unref);
}

static void take_config(Bus *bus, Config *config, Policy *policy) {
        Config *old = bus->config;

        bus->config = config_ref(config);
        config_get_quota_limits(config, &bus->limits);
        take_policy(bus, policy);
        g_clear_pointer(&old, config_unref);
}

/* --- reload --- */

static void refresh_connections(Bus *bus) {
        policy_forget();
        LIST_FOREACH(node, &bus->all) {
                Connection *connection = CONTAINER_OF(node, Connection, all);

                connection_set_limits(connection);
                if (connection->state != CONNECTION_AUTHENTICATING)
                        connection_refresh_policy(connection);
                connection_update_form(connection);
        }
}

static void apply_config(void *user, Config *config) {
        Bus *bus = user;
        GPtrArray *late;

        config->systemd_activation |= context_of(bus)->options.systemd_activation;
        late = accounts_set_config(bus->accounts, config, bus->config);
        take_config(bus, config, policy_new_with_accounts(config, late));
        set_timeouts(bus);
        loop_set_busy_poll(bus->loop, config->busy_poll_usec);
        lsm_reload(config);
        containers_host_reload(bus);
        /* new rules are in force before anybody is told of new services */
        refresh_connections(bus);
        activation_reload(bus->activation, config);
        acceptors_resume(bus);
}

static void apply_accounts(void *user, GPtrArray *accounts) {
        Bus *bus = user;

        take_policy(bus, policy_new_with_accounts(bus->config, accounts));
        refresh_connections(bus);
}

static bool init_reload(Context *context, GError **error) {
        Bus *bus = &context->bus;
        const ReloadHost reload_host = { .apply = apply_config,
                                         .answer = answer_reload,
                                         .user = bus };
        const AccountsHost accounts_host = { .changed = apply_accounts, .user = bus };

        context->workers = workers_new(bus->loop, error);
        if (!context->workers)
                return false;
        context->reload =
                reload_new(bus->loop, context->workers, context->options.config_file, &reload_host);
        bus->accounts = accounts_new(bus->loop, context->workers, &accounts_host);
        bus->owner_check = owner_check_new(bus, context->workers);
        return true;
}

void context_reload(Bus *bus) {
        reload_request(context_of(bus)->reload, NULL);
}

/* --- security modules --- */

/* Contexts of <associate> come from files that belong to the module's policy. */
static void lsm_changed(void *user) {
        context_reload(user);
}

static void lsm_readable(G_GNUC_UNUSED LoopSource *source, G_GNUC_UNUSED uint32_t events) {
        lsm_dispatch();
}

static bool init_lsm(Context *context, GError **error) {
        Bus *bus = &context->bus;
        int fd, r;

        if (!lsm_init(bus->config, error))
                return false;
        fd = lsm_watch(lsm_changed, bus);
        r = fd < 0 ? 0 : loop_add(bus->loop, &context->lsm, fd, EPOLLIN, lsm_readable);
        if (r == 0)
                return true;
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                    "cannot watch the policy of %s: %s", lsm_get_feature(), g_strerror(-r));
        return false;
}

/* --- listening --- */

static bool open_listeners(Context *context, GError **error) {
        const GPtrArray *listen = context->bus.config->listen;

        if (context->options.address)
                return listener_open_all(context->options.address, context->bus.guid,
                                         context->listeners, error);
        for (unsigned i = 0; i < listen->len; i++)
                if (!listener_open_all(listen->pdata[i], context->bus.guid, context->listeners,
                                       error))
                        return false;
        if (context->listeners->len > 0)
                return true;
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "%s: no <listen> element and no --address: the bus would have no socket",
                    context->options.config_file);
        return false;
}

static bool start_accepting(Context *context, GError **error) {
        g_autoptr(GString) address = g_string_new(NULL);

        for (unsigned i = 0; i < context->listeners->len; i++) {
                Listener *listener = context->listeners->pdata[i];
                int r = 0;
                Acceptor *acceptor = acceptor_new(&context->bus, listener_get_fd(listener),
                                                  listener_accept, NULL, &r);

                if (!acceptor) {
                        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                                    "cannot wait for connections at %s: %s",
                                    listener_get_address(listener), g_strerror(-r));
                        return false;
                }
                g_ptr_array_add(context->acceptors, acceptor);
                g_string_append_printf(address, "%s%s", i > 0 ? ";" : "",
                                       listener_get_address(listener));
        }
        context->bus.address = g_string_free(g_steal_pointer(&address), FALSE);
        return true;
}

static void free_acceptor(void *acceptor) {
        acceptor_free(acceptor);
}

static void free_listener(void *listener) {
        listener_free(listener);
}

Bus *context_new(const ContextOptions *options, Config *config, GError **error) {
        Context *context = g_new0(Context, 1);
        g_autoptr(Bus) bus = &context->bus;

        context->options = *options;
        context->lsm.fd = -1;
        context->listeners = g_ptr_array_new_with_free_func(free_listener);
        context->acceptors = g_ptr_array_new_with_free_func(free_acceptor);
        init_lists(bus);
        bus->uid = geteuid();
        init_guid(bus);
        take_config(bus, config, policy_new(config));
        init_registries(bus);
        init_hooks(bus);
        driver_init(bus);
        driver_tables_add(bus);
        containers_host_new(bus);
        prepare_socket_directory(bus);
        bus->loop = loop_new(error);
        if (!bus->loop || !init_lsm(context, error))
                return NULL;
        loop_set_turn_end(bus->loop, end_turn, bus);
        loop_set_busy_poll(bus->loop, config->busy_poll_usec);
        if (!init_reload(context, error))
                return NULL;
        init_activation(bus);
        if (!open_listeners(context, error) || !start_accepting(context, error))
                return NULL;
        return g_steal_pointer(&bus);
}

int context_run(Bus *bus) {
        /* the process may have changed its user since it was made */
        bus->uid = geteuid();
        containers_host_reload(bus);
        (void)accounts_set_config(bus->accounts, bus->config, NULL);
        reload_watch(context_of(bus)->reload, bus->config);
        return loop_run(bus->loop);
}

/* --- the end --- */

static void close_everything(Bus *bus) {
        LIST_FOREACH(node, &bus->all)
                connection_close(CONTAINER_OF(node, Connection, all));
        connection_end_turn(bus);
}

static void free_registries(Bus *bus) {
        hash_table_clear(&bus->connections);
        hash_table_clear(&bus->users);
        hash_table_clear(&bus->sightings);
        names_clear(&bus->names);
        replies_clear(&bus->replies);
        g_clear_pointer(&bus->matches, match_index_free);
        g_clear_pointer(&bus->monitor_matches, match_index_free);
        input_arena_clear(&bus->arena);
        transport_trim();
}

void context_free(Bus *bus) {
        if (!bus)
                return;
        Context *context = context_of(bus);
        if (bus->loop) {
                g_ptr_array_set_size(context->acceptors, 0);
                containers_host_stop(bus);
                close_everything(bus);
        }
        g_clear_pointer(&context->opt_ins, opt_ins_free);
        g_clear_pointer(&bus->activation, activation_free);
        containers_host_free(bus);
        driver_clear(bus);
        free_registries(bus);
        g_clear_pointer(&context->reload, reload_free);
        g_clear_pointer(&bus->accounts, accounts_free);
        g_clear_pointer(&bus->owner_check, owner_check_free);
        g_clear_pointer(&context->workers, workers_free);
        g_ptr_array_unref(context->acceptors);
        g_ptr_array_unref(context->listeners);
        if (bus->loop)
                loop_remove(bus->loop, &context->lsm);
        g_clear_pointer(&bus->loop, loop_free);
        policy_forget();
        lsm_clear();
        policy_unref(bus->policy);
        config_unref(bus->config);
        g_clear_pointer(&bus->environment, g_hash_table_unref);
        g_free(bus->stamp.facts);
        g_free(bus->address);
        g_free(context);
}
