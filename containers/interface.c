/* SPDX-License-Identifier: MIT */
/*
 * Handlers of Containers1. Who may call at all, the object path and the signature have been checked
 * by the dispatcher; here it is what the arguments mean, and what a contained caller may learn.
 */
#include "containers/interface.h"

#include "containers/socket-path.h"
#include "wire/protocol.h"

#include <string.h>

static Instance *instance_of_caller(Registry *registry, const MethodCall *call) {
        const ContainersHost *host = registry_get_host(registry);

        return host->instance_of(host->host, call->connection);
}

static void report_limit(Registry *registry, const MethodCall *call,
                         const ArgumentsContext *context, const Instance *instance) {
        const ContainersHost *host = registry_get_host(registry);

        if (!context->exceeded)
                return;
        g_autofree char *rule =
                quota_format_limit(NULL, context->exceeded, context->exceeded_value);
        host->limit_reached(host->host, call, instance, rule);
}

static ArgumentsContext make_context(Registry *registry) {
        const ContainersHost *host = registry_get_host(registry);

        return (ArgumentsContext){ .config = host->config, .bus_uid = host->bus_uid };
}

static Instance *fail_not_container(MethodCall *call, WireString path) {
        method_fail(call, ERROR_NOT_CONTAINER, "There is no container server at %.*s",
                    (int)MIN(path.length, PROTOCOL_MAX_NAME), path.data);
        return NULL;
}

/* The server whose path is the next argument; NULL after method_fail(). */
static Instance *read_server(Registry *registry, MethodCall *call) {
        WireString path = { 0 };

        if (!reader_get_path(&call->body, &path)) {
                method_fail(call, ERROR_INVALID_ARGS,
                            "Expected the object path of a container server");
                return NULL;
        }
        Instance *instance = registry_find(registry, path);
        return instance ? instance : fail_not_container(call, path);
}

/* The same for methods that change it. */
static Instance *read_managed_server(Registry *registry, MethodCall *call) {
        Instance *instance = read_server(registry, call);

        if (!instance || instance_is_managed_by(instance, call->caller->uid,
                                                registry_get_host(registry)->bus_uid))
                return instance;
        method_fail(call, ERROR_ACCESS_DENIED, "The container server belongs to another user");
        return NULL;
}

/* The same for methods that tell about it: a contained caller knows of no other server than its
 * own. */
static Instance *read_known_server(Registry *registry, MethodCall *call) {
        Instance *own = instance_of_caller(registry, call);
        Instance *instance = read_server(registry, call);

        if (!instance || !own || instance == own)
                return instance;
        return fail_not_container(call, wire_string(instance->path));
}

static void write_results(Registry *registry, const Instance *instance, Writer *reply) {
        size_t mark = writer_open_array(reply, "{sv}");

        if (instance->socket_path) {
                g_autofree char *address = socket_path_to_address(
                        instance->socket_path, registry_get_host(registry)->guid);

                writer_add_entry_string(reply, "Address", address);
                writer_open_struct(reply, "{sv}");
                writer_add_string(reply, "SocketPath");
                writer_open_variant(reply, "ay");
                size_t bytes = writer_open_array(reply, "y");
                for (size_t i = 0; i <= strlen(instance->socket_path); i++)
                        writer_add_byte(reply, (uint8_t)instance->socket_path[i]);
                writer_close_array(reply, bytes);
                writer_close_variant(reply);
                writer_close_struct(reply);
        }
        writer_close_array(reply, mark);
}

static bool handle_add_server(MethodCall *call, void *user) {
        Registry *registry = user;
        ArgumentsContext context = make_context(registry);
        g_auto(ServerArguments) arguments = { .listen_fd = -1, .ready_fd = -1, .stop_fd = -1 };
        Instance *instance;

        if (!arguments_parse(call, &context, &arguments)) {
                report_limit(registry, call, &context, NULL);
                return false;
        }
        if (!registry_add(registry, call, &arguments, &instance))
                return false;
        writer_add_path(call->reply, instance->path);
        write_results(registry, instance, call->reply);
        return true;
}

static bool handle_stop_server(MethodCall *call, void *user) {
        Instance *instance = read_managed_server(user, call);

        if (!instance)
                return false;
        registry_stop(user, instance);
        return true;
}

static bool handle_stop_listening(MethodCall *call, void *user) {
        Instance *instance = read_managed_server(user, call);

        if (!instance)
                return false;
        registry_stop_listening(user, instance);
        return true;
}

static bool fail_no_owner(MethodCall *call, WireString name) {
        return method_fail(call, ERROR_NAME_HAS_NO_OWNER, "Nobody owns the name '%.*s'",
                           (int)MIN(name.length, PROTOCOL_MAX_NAME), name.data);
}

static bool handle_get_connection_info(MethodCall *call, void *user) {
        const ContainersHost *host = registry_get_host(user);
        Instance *own = instance_of_caller(user, call);
        WireString name = { 0 };

        if (!reader_get_string(&call->body, &name))
                return method_fail(call, ERROR_INVALID_ARGS, "Expected a bus name");
        ContainersPeer peer = host->find_peer(host->host, call->connection, name);
        if (!peer.exists || !peer.visible)
                return fail_no_owner(call, name);
        if (own && peer.instance != own)
                return method_fail(call, ERROR_ACCESS_DENIED,
                                   "Contained connections are told about their own server only");
        if (!peer.instance)
                return method_fail(call, ERROR_NOT_CONTAINER,
                                   "The connection is not in a container");
        writer_add_path(call->reply, peer.instance->path);
        instance_write_info(peer.instance, call->reply);
        return true;
}

static bool handle_get_server_info(MethodCall *call, void *user) {
        Instance *instance = read_known_server(user, call);

        if (!instance)
                return false;
        instance_write_info(instance, call->reply);
        return true;
}

static bool handle_get_server_rules(MethodCall *call, void *user) {
        Instance *instance = read_known_server(user, call);

        if (!instance)
                return false;
        instance_write_rules(instance, call->reply);
        return true;
}

static bool handle_request_header(MethodCall *call, void *user) {
        const ContainersHost *host = registry_get_host(user);

        host->request_header(host->host, call->connection);
        return true;
}

/* As the same facts are called in GetConnectionCredentials. */
static const struct {
        const char *name;
        StampForm form;
} sender_facts[] = {
        { "LinuxSecurityLabel", STAMP_LABEL },
        { "ProcessID", STAMP_PID },
        { "UnixUserID", STAMP_UID },
};

static StampForm find_fact(WireString name) {
        for (size_t i = 0; i < G_N_ELEMENTS(sender_facts); i++)
                if (wire_string_is(name, sender_facts[i].name))
                        return sender_facts[i].form;
        return STAMP_SENDER;
}

static bool handle_request_sender_facts(MethodCall *call, void *user) {
        const ContainersHost *host = registry_get_host(user);
        StampForm wanted = STAMP_SENDER;
        WireString name;
        Reader names;

        if (!reader_enter(&call->body, 'a', &names))
                return method_fail(call, ERROR_INVALID_ARGS, "Names of facts were expected");
        while (reader_get_string(&names, &name)) {
                StampForm form = find_fact(name);

                if (form == STAMP_SENDER)
                        return method_fail(call, ERROR_INVALID_ARGS,
                                           "No such fact, see SupportedSenderFacts");
                wanted |= form;
        }
        host->request_facts(host->host, call->connection, wanted);
        return true;
}

static void get_supported_sender_facts(Writer *writer, void *user) {
        size_t mark = writer_open_array(writer, "s");

        (void)user;
        for (size_t i = 0; i < G_N_ELEMENTS(sender_facts); i++)
                writer_add_string(writer, sender_facts[i].name);
        writer_close_array(writer, mark);
}

static void free_rule(gpointer rule) {
        container_rule_free(rule);
}

static bool handle_add_server_rules(MethodCall *call, void *user) {
        g_autoptr(GPtrArray) rules = g_ptr_array_new_with_free_func(free_rule);
        ArgumentsContext context = make_context(user);
        Instance *instance = read_managed_server(user, call);

        if (!instance)
                return false;
        RuleRoom room = container_rules_get_room(instance->policy->rules,
                                                 context.config->limits.max_rules_per_container);
        if (!arguments_read_rules(call, &call->body, &context, &room, "rules", rules)) {
                report_limit(user, call, &context, instance);
                return false;
        }
        for (guint i = 0; i < rules->len; i++)
                container_policy_add_rule(instance->policy, g_ptr_array_index(rules, i));
        return true;
}

static void write_path(Instance *instance, void *user) {
        writer_add_path(user, instance->path);
}

static bool handle_list_servers(MethodCall *call, void *user) {
        size_t mark = writer_open_array(call->reply, "o");

        registry_foreach(user, write_path, call->reply);
        writer_close_array(call->reply, mark);
        return true;
}

/* The server that an opt-in is for: a path, or / for all. */
static bool read_grantee(Registry *registry, MethodCall *call, uint64_t *ret_number) {
        WireString path = { 0 };
        Reader again = call->body;

        if (reader_get_path(&again, &path) && wire_string_is(path, "/")) {
                call->body = again;
                *ret_number = GRANTS_FOR_ALL;
                return true;
        }
        Instance *instance = read_server(registry, call);
        if (!instance)
                return false;
        *ret_number = instance->number;
        return true;
}

static bool read_grant(MethodCall *call, Reader *inside, guint number, ContainerRule *ret_rule) {
        static char none[] = "";
        g_autoptr(GError) error = NULL;
        WireString path = { 0 }, interface = { 0 };
        uint32_t flags = 0;

        if (!reader_get_u32(inside, &flags) || !reader_get_path(inside, &path) ||
            !reader_get_string(inside, &interface))
                return method_fail(call, ERROR_INVALID_ARGS, "rules: expected an array of (uos)");
        *ret_rule = (ContainerRule){ flags, none, (char *)path.data, (char *)interface.data };
        if (service_grants_check(ret_rule, &error))
                return true;
        return method_fail(call, ERROR_INVALID_ARGS, "rules, rule %u: %s", number, error->message);
}

/* What may still be granted. */
typedef struct GrantRoom {
        RuleRoom own, of_user;
} GrantRoom;

static GrantRoom get_grant_room(const ContainersHost *host, const ServiceGrants *grants,
                                const GrantAccount *account) {
        uint64_t limit = host->config->limits.max_rules_per_container;

        return (GrantRoom){ .own = service_grants_get_room(grants, limit),
                            .of_user = grant_account_get_room(account, limit) };
}

static bool fail_grants(Registry *registry, MethodCall *call, const GrantRoom *room) {
        const ContainersHost *host = registry_get_host(registry);
        uint64_t limit = host->config->limits.max_rules_per_container;
        bool of_user = room->of_user.n_rules < room->own.n_rules;
        g_autofree char *rule = quota_format_limit(
                of_user ? "user" : NULL, "max_rules_per_container",
                of_user ? grant_account_get_limit(limit) : limit);

        host->limit_reached(host->host, call, NULL, rule);
        return method_fail(call, ERROR_LIMITS_EXCEEDED, "This would be more than is allowed: %s",
                           rule);
}

static bool read_grants(Registry *registry, MethodCall *call, GrantRoom *room, GPtrArray *rules) {
        Reader array, inside;
        ContainerRule rule;

        if (!reader_enter(&call->body, 'a', &array))
                return method_fail(call, ERROR_INVALID_ARGS, "rules: expected an array of (uos)");
        while (reader_peek(&array)) {
                if (room->own.n_rules == 0 || room->of_user.n_rules == 0)
                        return fail_grants(registry, call, room);
                if (!reader_enter(&array, '(', &inside) ||
                    !read_grant(call, &inside, rules->len + 1, &rule))
                        return method_fail(call, ERROR_INVALID_ARGS,
                                           "rules: expected an array of (uos)");
                if (!rule_room_take(&room->own, &rule) || !rule_room_take(&room->of_user, &rule))
                        return fail_grants(registry, call, room);
                g_ptr_array_add(rules, container_rule_copy(&rule));
        }
        return true;
}

static bool handle_allow_containers(MethodCall *call, void *user) {
        const ContainersHost *host = registry_get_host(user);
        ServiceGrants **grants = host->grants_of(host->host, call->connection);
        GrantAccount *account = registry_get_grant_account(user, call->caller->uid);
        g_autoptr(GPtrArray) rules = g_ptr_array_new_with_free_func(free_rule);
        GrantRoom room = get_grant_room(host, *grants, account);
        uint64_t number;

        if (!read_grantee(user, call, &number) || !read_grants(user, call, &room, rules))
                return false;
        if (!*grants && rules->len > 0) {
                *grants = service_grants_new(account);
                registry_add_grants(user, *grants);
        }
        for (guint i = 0; i < rules->len; i++)
                service_grants_add(*grants, number, g_ptr_array_index(rules, i));
        return true;
}

static bool handle_withdraw_containers(MethodCall *call, void *user) {
        const ContainersHost *host = registry_get_host(user);
        ServiceGrants **grants = host->grants_of(host->host, call->connection);
        uint64_t number;

        if (!read_grantee(user, call, &number))
                return false;
        if (*grants)
                service_grants_withdraw(*grants, number);
        return true;
}

static void get_supported_arguments(Writer *writer, void *user) {
        size_t mark = writer_open_array(writer, "s");

        (void)user;
        for (const char *const *name = arguments_get_supported(); *name; name++)
                writer_add_string(writer, *name);
        writer_close_array(writer, mark);
}

void containers_emit_denied(Registry *registry, const Instance *instance, const Denial *denial) {
        const ContainersHost *host = registry_get_host(registry);
        const ContainersAudience overseers = { .by_uid = true,
                                               .uid = instance ? instance->creator->uid
                                                               : denial->uid };
        g_auto(Writer) body = { 0 };

        writer_init(&body);
        writer_add_path(&body, instance ? instance->path : "/");
        denial_write(denial, &body);
        host->emit_signal(host->host, "Denied", &body, &overseers);
}

static const MethodEntry methods[] = {
        { "AddServer", "sssa{sv}a{sv}", "oa{sv}", handle_add_server, METHOD_UNCONTAINED },
        { "StopServer", "o", "", handle_stop_server, METHOD_UNCONTAINED },
        { "StopListening", "o", "", handle_stop_listening, METHOD_UNCONTAINED },
        { "GetConnectionInfo", "s", "oa{sv}sssa{sv}", handle_get_connection_info, 0 },
        { "GetServerInfo", "o", "a{sv}sssa{sv}", handle_get_server_info, 0 },
        { "RequestHeader", "", "", handle_request_header, 0 },
        { "RequestSenderFacts", "as", "", handle_request_sender_facts, 0 },
        { "AddServerRules", "oa(usos)", "", handle_add_server_rules, METHOD_UNCONTAINED },
        { "GetServerRules", "o", "a(usos)", handle_get_server_rules, 0 },
        { "ListServers", "", "ao", handle_list_servers, METHOD_UNCONTAINED },
        { "AllowContainers", "oa(uos)", "", handle_allow_containers, METHOD_UNCONTAINED },
        { "WithdrawContainers", "o", "", handle_withdraw_containers, METHOD_UNCONTAINED },
        { 0 },
};

static const SignalEntry signals[] = {
        { "ServerAdded", "o" },
        { "ServerRemoved", "o" },
        { "Denied", "oa{sv}" },
        { 0 },
};

static const PropertyEntry properties[] = {
        { "SupportedArguments", "as", get_supported_arguments, true },
        { "SupportedSenderFacts", "as", get_supported_sender_facts, true },
        { 0 },
};

const MethodTable containers_interface = {
        .interface = CONTAINERS_INTERFACE,
        .methods = methods,
        .signals = signals,
        .properties = properties,
};
