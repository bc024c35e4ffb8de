/* SPDX-License-Identifier: MIT */
/*
 * The kernel queues callers of all users in one line, so that whoever waits for a place keeps those
 * behind it waiting. As long as the places are taken by several users, or by root or the user of
 * the bus, who comes waits, as with the reference implementation. Another user who has taken most
 * of them gives way: to others its oldest connection, to itself the new one.
 */
#include "bus/incomplete.h"

#include "base/log.h"
#include "bus/connection.h"

static bool is_incomplete(const Connection *connection) {
        return connection->id == 0 && connection->state != CONNECTION_CLOSED;
}

static unsigned count_of_uid(const Bus *bus, uid_t uid) {
        unsigned n = 0;

        LIST_FOREACH(node, &bus->all) {
                const Connection *connection = CONTAINER_OF(node, Connection, all);

                if (is_incomplete(connection) && connection->identity->uid == uid)
                        n++;
        }
        return n;
}

static Connection *find_oldest(const Bus *bus, uid_t uid) {
        LIST_FOREACH(node, &bus->all) {
                Connection *connection = CONTAINER_OF(node, Connection, all);

                if (is_incomplete(connection) && connection->identity->uid == uid)
                        return connection;
        }
        return NULL;
}

static bool may_be_hung_up_on(const Bus *bus, uid_t uid) {
        return uid != 0 && uid != bus->uid && uid != IDENTITY_NO_UID;
}

/* The user with more than half of the places: who has most of them is found by voting. */
static bool find_hog(const Bus *bus, uid_t *ret_uid) {
        uid_t candidate = 0;
        unsigned votes = 0;

        LIST_FOREACH(node, &bus->all) {
                const Connection *connection = CONTAINER_OF(node, Connection, all);

                if (!is_incomplete(connection))
                        continue;
                if (votes == 0)
                        candidate = connection->identity->uid;
                if (connection->identity->uid == candidate)
                        votes++;
                else
                        votes--;
        }
        *ret_uid = candidate;
        return may_be_hung_up_on(bus, candidate) &&
               count_of_uid(bus, candidate) * 2 > bus->n_incomplete;
}

static bool all_taken(const Bus *bus) {
        return bus->n_incomplete >= bus->config->limits.max_incomplete_connections;
}

bool incomplete_is_full(const Bus *bus) {
        uid_t hog;

        return all_taken(bus) && !find_hog(bus, &hog);
}

static void log_crowd(Bus *bus, uid_t uid) {
        unsigned n_left_out;

        if (!log_rate_allow(&bus->expiry_rate, loop_now_usec(bus->loop), &n_left_out))
                return;
        LogRecord *record = log_record_new(LOG_LEVEL_NOTICE,
                                           "closed a connection of a user who has most of those "
                                           "that have not said Hello");
        log_record_add_number(record, "UID", uid);
        log_record_add_number(record, "LeftOut", n_left_out);
        log_record_submit(record);
}

bool incomplete_make_room(Bus *bus, uid_t uid) {
        Connection *oldest;
        uid_t hog;

        if (!all_taken(bus) || !find_hog(bus, &hog))
                return true;
        log_crowd(bus, hog);
        oldest = hog == uid ? NULL : find_oldest(bus, hog);
        if (!oldest)
                return false;
        connection_close(oldest);
        return true;
}
