/* SPDX-License-Identifier: MIT */
/*
 * All container servers and their lives.
 *
 * A server lives while it can still produce connections or has an authenticated one; whoever ends
 * the last of these here removes it, and ServerRemoved is emitted at that moment, once.
 */
#pragma once

#include "containers/instance.h"

typedef struct Registry Registry;

/** registry_new() - @host is borrowed and outlives the registry */
Registry *registry_new(const ContainersHost *host);

/**
 * registry_prepare() - makes the directory for sockets that the bus makes, while it still has the
 * privilege
 *
 * To be called before the bus changes its user; @uid is the one that it will have. The directory is
 * also made and looked at whenever it is needed. Return: false with @error set.
 */
bool registry_prepare(Registry *registry, uid_t uid, GError **error);

/** registry_shutdown() - the bus exits: stops all listening and unlinks sockets; emits nothing */
void registry_shutdown(Registry *registry);

/** registry_free() - after registry_shutdown(), when all connections are gone. NULL is fine */
void registry_free(Registry *registry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Registry, registry_free)

/** registry_get_host() - as given */
const ContainersHost *registry_get_host(const Registry *registry);

/** registry_find() - the living server at @path; NULL if there is none. O(1) */
Instance *registry_find(const Registry *registry, WireString path);

/** registry_foreach() - all living servers, in the order in which they were added */
void registry_foreach(const Registry *registry, void (*visit)(Instance *instance, void *user),
                      void *user);

/** registry_get_count() - number of living servers */
size_t registry_get_count(const Registry *registry);

/**
 * registry_add() - makes a server and starts it
 * @call:      fails with LimitsExceeded, InvalidArgs (a descriptor that cannot be polled) or
 *             Failed; nothing is left then
 * @arguments: moved from
 * @ret_instance: borrowed, living; ServerAdded has been emitted
 */
bool registry_add(Registry *registry, MethodCall *call, ServerArguments *arguments,
                  Instance **ret_instance);

/**
 * registry_stop_listening() - no new connections; removes @instance if it has none. Twice is fine
 */
void registry_stop_listening(Registry *registry, Instance *instance);

/** registry_stop() - the same, and closes its connections */
void registry_stop(Registry *registry, Instance *instance);

/**
 * registry_connection_opened() - somebody connected to the socket of @instance
 * @uid: what the kernel says
 *
 * Return: false when it must be closed without an answer; else registry_connection_closed() is due
 * once.
 */
bool registry_connection_opened(Registry *registry, Instance *instance,
                                uid_t uid) G_GNUC_WARN_UNUSED_RESULT;

/**
 * registry_find_limit() - what is in the way of one more connection, for the record of a refused one
 * @ret_value: set when there is something
 *
 * Return: name of a limit, constant; NULL: none.
 */
const char *registry_find_limit(const Registry *registry, const Instance *instance,
                                uint64_t *ret_value);

/**
 * registry_connection_authenticated() - it is past authentication and keeps the server alive from
 * now on
 */
void registry_connection_authenticated(Registry *registry, Instance *instance);

/**
 * registry_connection_closed() - an opened connection is gone
 * @was_authenticated: whether registry_connection_authenticated() was called for it
 *
 * May remove @instance. The connection's reference stays valid.
 */
void registry_connection_closed(Registry *registry, Instance *instance, bool was_authenticated);

/** registry_listen_failed() - accepting does not work any more; @error is an errno */
void registry_listen_failed(Registry *registry, Instance *instance, int error);

/**
 * registry_manager_gone() - an uncontained connection has disconnected. O(1) for one that made no
 * servers
 */
void registry_manager_gone(Registry *registry, void *connection);

/** registry_get_grant_account() - what the services of @uid have granted together; borrowed, until
 * the next call of this function unless referenced */
GrantAccount *registry_get_grant_account(Registry *registry, uid_t uid);

/**
 * registry_add_grants() - lists new opt-ins of a service, so that those to one server go with it
 */
void registry_add_grants(Registry *registry, ServiceGrants *grants);
