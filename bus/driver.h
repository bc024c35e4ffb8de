/* SPDX-License-Identifier: MIT */
/*
 * org.freedesktop.DBus: dispatch of method calls to the interfaces that the bus itself serves.
 *
 * Checks come in this order: path and interface, member, what contained connections may never do,
 * privilege, path of this member, signature, then the handler.
 */
#pragma once

#include "bus/connection.h"
#include "wire/method.h"

/* Whom activation and environment are left to where it runs. */
#define DRIVER_SYSTEMD_NAME "org.freedesktop.systemd1"

/** driver_init() - a driver without interfaces; driver_clear() frees what it made */
void driver_init(Bus *bus);
void driver_clear(Bus *bus);

/**
 * driver_add_table() - serves @table, with @user for its handlers; both borrowed for good. In
 * order of introspection
 */
void driver_add_table(Bus *bus, const MethodTable *table, void *user);

/**
 * driver_message() - BusHooks.driver_message: a message to the driver, or to nobody, that the
 * verdict let through
 *
 * Return: false when the sender got an error; messages that are no calls are at most ignored.
 */
bool driver_message(Bus *bus, Connection *sender, const Message *message);

/* An interface as it is served. */
typedef struct DriverTable {
        const MethodTable *table; /* borrowed */
        void *user;               /* borrowed; for its handlers */
} DriverTable;

/** driver_get_table() - the interface at position @index; NULL behind the last one */
const DriverTable *driver_get_table(const Bus *bus, unsigned index);

/** driver_find_table() - the interface called @interface, NULL if there is none */
const DriverTable *driver_find_table(const Bus *bus, WireString interface);

/* Most that there ever was at once, for statistics; unique names count. */
typedef struct DriverPeaks {
        uint64_t n_names, n_names_of_one; /* of all connections, of a single one */
        uint64_t n_matches, n_matches_of_one;
} DriverPeaks;

const DriverPeaks *driver_get_peaks(const Bus *bus);

/** driver_note_peaks() - to be called when @connection has got one more name or match rule */
void driver_note_peaks(Bus *bus, const Connection *connection);

/** driver_count_names() - names that have an owner, unique ones included */
uint64_t driver_count_names(const Bus *bus);

/**
 * driver_begin_signal() - an empty body for a signal of the bus, which the router takes; one
 * at a time
 */
Writer *driver_begin_signal(Bus *bus);

/* --- for handlers; their user pointer is the Bus --- */

/** driver_caller() - the connection that calls */
static inline Connection *driver_caller(const MethodCall *call) {
        return call->connection;
}

/**
 * driver_find_systemd() - who is asked to start services and told their variables; NULL: nobody yet
 *
 * Never a contained connection: whatever it may own, what others start is hidden from it.
 */
Connection *driver_find_systemd(const Bus *bus);

/** driver_sees() - whether @observer may know that @name exists; true for an uncontained one */
static inline bool driver_sees(Bus *bus, Connection *observer, WireString name) {
        return !observer->instance || bus->hooks.sees_name(bus, observer, name);
}

/* Longest piece of a client's text that goes into an error. */
#define DRIVER_TEXT_MAX 255

/* How a WireString goes into an error's text: printf("%.*s", DRIVER_TEXT(string)). */
#define DRIVER_TEXT(string) (int)MIN((string).length, DRIVER_TEXT_MAX), (string).data

/**
 * driver_find_seen() - the primary owner of @name, a name that @call asks for
 *
 * What is only seen because the caller's container is permissive is reported. Return: NULL when
 * nobody owns it, or the caller may not know.
 */
Connection *driver_find_seen(Bus *bus, const MethodCall *call, WireString name);

/**
 * driver_find_peer() - reads the name that is the only argument of @call and finds who owns it
 * @ret_name: the name as given
 * @ret_peer: its primary owner; NULL: the bus itself
 *
 * Return: false when @call has failed with NameHasNoOwner: nobody owns the name, or the caller may
 * not know.
 */
bool driver_find_peer(Bus *bus, MethodCall *call, WireString *ret_name, Connection **ret_peer);

/** driver_fail_limit() - LimitsExceeded, and a record of it; @rule as quota_format_limit() says it
 */
bool driver_fail_limit(Bus *bus, MethodCall *call, const char *rule);

/** driver_fail_quota() - the same for @n more of @kind, which the caller or its container may not
 * have */
bool driver_fail_quota(Bus *bus, MethodCall *call, QuotaKind kind, uint64_t n);

/**
 * driver_fail_denied() - AccessDenied, and a record of @verdict; @text says what was not
 * allowed
 */
bool driver_fail_denied(Bus *bus, MethodCall *call, const PolicyVerdict *verdict, const char *text);
