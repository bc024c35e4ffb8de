/* SPDX-License-Identifier: MIT */
/*
 * The bus that a tool talks to, and calls of org.freedesktop.DBus.Containers1 on it.
 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

#define CONTAINERS_INTERFACE "org.freedesktop.DBus.Containers1"
#define STATS_INTERFACE "org.freedesktop.DBus.Debug.Stats"
#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define ERROR_NO_OWNER "org.freedesktop.DBus.Error.NameHasNoOwner"
#define ERROR_NOT_CONTAINER "org.freedesktop.DBus.Error.NotContainer"

typedef enum BusKind {
        BUS_SESSION,
        BUS_SYSTEM,
        N_BUSES,
} BusKind;

/* What the user said about the bus. Embed it zeroed, hand it to bus_options_add(). */
typedef struct BusOptions {
        gboolean system; /* gboolean, as GOption wants it */
        gboolean session;
        gboolean both; /* only after bus_options_add_both() */
        char *address; /* owned */
} BusOptions;

/**
 * bus_options_add() - adds --system, --session and --address to a command's options
 * @options: where the answers go; must outlive @context
 */
void bus_options_add(BusOptions *options, GOptionContext *context);

/** bus_options_add_both() - adds --both, for commands that can use two buses at a time */
void bus_options_add_both(BusOptions *options, GOptionContext *context);

/** bus_options_clear() - frees what parsing put into @options */
void bus_options_clear(BusOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BusOptions, bus_options_clear)

/**
 * bus_options_check() - whether the options agree with each other
 *
 * Return: false with @error saying which do not.
 */
bool bus_options_check(const BusOptions *options, GError **error);

/**
 * bus_options_has() - whether @bus is one of those that were chosen; the session bus if none
 * was
 */
bool bus_options_has(const BusOptions *options, BusKind bus);

/** bus_kind_get_name() - "session" or "system"; constant */
const char *bus_kind_get_name(BusKind bus);

/**
 * bus_kind_get_variable() - the environment variable in which clients look for the address of
 * @bus
 */
const char *bus_kind_get_variable(BusKind bus);

/**
 * bus_client_open() - opens a connection to @bus, or to the address that @options has for it
 *
 * Return: the connection, caller owns it; NULL with @error saying which bus was tried and what to
 *         do.
 */
GDBusConnection *bus_client_open(const BusOptions *options, BusKind bus, GError **error);

/** bus_client_connect() - checks @options and opens a connection to the one bus that they choose */
GDBusConnection *bus_client_connect(const BusOptions *options, GError **error);

/**
 * bus_client_call() - calls a method of Containers1 and waits for its answer
 * @arguments:  floating or not, as g_dbus_connection_call(); NULL for none
 * @reply_type: what the answer must be
 * @fds:        descriptors that @arguments refer to, borrowed, or NULL
 *
 * Return: the answer, caller owns it; NULL with @error, in which the name of a D-Bus error stays
 *         readable
 *         through g_dbus_error_get_remote_error() and the text is fit to be shown.
 */
GVariant *bus_client_call(GDBusConnection *connection, const char *member, GVariant *arguments,
                          const char *reply_type, GUnixFDList *fds, GError **error);

/**
 * bus_client_call_interface() - the same for another interface of the bus, without descriptors
 */
GVariant *bus_client_call_interface(GDBusConnection *connection, const char *interface,
                                    const char *member, GVariant *arguments,
                                    const char *reply_type, GError **error);

/**
 * bus_client_find_module() - the security module that mediates on the bus, "AppArmor" or "SELinux";
 * newly allocated, NULL: none does
 */
char *bus_client_find_module(GDBusConnection *connection);

/** bus_client_error_is() - whether @error is the D-Bus error of this name */
bool bus_client_error_is(const GError *error, const char *name);

/**
 * bus_client_error_text() - what to tell the user about @error of bus_client_call(); newly
 * allocated
 */
char *bus_client_error_text(const GError *error);
