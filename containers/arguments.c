/* SPDX-License-Identifier: MIT */
/*
 * Arguments of AddServer. A table says which named arguments there are, of which type, and who
 * reads them; what one argument means for another is checked when all are read, so that their order
 * does not matter. What a manager can make the bus keep is bounded before it is copied.
 */
#include "containers/arguments.h"

#include "base/fdset.h"
#include "base/log.h"
#include "containers/listen-socket.h"
#include "containers/notify-fd.h"
#include "wire/protocol.h"
#include "wire/syntax.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is known while the arguments are read. */
typedef struct Parse {
        MethodCall *call;
        ArgumentsContext *context;
        ServerArguments *arguments;
        GPtrArray *groups;  /* owned; of const RuleGroup *, borrowed, each once */
        unsigned seen;      /* bits of the table */
        bool has_users, has_other_users;
        RuleRoom room;      /* for rules */
} Parse;

typedef bool (*ArgumentReader)(Parse *parse, const char *name, Reader *value);

static void free_rule(gpointer rule) {
        container_rule_free(rule);
}

void arguments_clear(ServerArguments *arguments) {
        g_clear_pointer(&arguments->type, g_free);
        g_clear_pointer(&arguments->app_id, g_free);
        g_clear_pointer(&arguments->instance_id, g_free);
        metadata_clear(&arguments->metadata);
        g_clear_pointer(&arguments->rules, g_ptr_array_unref);
        socket_file_clear(&arguments->file);
        auto_fd_close(&arguments->listen_fd);
        auto_fd_close(&arguments->ready_fd);
        auto_fd_close(&arguments->stop_fd);
        g_clear_pointer(&arguments->uids, g_free);
        arguments->listen_fd = arguments->ready_fd = arguments->stop_fd = -1;
}

static bool fail_invalid(Parse *parse, const char *name, const char *text) {
        return method_fail(parse->call, ERROR_INVALID_ARGS, "%s: %s", name, text);
}

static bool fail_limit(MethodCall *call, ArgumentsContext *context, const char *limit,
                       uint64_t value) {
        context->exceeded = limit;
        context->exceeded_value = value;
        return method_fail(call, ERROR_LIMITS_EXCEEDED,
                           "This would be more than %s (%" G_GUINT64_FORMAT ") allows", limit,
                           value);
}

static bool fail_rules(MethodCall *call, ArgumentsContext *context) {
        return fail_limit(call, context, "max_rules_per_container",
                          context->config->limits.max_rules_per_container);
}

/* One struct of flags, name, path, interface; @ret_rule borrows its texts. */
static bool read_rule(MethodCall *call, Reader *inside, const char *what, guint number,
                      ContainerRule *ret_rule) {
        WireString name = { 0 }, path = { 0 }, interface = { 0 };
        g_autoptr(GError) error = NULL;
        uint32_t flags = 0;

        if (!reader_get_u32(inside, &flags) || !reader_get_string(inside, &name) ||
            !reader_get_path(inside, &path) || !reader_get_string(inside, &interface))
                return method_fail(call, ERROR_INVALID_ARGS, "%s: expected an array of (usos)",
                                   what);
        if (path.length > CONTAINER_RULE_MAX_PATH)
                return method_fail(call, ERROR_INVALID_ARGS,
                                   "%s, rule %u: an object path of more than %u bytes", what,
                                   number, CONTAINER_RULE_MAX_PATH);
        *ret_rule = (ContainerRule){ flags, (char *)name.data, (char *)path.data,
                                     (char *)interface.data };
        if (container_rule_check(ret_rule, &error))
                return true;
        return method_fail(call, ERROR_INVALID_ARGS, "%s, rule %u: %s", what, number,
                           error->message);
}

bool arguments_read_rules(MethodCall *call, Reader *reader, ArgumentsContext *context,
                          RuleRoom *room, const char *what, GPtrArray *rules) {
        Reader array, inside;
        ContainerRule rule;

        if (!reader_enter(reader, 'a', &array))
                return method_fail(call, ERROR_INVALID_ARGS, "%s: expected an array of (usos)",
                                   what);
        while (reader_peek(&array)) {
                if (room->n_rules == 0)
                        return fail_rules(call, context);
                if (!reader_enter(&array, '(', &inside))
                        return method_fail(call, ERROR_INVALID_ARGS,
                                           "%s: expected an array of (usos)", what);
                if (!read_rule(call, &inside, what, rules->len + 1, &rule))
                        return false;
                if (!rule_room_take(room, &rule))
                        return fail_rules(call, context);
                g_ptr_array_add(rules, container_rule_copy(&rule));
        }
        return true;
}

static bool read_allow(Parse *parse, const char *name, Reader *value) {
        return arguments_read_rules(parse->call, value, parse->context, &parse->room, name,
                                    parse->arguments->rules);
}

/* Only remembers them: their rules come behind those of Allow. */
static bool read_groups(Parse *parse, const char *name, Reader *value) {
        Reader array;
        WireString group;

        if (!reader_enter(value, 'a', &array))
                return fail_invalid(parse, name, "expected an array of strings");
        while (reader_get_string(&array, &group)) {
                const RuleGroup *found = config_find_group(parse->context->config, group.data);

                if (!found) {
                        g_autofree char *shown = log_escape(group.data);

                        return method_fail(parse->call, ERROR_INVALID_ARGS,
                                           "%s: the bus has no group of rules named %s", name,
                                           shown);
                }
                if (!g_ptr_array_find(parse->groups, found, NULL))
                        g_ptr_array_add(parse->groups, (gpointer)found);
        }
        return true;
}

static bool read_fd(Parse *parse, const char *name, Reader *value, int *ret_fd) {
        const FdSet *fds = parse->call->message->fds;
        uint32_t index = 0;

        if (!reader_get_fd(value, &index) || !fds || index >= fds->n_fds)
                return fail_invalid(parse, name,
                                    "expected a file descriptor that comes with the message");
        *ret_fd = fdset_dup(fds, index);
        if (*ret_fd < 0)
                return method_fail(parse->call, ERROR_LIMITS_EXCEEDED, "%s: %s", name,
                                   g_strerror(errno));
        return true;
}

static bool read_listen_socket(Parse *parse, const char *name, Reader *value) {
        return read_fd(parse, name, value, &parse->arguments->listen_fd);
}

static bool read_notify_fd(Parse *parse, const char *name, Reader *value, int *ret_fd) {
        if (!read_fd(parse, name, value, ret_fd))
                return false;
        return notify_fd_check(*ret_fd) ||
               fail_invalid(parse, name, "expected a socket, a pipe, an eventfd or a pidfd");
}

static bool read_ready_notify(Parse *parse, const char *name, Reader *value) {
        return read_notify_fd(parse, name, value, &parse->arguments->ready_fd);
}

static bool read_stop_on_notify(Parse *parse, const char *name, Reader *value) {
        return read_notify_fd(parse, name, value, &parse->arguments->stop_fd);
}

static bool read_flag(Parse *parse, const char *name, Reader *value, ServerFlags flag) {
        bool set;

        if (!reader_get_bool(value, &set))
                return fail_invalid(parse, name, "expected a boolean");
        if (set)
                parse->arguments->flags |= flag;
        else
                parse->arguments->flags &= ~flag;
        return true;
}

static bool read_stop_on_disconnect(Parse *parse, const char *name, Reader *value) {
        return read_flag(parse, name, value, SERVER_STOP_ON_DISCONNECT);
}

static bool read_disconnect_on_stop(Parse *parse, const char *name, Reader *value) {
        return read_flag(parse, name, value, SERVER_DISCONNECT_ON_STOP);
}

static bool read_permissive(Parse *parse, const char *name, Reader *value) {
        return read_flag(parse, name, value, SERVER_PERMISSIVE);
}

/*
 * The bus unlinks what its own user could unlink, and does nobody else's work with its rights. It
 * also looks at nobody else's file: a file system may take its time to answer.
 */
static bool read_unlink_socket(Parse *parse, const char *name, Reader *value) {
        ServerArguments *arguments = parse->arguments;
        auto_fd fd = -1;
        struct stat status;

        if (parse->call->caller->uid != parse->context->bus_uid)
                return method_fail(parse->call, ERROR_ACCESS_DENIED,
                                   "%s: only for the bus's own user", name);
        if (!read_fd(parse, name, value, &fd))
                return false;
        if (fstat(fd, &status) < 0)
                return fail_invalid(parse, name, "expected a descriptor of a file");
        arguments->file.device = status.st_dev;
        arguments->file.inode = status.st_ino;
        arguments->flags |= SERVER_UNLINK_SOCKET;
        return true;
}

static bool is_privileged(const Parse *parse) {
        uid_t uid = parse->call->caller->uid;

        return uid == 0 || uid == parse->context->bus_uid;
}

static int compare_uids(const void *a, const void *b) {
        uid_t x = *(const uid_t *)a, y = *(const uid_t *)b;

        return x < y ? -1 : x > y;
}

/* Sorts and drops duplicates. */
static size_t sort_uids(uid_t *uids, size_t n_uids) {
        size_t n_unique = 0;

        qsort(uids, n_uids, sizeof *uids, compare_uids);
        for (size_t i = 0; i < n_uids; i++)
                if (i == 0 || uids[i] != uids[i - 1])
                        uids[n_unique++] = uids[i];
        return n_unique;
}

/* Without the privilege nothing but the caller's own uid is kept, however long the list is. */
static bool read_users(Parse *parse, const char *name, Reader *value) {
        g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(uid_t));
        uid_t own = parse->call->caller->uid;
        Reader array;
        uint32_t number;

        if (!reader_enter(value, 'a', &array))
                return fail_invalid(parse, name, "expected an array of user ids");
        while (reader_get_u32(&array, &number)) {
                uid_t uid = number;

                if (uid == (uid_t)-1)
                        return fail_invalid(parse, name, "4294967295 is nobody's user id");
                parse->has_other_users |= uid != own;
                if (uids->len == 0 || is_privileged(parse))
                        g_array_append_val(uids, uid);
        }
        if (uids->len == 0)
                return fail_invalid(parse, name, "expected at least one user id");
        parse->has_users = true;
        parse->arguments->n_uids = sort_uids((uid_t *)(void *)uids->data, uids->len);
        parse->arguments->uids = (uid_t *)(void *)g_array_free(g_steal_pointer(&uids), FALSE);
        return true;
}

static bool read_max_connections(Parse *parse, const char *name, Reader *value) {
        uint32_t number = 0;

        if (!reader_get_u32(value, &number) || number == 0)
                return fail_invalid(parse, name, "expected a number above 0");
        parse->arguments->max_connections = number;
        return true;
}

static const struct {
        const char *name, *type;
        ArgumentReader read;
} table[] = {
        { "Allow", "a(usos)", read_allow },
        { "Groups", "as", read_groups },
        { "ListenSocket", "h", read_listen_socket },
        { "ReadyNotify", "h", read_ready_notify },
        { "StopOnDisconnect", "b", read_stop_on_disconnect },
        { "StopOnNotify", "h", read_stop_on_notify },
        { "DisconnectOnStop", "b", read_disconnect_on_stop },
        { "Users", "au", read_users },
        { "MaxConnections", "u", read_max_connections },
        { "Permissive", "b", read_permissive },
        { "UnlinkSocket", "h", read_unlink_socket },
};

#define BIT_ALLOW 1u /* of the first row */

const char *const *arguments_get_supported(void) {
        static const char *names[G_N_ELEMENTS(table) + 1];

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
                names[i] = table[i].name;
        return names;
}

/* One entry of the named arguments: its key, and its value in a variant. */
static bool read_named(Parse *parse, WireString key, Reader *value) {
        g_autofree char *shown = log_escape(key.data);

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                WireString type = { .data = value->type,
                                    .length = (uint32_t)(value->type_end - value->type) };

                if (!wire_string_is(key, table[i].name))
                        continue;
                if (parse->seen & (1u << i))
                        return fail_invalid(parse, shown, "expected once");
                parse->seen |= 1u << i;
                if (!wire_string_is(type, table[i].type))
                        return method_fail(parse->call, ERROR_INVALID_ARGS,
                                           "%s: expected a value of type %s, not %.*s", shown,
                                           table[i].type, (int)type.length, type.data);
                return table[i].read(parse, table[i].name, value);
        }
        return method_fail(parse->call, ERROR_INVALID_ARGS,
                           "%s: not a known argument, see SupportedArguments", shown);
}

static bool read_all_named(Parse *parse, Reader *reader) {
        Reader array, entry, value;
        WireString key;

        if (!reader_enter(reader, 'a', &array))
                return fail_invalid(parse, "arguments", "expected a{sv}");
        while (reader_peek(&array)) {
                if (!reader_enter(&array, '{', &entry) || !reader_get_string(&entry, &key) ||
                    !reader_enter(&entry, 'v', &value))
                        return fail_invalid(parse, "arguments", "expected a{sv}");
                if (!read_named(parse, key, &value))
                        return false;
        }
        return true;
}

static bool read_metadata(Parse *parse, Reader *reader, size_t n_strings) {
        uint64_t limit = parse->context->config->limits.max_container_metadata_bytes;
        size_t left = n_strings > limit ? 0 : (size_t)MIN(limit - n_strings, SIZE_MAX);

        switch (metadata_read(reader, left, &parse->arguments->metadata)) {
        case METADATA_OK:
                return true;
        case METADATA_TOO_LARGE:
                return fail_limit(parse->call, parse->context, "max_container_metadata_bytes",
                                  limit);
        case METADATA_HAS_FDS:
                return fail_invalid(parse, "metadata", "file descriptors are not kept");
        case METADATA_INVALID:
                break;
        }
        return fail_invalid(parse, "metadata", "expected a{sv}");
}

static bool read_identity(Parse *parse, Reader *reader) {
        WireString type = { 0 }, app_id = { 0 }, instance_id = { 0 };

        if (!reader_get_string(reader, &type) || !reader_get_string(reader, &app_id) ||
            !reader_get_string(reader, &instance_id))
                return fail_invalid(parse, "arguments", "expected three strings first");
        if (!syntax_is_interface(type.data, type.length))
                return fail_invalid(parse, "type",
                                    "expected a reversed domain name, like org.flatpak");
        if (!read_metadata(parse, reader, (size_t)type.length + app_id.length + instance_id.length))
                return false;
        parse->arguments->type = g_strndup(type.data, type.length);
        parse->arguments->app_id = g_strndup(app_id.data, app_id.length);
        parse->arguments->instance_id = g_strndup(instance_id.data, instance_id.length);
        return true;
}

static bool expand_groups(Parse *parse) {
        GPtrArray *rules = parse->arguments->rules;

        for (guint i = 0; i < parse->groups->len; i++) {
                const RuleGroup *group = g_ptr_array_index(parse->groups, i);
                g_autoptr(GError) error = NULL;
                g_autoptr(GPtrArray) more =
                        container_rule_parse_text(group->text, group->file, group->line, &error);

                if (!more)
                        return method_fail(parse->call, ERROR_FAILED, "Groups: %s", error->message);
                for (guint k = 0; k < more->len; k++)
                        if (!rule_room_take(&parse->room, g_ptr_array_index(more, k)))
                                return fail_rules(parse->call, parse->context);
                g_ptr_array_extend_and_steal(rules, g_steal_pointer(&more));
        }
        return true;
}

static bool find_file(Parse *parse) {
        ServerArguments *arguments = parse->arguments;

        if (!(arguments->flags & SERVER_UNLINK_SOCKET))
                return true;
        if (arguments->listen_fd < 0 || arguments->ready_fd >= 0)
                return fail_invalid(parse, "UnlinkSocket",
                                    "expected together with a ListenSocket that listens");
        if (!socket_file_find(arguments->listen_fd, &arguments->file))
                return fail_invalid(parse, "UnlinkSocket",
                                    "expected the file that ListenSocket is bound to, and that its "
                                    "path leads the bus to");
        return true;
}

static bool check_sockets(Parse *parse) {
        const ServerArguments *arguments = parse->arguments;
        const char *wrong;

        if (arguments->listen_fd < 0 && arguments->ready_fd >= 0)
                return fail_invalid(parse, "ReadyNotify", "expected together with ListenSocket");
        if (arguments->listen_fd < 0)
                return true;
        wrong = listen_socket_check(arguments->listen_fd, arguments->ready_fd < 0
                                                                  ? LISTEN_SOCKET_LISTENING
                                                                  : LISTEN_SOCKET_ANY);
        if (wrong)
                return method_fail(parse->call, ERROR_INVALID_ARGS,
                                   "ListenSocket: expected an AF_UNIX SOCK_STREAM socket that "
                                   "listens; this one %s",
                                   wrong);
        return true;
}

/* What arguments mean together. */
static bool finish(Parse *parse) {
        ServerArguments *arguments = parse->arguments;

        if (!check_sockets(parse) || !find_file(parse))
                return false;
        if (parse->has_other_users && !is_privileged(parse))
                return method_fail(
                        parse->call, ERROR_ACCESS_DENIED,
                        "Users: only uid 0 and the bus's own user may let other users connect");
        if (!parse->has_users) {
                arguments->uids = g_new(uid_t, 1);
                arguments->uids[0] = parse->call->caller->uid;
                arguments->n_uids = 1;
        }
        if (!(parse->seen & BIT_ALLOW) && parse->context->config->containers_unrestricted)
                arguments->flags |= SERVER_UNRESTRICTED;
        return expand_groups(parse);
}

bool arguments_parse(MethodCall *call, ArgumentsContext *context, ServerArguments *ret_arguments) {
        g_autoptr(GPtrArray) groups = g_ptr_array_new();
        g_auto(ServerArguments) arguments = {
                .flags = SERVER_STOP_ON_DISCONNECT,
                .rules = g_ptr_array_new_with_free_func(free_rule),
                .listen_fd = -1,
                .ready_fd = -1,
                .stop_fd = -1,
                .max_connections = UINT32_MAX,
        };
        Parse parse = {
                .call = call,
                .context = context,
                .arguments = &arguments,
                .groups = groups,
                .room = rule_room_get(context->config->limits.max_rules_per_container, 0, 0),
        };
        Reader reader = call->body;

        if (!read_identity(&parse, &reader) || !read_all_named(&parse, &reader) || !finish(&parse))
                return false;
        *ret_arguments = arguments;
        /* Moved: what the clean-up finds is nobody's. */
        arguments = (ServerArguments){ .listen_fd = -1, .ready_fd = -1, .stop_fd = -1 };
        return true;
}
