/* SPDX-License-Identifier: MIT */
/*
 * What the containers need done above them, by the bus that accepts, polls and routes.
 *
 * One struct of operations, filled in by bus/ and lent to the registry. A Connection is an opaque
 * pointer here.
 */
#pragma once

#include "base/quota.h"
#include "policy/config.h"
#include "policy/service-grants.h"
#include "wire/message.h"
#include "wire/method.h"
#include "wire/writer.h"

typedef struct Instance Instance; /* containers/instance.h */

/* Who owns a bus name, as far as GetConnectionInfo wants to know. */
typedef struct ContainersPeer {
        bool exists;        /* the name has an owner, or is the bus's own */
        bool visible;       /* the caller who asks may know that (true for an uncontained one) */
        Instance *instance; /* borrowed; NULL: not contained, or the bus itself */
} ContainersPeer;

/* Whom a signal may reach. Always only uncontained receivers with a matching rule. */
typedef struct ContainersAudience {
        bool by_uid; /* only receivers with @uid, uid 0 or the bus's own uid */
        uid_t uid;
} ContainersAudience;

typedef struct ContainersHost {
        void *host; /* first argument of every operation */

        uid_t bus_uid;
        const char *guid; /* of the bus: in addresses, and said by SASL on contained sockets */
        const Config *config;            /* in force; the host replaces it when it reloads */
        const QuotaLimits *quota_limits; /* of a connection; an instance holds four times that */
        const char *socket_directory;    /* for sockets that the bus makes; NULL: the usual place */

        /*
         * listen_add() - accepts on @fd for @instance from now on
         *
         * Each accepted connection is offered to registry_connection_opened() before anything is
         * read from it. When accept() fails for good (not for want of descriptors),
         * registry_listen_failed() is told.
         * @fd may be shared with its manager, who can make it blocking again or take connections
         * out of its queue at any time: accept with listen_socket_accept(). Return: 0, and @fd is
         * the host's; else -errno.
         */
        int (*listen_add)(void *host, Instance *instance, int fd);

        /*
         * listen_remove() - accepts no more, closes the descriptor of listen_add(), and every
         * connection of @instance that has not authenticated yet, calling
         * registry_connection_closed() for these before it returns
         */
        void (*listen_remove)(void *host, Instance *instance);

        /*
         * watch_add() - calls @ready once, when @fd becomes readable, hangs up or has an error
         * @fd:        borrowed, stays open until watch_remove()
         * @ret_watch: to be given to watch_remove(), also after @ready was called, also from inside
         *             it
         *
         * Never calls @ready before it returns. Return: 0, else -errno; -EPERM for what cannot be
         * polled.
         */
        int (*watch_add)(void *host, int fd, void (*ready)(void *user), void *user,
                         void **ret_watch);
        void (*watch_remove)(void *host, void *watch);

        /*
         * disconnect_instance() - closes all connections of @instance, calling
         * registry_connection_closed() for each before it returns; memory may be freed later
         */
        void (*disconnect_instance)(void *host, Instance *instance);

        /* emit_signal() - sends signal @member of Containers1 with @body, which is left for the
         * caller to clear */
        void (*emit_signal)(void *host, const char *member, Writer *body,
                            const ContainersAudience *audience);

        ContainersPeer (*find_peer)(void *host, void *caller, WireString bus_name);
        Instance *(*instance_of)(void *host, void *connection); /* NULL: uncontained */

        /* grants_of() - where the opt-ins of @connection are kept; the host frees them with the
         * connection */
        ServiceGrants **(*grants_of)(void *host, void *connection);

        /* request_header() - @connection gets the container header field from now on */
        void (*request_header)(void *host, void *connection);

        /* request_facts() - @connection gets these of STAMP_FACTS from now on, and no others */
        void (*request_facts)(void *host, void *connection, StampForm facts);

        /*
         * limit_reached() - records that @call was refused because of a <limit>
         * @instance: that it was about; NULL: none
         * @rule:     as quota_format_limit() says it
         */
        void (*limit_reached)(void *host, const MethodCall *call, const Instance *instance,
                              const char *rule);

        /* server_failed() - logs why a living server is gone; @error is an errno or 0 */
        void (*server_failed)(void *host, const Instance *instance, const char *reason, int error);

        /* server_removed() - the last chance to log something of @instance; NULL: nobody wants to */
        void (*server_removed)(void *host, Instance *instance);
} ContainersHost;
