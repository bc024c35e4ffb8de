/* SPDX-License-Identifier: MIT */
/*
 * Nobody is accepted beyond max_incomplete_connections, or while the process is out of descriptors:
 * all acceptors then stop listening to their sockets, whose queues hold the callers, until there is
 * room again. For descriptors that is tried anew every RETRY_USEC, since those may come free
 * anywhere in the system.
 */
#include "bus/acceptor.h"

#include "base/log.h"
#include "bus/connection.h"
#include "bus/incomplete.h"
#include "containers/registry.h"

#include <errno.h>

#define RETRY_USEC 100000

struct Acceptor {
        Bus *bus; /* borrowed */
        LoopSource source;
        ListNode all; /* in Bus.acceptors */
        AcceptFunction accept_one;
        Instance *instance; /* borrowed; NULL: none */
};

static void set_events(Bus *bus, uint32_t events) {
        LIST_FOREACH(node, &bus->acceptors)
                (void)loop_modify(bus->loop, &CONTAINER_OF(node, Acceptor, all)->source, events);
}

static void stop_all(Bus *bus) {
        if (bus->accepting_stopped)
                return;
        bus->accepting_stopped = true;
        set_events(bus, 0);
}

void acceptors_resume(Bus *bus) {
        if (!bus->accepting_stopped ||
            bus->n_incomplete >= bus->config->limits.max_incomplete_connections)
                return;
        bus->accepting_stopped = false;
        set_events(bus, EPOLLIN);
}

static void retry(LoopTimer *timer) {
        acceptors_resume(CONTAINER_OF(timer, Bus, accept_timer));
}

static bool is_shortage(int error) {
        return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void accept_failed(Acceptor *acceptor, int error) {
        Bus *bus = acceptor->bus;

        if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
                return;
        if (is_shortage(error)) {
                stop_all(bus);
                loop_arm(bus->loop, &bus->accept_timer, loop_now_usec(bus->loop) + RETRY_USEC,
                         retry);
                return;
        }
        if (acceptor->instance)
                registry_listen_failed(bus->registry, acceptor->instance, error);
        else
                log_message(LOG_LEVEL_WARNING, "cannot accept a connection: %s", g_strerror(error));
}

static void accept_from(Acceptor *acceptor, int fd) {
        Identity *identity = identity_new_from_socket(fd);

        if (identity && incomplete_make_room(acceptor->bus, identity->uid)) {
                (void)connection_accept(acceptor->bus, fd, identity, acceptor->instance);
                return;
        }
        if (identity)
                identity_unref(identity);
        close(fd);
}

/* One connection a turn: whether another waits is for epoll to say, which is asked anyway. */
static void acceptor_ready(LoopSource *source, uint32_t events) {
        Acceptor *acceptor = CONTAINER_OF(source, Acceptor, source);
        Bus *bus = acceptor->bus;

        /* Its manager has shut the socket down, which is told also while nobody is accepted. */
        if (acceptor->instance && !(events & EPOLLIN)) {
                registry_listen_failed(bus->registry, acceptor->instance, ESHUTDOWN);
                return;
        }
        if (incomplete_is_full(bus)) {
                stop_all(bus);
                return;
        }
        int fd = acceptor->accept_one(source->fd);
        if (fd < 0)
                accept_failed(acceptor, -fd);
        else
                accept_from(acceptor, fd);
}

Acceptor *acceptor_new(Bus *bus, int fd, AcceptFunction accept_one, Instance *instance,
                       int *ret_error) {
        Acceptor *acceptor = g_new0(Acceptor, 1);
        int r;

        acceptor->bus = bus;
        acceptor->accept_one = accept_one;
        acceptor->instance = instance;
        r = loop_add(bus->loop, &acceptor->source, fd, bus->accepting_stopped ? 0 : EPOLLIN,
                     acceptor_ready);
        if (r < 0) {
                g_free(acceptor);
                *ret_error = r;
                return NULL;
        }
        list_append(&bus->acceptors, &acceptor->all);
        return acceptor;
}

void acceptor_free(Acceptor *acceptor) {
        if (!acceptor)
                return;
        loop_remove(acceptor->bus->loop, &acceptor->source);
        list_remove(&acceptor->all);
        g_free(acceptor);
}
