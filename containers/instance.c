/* SPDX-License-Identifier: MIT */
/*
 * What is known of one container server. No life-cycle here: that is the registry's, which alone
 * changes the state.
 */
#include "containers/instance.h"

#include "base/fdset.h"
#include "containers/credentials.h"

/* Times what one connection may hold (containers1, section 7). */
#define QUOTA_FACTOR 4

#define CREDENTIAL_PREFIX "org.freedesktop.DBus.Containers1."

static ContainerPolicyFlags get_policy_flags(ServerFlags flags) {
        ContainerPolicyFlags result = 0;

        if (flags & SERVER_PERMISSIVE)
                result |= CONTAINER_POLICY_PERMISSIVE;
        if (flags & SERVER_UNRESTRICTED)
                result |= CONTAINER_POLICY_UNRESTRICTED;
        return result;
}

Instance *instance_new(uint64_t number, ServerArguments *arguments, Identity *creator,
                       const QuotaLimits *limits) {
        Instance *instance = g_new0(Instance, 1);

        instance->n_refs = 1;
        instance->state = INSTANCE_STOPPED;
        instance->number = number;
        g_snprintf(instance->path, sizeof instance->path,
                   CONTAINERS_PATH_PREFIX "%" G_GUINT64_FORMAT, number);
        instance->type = g_steal_pointer(&arguments->type);
        instance->app_id = g_steal_pointer(&arguments->app_id);
        instance->instance_id = g_steal_pointer(&arguments->instance_id);
        instance->metadata = arguments->metadata;
        arguments->metadata = (Metadata){ 0 };
        instance->creator = identity_ref(creator);
        identity_load_all(creator);
        instance->policy = container_policy_new(number, get_policy_flags(arguments->flags));
        instance->policy->instance = instance;
        for (guint i = 0; i < arguments->rules->len; i++)
                container_policy_add_rule(instance->policy, g_ptr_array_index(arguments->rules, i));
        quota_init(&instance->quota, NULL, limits, QUOTA_FACTOR);
        instance->flags = arguments->flags;
        instance->max_connections = arguments->max_connections;
        instance->uids = g_steal_pointer(&arguments->uids);
        instance->n_uids = arguments->n_uids;
        list_init(&instance->connections);
        instance->socket_fd = g_steal_fd(&arguments->listen_fd);
        instance->file = arguments->file;
        arguments->file = (SocketFile){ 0 };
        instance->ready_fd = g_steal_fd(&arguments->ready_fd);
        instance->stop_fd = g_steal_fd(&arguments->stop_fd);
        return instance;
}

Instance *instance_ref(Instance *instance) {
        instance->n_refs++;
        return instance;
}

void instance_unref(Instance *instance) {
        if (!instance || --instance->n_refs > 0)
                return;
        g_assert(!instance->registry && !instance->ready_watch && !instance->stop_watch &&
                 !instance->socket_path);
        quota_clear(&instance->quota);
        instance->policy->instance = NULL;
        container_policy_unref(instance->policy);
        identity_unref(instance->creator);
        socket_file_clear(&instance->file);
        auto_fd_close(&instance->socket_fd);
        auto_fd_close(&instance->ready_fd);
        auto_fd_close(&instance->stop_fd);
        metadata_clear(&instance->metadata);
        denial_history_clear(&instance->denials);
        g_free(instance->type);
        g_free(instance->app_id);
        g_free(instance->instance_id);
        g_free(instance->uids);
        g_free(instance);
}

bool instance_allows_uid(const Instance *instance, uid_t uid) {
        for (size_t i = 0; i < instance->n_uids; i++)
                if (instance->uids[i] == uid)
                        return true;
        return false;
}

bool instance_is_managed_by(const Instance *instance, uid_t uid, uid_t bus_uid) {
        if (uid == IDENTITY_NO_UID)
                return false;
        return uid == instance->creator->uid || uid == 0 || uid == bus_uid;
}

void instance_write_info(const Instance *instance, Writer *writer) {
        size_t mark = writer_open_array(writer, "{sv}");

        credentials_write(writer, instance->creator, CREDENTIALS_DEFAULT);
        writer_close_array(writer, mark);
        writer_add_string(writer, instance->type);
        writer_add_string(writer, instance->app_id);
        writer_add_string(writer, instance->instance_id);
        metadata_write(&instance->metadata, writer);
}

void instance_write_rules(const Instance *instance, Writer *writer) {
        const GPtrArray *rules = container_rules_get(instance->policy->rules);
        size_t mark = writer_open_array(writer, "(usos)");

        for (guint i = 0; i < rules->len; i++) {
                const ContainerRule *rule = g_ptr_array_index(rules, i);

                writer_open_struct(writer, "(usos)");
                writer_add_u32(writer, rule->flags);
                writer_add_string(writer, rule->bus_name);
                writer_add_path(writer, rule->object_path);
                writer_add_string(writer, rule->interface);
                writer_close_struct(writer);
        }
        writer_close_array(writer, mark);
}

void instance_write_credentials(const Instance *instance, Writer *writer) {
        writer_add_entry_path(writer, CREDENTIAL_PREFIX "Path", instance->path);
        writer_add_entry_string(writer, CREDENTIAL_PREFIX "Type", instance->type);
        writer_add_entry_string(writer, CREDENTIAL_PREFIX "AppId", instance->app_id);
        writer_add_entry_string(writer, CREDENTIAL_PREFIX "InstanceId", instance->instance_id);
        writer_add_entry_u32(writer, CREDENTIAL_PREFIX "CreatorUserID", instance->creator->uid);
}
