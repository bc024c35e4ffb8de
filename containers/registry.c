/* SPDX-License-Identifier: MIT */
/*
 * The life of container servers.
 *
 *     registry_add()  ->  WAITING  --ReadyNotify-->  LISTENING  --stop-->  STOPPED  --last
 *     connection gone-->  REMOVED
 *                            \------------------------stop--------------/
 *
 * Every way to stop ends in stop_listening(), every way to end in remove_if_dead(); nothing else
 * changes a state. Operations of the host call back into the registry while they close connections,
 * so that whoever uses an instance after one of them holds a reference.
 */
#include "containers/registry.h"

#include "base/fdset.h"
#include "containers/listen-socket.h"
#include "containers/socket-path.h"
#include "wire/protocol.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct Registry {
        const ContainersHost *host; /* borrowed */
        HashTable by_number;
        HashTable by_manager;       /* those whose manager is connected */
        ListNode all;               /* Instance, in the order of their numbers; each a reference */
        size_t n_instances;
        GHashTable *per_uid;        /* of creators, to their number of servers; no entry for none */
        ListNode grants;            /* ServiceGrants, borrowed */
        GHashTable *grant_accounts; /* uid to GrantAccount, a reference */
        uint64_t next_number;
        char *directory;            /* owned; NULL: there is none for sockets that the bus makes */
        mode_t directory_mode;
        bool shut_down;
};

/* Modes of the directory and the sockets in it are a matter of who else has to reach them. */
#define PRIVATE_DIRECTORY_MODE 0700
#define PUBLIC_DIRECTORY_MODE 0755
#define PRIVATE_SOCKET_MODE 0600
#define PUBLIC_SOCKET_MODE 0666

static void unref_account(void *account) {
        grant_account_unref(account);
}

Registry *registry_new(const ContainersHost *host) {
        Registry *registry = g_new0(Registry, 1);

        registry->host = host;
        list_init(&registry->all);
        list_init(&registry->grants);
        registry->per_uid = g_hash_table_new(NULL, NULL);
        registry->grant_accounts = g_hash_table_new_full(NULL, NULL, NULL, unref_account);
        registry->directory = host->socket_directory ? g_strdup(host->socket_directory)
                                                     : socket_path_get_directory();
        /* Only root's bus has users who may not look into its runtime directory. */
        registry->directory_mode = geteuid() == 0 ? PUBLIC_DIRECTORY_MODE : PRIVATE_DIRECTORY_MODE;
        return registry;
}

void registry_free(Registry *registry) {
        if (!registry)
                return;
        g_assert(registry->n_instances == 0);
        /* Connections that end later take their opt-ins with them. */
        while (!list_is_empty(&registry->grants))
                list_remove(registry->grants.next);
        hash_table_clear(&registry->by_number);
        hash_table_clear(&registry->by_manager);
        g_hash_table_unref(registry->per_uid);
        g_hash_table_unref(registry->grant_accounts);
        g_free(registry->directory);
        g_free(registry);
}

const ContainersHost *registry_get_host(const Registry *registry) {
        return registry->host;
}

size_t registry_get_count(const Registry *registry) {
        return registry->n_instances;
}

void registry_add_grants(Registry *registry, ServiceGrants *grants) {
        list_append(&registry->grants, service_grants_get_node(grants));
}

static gboolean is_unused(void *uid, void *account, void *user) {
        (void)uid;
        (void)user;
        return !grant_account_is_used(account);
}

GrantAccount *registry_get_grant_account(Registry *registry, uid_t uid) {
        GrantAccount *account =
                g_hash_table_lookup(registry->grant_accounts, GUINT_TO_POINTER(uid));

        if (account)
                return account;
        /* those whose services have gone make room, so that there are never more than services */
        g_hash_table_foreach_remove(registry->grant_accounts, is_unused, NULL);
        account = grant_account_new();
        g_hash_table_insert(registry->grant_accounts, GUINT_TO_POINTER(uid), account);
        return account;
}

bool registry_prepare(Registry *registry, uid_t uid, GError **error) {
        if (registry->directory)
                return socket_path_prepare(registry->directory, uid, registry->directory_mode,
                                           error);
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "no directory for sockets of containers: XDG_RUNTIME_DIR is not set");
        return false;
}

/* The N of a path; false for one that no server can have. */
static bool parse_path(WireString path, uint64_t *ret_number) {
        size_t n_prefix = strlen(CONTAINERS_PATH_PREFIX);
        uint64_t number = 0;

        if (path.length <= n_prefix || path.length > n_prefix + 20 ||
            memcmp(path.data, CONTAINERS_PATH_PREFIX, n_prefix) != 0)
                return false;
        if (path.data[n_prefix] == '0' && path.length > n_prefix + 1)
                return false;
        for (size_t i = n_prefix; i < path.length; i++) {
                unsigned digit = (unsigned)(path.data[i] - '0');

                if (digit > 9 || number > (UINT64_MAX - digit) / 10)
                        return false;
                number = number * 10 + digit;
        }
        *ret_number = number;
        return true;
}

Instance *registry_find(const Registry *registry, WireString path) {
        uint64_t number;

        if (!parse_path(path, &number))
                return NULL;
        HASH_TABLE_FOREACH_MATCH(node, &registry->by_number, hash_u64(number)) {
                Instance *instance = CONTAINER_OF(node, Instance, by_number);

                if (instance->number == number)
                        return instance;
        }
        return NULL;
}

void registry_foreach(const Registry *registry, void (*visit)(Instance *instance, void *user),
                      void *user) {
        LIST_FOREACH(node, &registry->all)
                visit(CONTAINER_OF(node, Instance, all), user);
}

static void emit_path(Registry *registry, const char *member, const Instance *instance) {
        const ContainersAudience everybody = { .by_uid = false };
        g_auto(Writer) body = { 0 };

        if (registry->shut_down)
                return;
        writer_init(&body);
        writer_add_path(&body, instance->path);
        registry->host->emit_signal(registry->host->host, member, &body, &everybody);
}

static void count_server(Registry *registry, uid_t uid, int change) {
        gpointer key = GUINT_TO_POINTER(uid);
        guint count = GPOINTER_TO_UINT(g_hash_table_lookup(registry->per_uid, key)) + (guint)change;

        if (count == 0)
                g_hash_table_remove(registry->per_uid, key);
        else
                g_hash_table_insert(registry->per_uid, key, GUINT_TO_POINTER(count));
}

static uint64_t hash_manager(const void *manager) {
        return hash_u64((uint64_t)(uintptr_t)manager);
}

static void forget_manager(Registry *registry, Instance *instance) {
        if (!instance->manager)
                return;
        hash_table_remove(&registry->by_manager, &instance->by_manager);
        instance->manager = NULL;
}

static void withdraw_grants(Registry *registry, uint64_t number) {
        LIST_FOREACH(node, &registry->grants)
                service_grants_withdraw(service_grants_from_node(node), number);
}

/* Ends a server that can have no more connections and has none. */
static void remove_if_dead(Registry *registry, Instance *instance) {
        if (instance->state != INSTANCE_STOPPED || instance->n_authenticated > 0 ||
            !instance->registry)
                return;
        instance->state = INSTANCE_REMOVED;
        instance->registry = NULL;
        instance->policy->instance = NULL;
        forget_manager(registry, instance);
        hash_table_remove(&registry->by_number, &instance->by_number);
        list_remove(&instance->all);
        registry->n_instances--;
        count_server(registry, instance->creator->uid, -1);
        withdraw_grants(registry, instance->number);
        emit_path(registry, "ServerRemoved", instance);
        if (registry->host->server_removed)
                registry->host->server_removed(registry->host->host, instance);
        instance_unref(instance);
}

static void drop_watch(Registry *registry, void **watch, int *fd) {
        if (*watch)
                registry->host->watch_remove(registry->host->host, g_steal_pointer(watch));
        auto_fd_close(fd);
        *fd = -1;
}

static void drop_socket_file(Instance *instance) {
        if (instance->socket_path)
                unlink(instance->socket_path);
        g_clear_pointer(&instance->socket_path, g_free);
}

/* Everything that could produce connections goes; may remove the instance when one of its
 * connections is closed. */
static void stop_listening(Registry *registry, Instance *instance) {
        InstanceState before = instance->state;

        if (before != INSTANCE_WAITING && before != INSTANCE_LISTENING)
                return;
        instance->state = INSTANCE_STOPPED;
        drop_watch(registry, &instance->ready_watch, &instance->ready_fd);
        drop_watch(registry, &instance->stop_watch, &instance->stop_fd);
        drop_socket_file(instance);
        socket_file_unlink(&instance->file);
        auto_fd_close(&instance->socket_fd);
        instance->socket_fd = -1;
        if (before == INSTANCE_LISTENING)
                registry->host->listen_remove(registry->host->host, instance);
}

void registry_stop_listening(Registry *registry, Instance *instance) {
        G_GNUC_UNUSED g_autoptr(Instance) kept = instance_ref(instance);

        stop_listening(registry, instance);
        remove_if_dead(registry, instance);
}

void registry_stop(Registry *registry, Instance *instance) {
        G_GNUC_UNUSED g_autoptr(Instance) kept = instance_ref(instance);

        stop_listening(registry, instance);
        if (instance->n_connections > 0)
                registry->host->disconnect_instance(registry->host->host, instance);
        remove_if_dead(registry, instance);
}

/* StopOnNotify or the end of the manager. */
static void stop_by_itself(Registry *registry, Instance *instance) {
        if (instance->flags & SERVER_DISCONNECT_ON_STOP)
                registry_stop(registry, instance);
        else
                registry_stop_listening(registry, instance);
}

void registry_listen_failed(Registry *registry, Instance *instance, int error) {
        G_GNUC_UNUSED g_autoptr(Instance) kept = instance_ref(instance);

        registry->host->server_failed(registry->host->host, instance,
                                      "its socket takes no connections any more", error);
        registry_stop_listening(registry, instance);
}

/* The manager says that the socket listens now. Return: NULL, or what is wrong. */
static const char *start_listening(Registry *registry, Instance *instance, int *ret_error) {
        const char *wrong = listen_socket_check(instance->socket_fd, LISTEN_SOCKET_LISTENING);
        int r;

        *ret_error = 0;
        if (wrong)
                return wrong;
        r = registry->host->listen_add(registry->host->host, instance, instance->socket_fd);
        *ret_error = -r;
        if (r < 0)
                return "cannot be polled";
        instance->socket_fd = -1;
        instance->state = INSTANCE_LISTENING;
        return NULL;
}

static void ready(void *user) {
        Instance *instance = user;
        Registry *registry = instance->registry;
        int error;

        drop_watch(registry, &instance->ready_watch, &instance->ready_fd);
        const char *wrong = start_listening(registry, instance, &error);
        if (!wrong)
                return;
        g_autofree char *reason = g_strdup_printf("ReadyNotify came, but the socket %s", wrong);
        registry->host->server_failed(registry->host->host, instance, reason, error);
        registry_stop_listening(registry, instance);
}

static void stop_notified(void *user) {
        Instance *instance = user;

        stop_by_itself(instance->registry, instance);
}

void registry_manager_gone(Registry *registry, void *connection) {
        HashNode *node = hash_table_find(&registry->by_manager, hash_manager(connection));

        while (node) {
                Instance *instance = CONTAINER_OF(node, Instance, by_manager);

                if (instance->manager != connection) {
                        node = hash_node_next_match(node->next, hash_manager(connection));
                        continue;
                }
                forget_manager(registry, instance);
                if (instance->flags & SERVER_STOP_ON_DISCONNECT)
                        stop_by_itself(registry, instance);
                /* What happened there may have changed the chain. */
                node = hash_table_find(&registry->by_manager, hash_manager(connection));
        }
}

static bool fail_limit(Registry *registry, MethodCall *call, const char *limit, uint64_t value) {
        g_autofree char *rule = quota_format_limit(NULL, limit, value);

        registry->host->limit_reached(registry->host->host, call, NULL, rule);
        return method_fail(call, ERROR_LIMITS_EXCEEDED,
                           "There are as many container servers as %s (%" G_GUINT64_FORMAT
                           ") allows",
                           limit, value);
}

static bool check_limits(Registry *registry, MethodCall *call) {
        const ConfigLimits *limits = &registry->host->config->limits;
        guint of_user = GPOINTER_TO_UINT(
                g_hash_table_lookup(registry->per_uid, GUINT_TO_POINTER(call->caller->uid)));

        if (registry->n_instances >= limits->max_containers)
                return fail_limit(registry, call, "max_containers", limits->max_containers);
        if (of_user >= limits->max_containers_per_user)
                return fail_limit(registry, call, "max_containers_per_user",
                                  limits->max_containers_per_user);
        return true;
}

/* The socket's file has to be reachable for all who may connect; who that is is checked again when
 * they do. */
static mode_t get_socket_mode(const Registry *registry, const Instance *instance) {
        if (instance->n_uids == 1 && instance->uids[0] == registry->host->bus_uid)
                return PRIVATE_SOCKET_MODE;
        return PUBLIC_SOCKET_MODE;
}

static bool make_socket(Registry *registry, MethodCall *call, Instance *instance) {
        g_autoptr(GError) error = NULL;

        if (!registry_prepare(registry, geteuid(), &error))
                return method_fail(call, ERROR_FAILED, "Cannot make a socket: %s", error->message);
        instance->socket_fd =
                socket_path_listen(registry->directory, get_socket_mode(registry, instance),
                                   &instance->socket_path, &error);
        if (instance->socket_fd < 0)
                return method_fail(call, ERROR_FAILED, "Cannot make a socket: %s", error->message);
        return true;
}

static bool add_watch(Registry *registry, MethodCall *call, Instance *instance, const char *name) {
        bool is_ready = strcmp(name, "ReadyNotify") == 0;
        int r = registry->host->watch_add(
                registry->host->host, is_ready ? instance->ready_fd : instance->stop_fd,
                is_ready ? ready : stop_notified, instance,
                is_ready ? &instance->ready_watch : &instance->stop_watch);

        if (r == 0)
                return true;
        /* Nobody's fault but the kernel's: no memory, no watches left. */
        if (r == -ENOMEM || r == -ENOSPC)
                return method_fail(call, ERROR_LIMITS_EXCEEDED, "%s: %s", name, g_strerror(-r));
        return method_fail(call, ERROR_INVALID_ARGS,
                           "%s: expected a descriptor that can be polled: %s", name,
                           g_strerror(-r));
}

/* Everything that can fail; on failure undo() makes it as before. */
static bool start(Registry *registry, MethodCall *call, Instance *instance) {
        int r;

        if (instance->socket_fd < 0 && !make_socket(registry, call, instance))
                return false;
        if (instance->stop_fd >= 0 && !add_watch(registry, call, instance, "StopOnNotify"))
                return false;
        if (instance->ready_fd >= 0) {
                instance->state = INSTANCE_WAITING;
                return add_watch(registry, call, instance, "ReadyNotify");
        }
        r = registry->host->listen_add(registry->host->host, instance, instance->socket_fd);
        if (r < 0)
                return method_fail(call, ERROR_FAILED, "Cannot accept connections: %s",
                                   g_strerror(-r));
        instance->socket_fd = -1;
        instance->state = INSTANCE_LISTENING;
        return true;
}

static void undo(Registry *registry, Instance *instance) {
        drop_watch(registry, &instance->ready_watch, &instance->ready_fd);
        drop_watch(registry, &instance->stop_watch, &instance->stop_fd);
        drop_socket_file(instance);
        instance->state = INSTANCE_REMOVED;
}

static void insert(Registry *registry, Instance *instance, void *manager) {
        instance->registry = registry;
        instance->manager = manager;
        registry->next_number++;
        registry->n_instances++;
        hash_table_add(&registry->by_number, &instance->by_number, hash_u64(instance->number));
        hash_table_add(&registry->by_manager, &instance->by_manager, hash_manager(manager));
        list_append(&registry->all, &instance->all);
        count_server(registry, instance->creator->uid, 1);
}

bool registry_add(Registry *registry, MethodCall *call, ServerArguments *arguments,
                  Instance **ret_instance) {
        if (!check_limits(registry, call))
                return false;
        g_autoptr(Instance) instance = instance_new(registry->next_number, arguments, call->caller,
                                                    registry->host->quota_limits);
        if (!start(registry, call, instance)) {
                undo(registry, instance);
                return false;
        }
        insert(registry, instance, call->connection);
        *ret_instance = g_steal_pointer(&instance);
        emit_path(registry, "ServerAdded", *ret_instance);
        return true;
}

const char *registry_find_limit(const Registry *registry, const Instance *instance,
                                uint64_t *ret_value) {
        const ConfigLimits *limits = &registry->host->config->limits;

        *ret_value = limits->max_connections_per_container;
        if (instance->n_connections >= *ret_value)
                return "max_connections_per_container";
        *ret_value = instance->max_connections;
        return instance->n_connections >= *ret_value ? "MaxConnections" : NULL;
}

bool registry_connection_opened(Registry *registry, Instance *instance, uid_t uid) {
        uint64_t value;

        if (instance->state != INSTANCE_LISTENING || !instance_allows_uid(instance, uid) ||
            registry_find_limit(registry, instance, &value))
                return false;
        instance->n_connections++;
        return true;
}

void registry_connection_authenticated(Registry *registry, Instance *instance) {
        (void)registry;
        instance->n_authenticated++;
}

void registry_connection_closed(Registry *registry, Instance *instance, bool was_authenticated) {
        g_assert(instance->n_connections > 0);
        instance->n_connections--;
        if (!was_authenticated)
                return;
        g_assert(instance->n_authenticated > 0);
        instance->n_authenticated--;
        remove_if_dead(registry, instance);
}

void registry_shutdown(Registry *registry) {
        registry->shut_down = true;
        LIST_FOREACH(node, &registry->all) {
                Instance *instance = CONTAINER_OF(node, Instance, all);

                registry_stop_listening(registry, instance);
        }
}
