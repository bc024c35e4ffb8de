/* SPDX-License-Identifier: MIT */
/*
 * The bus that a tool talks to, and calls of org.freedesktop.DBus.Containers1 on it.
 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

#define CONTAINERS_INTERFACE "org.freedesktop.DBus.Containers1"
#define ERROR_NOT_CONTAINER "org.freedesktop.DBus.Error.NotContainer"

/* What the user said about the bus. Embed it zeroed, hand it to bus_options_add(). */
typedef struct BusOptions {
        gboolean system; /* gboolean, as GOption wants it */
        gboolean session;
        char *address; /* owned */
} BusOptions;

/**
 * bus_options_add() - adds --system, --session and --address to a command's options
 * @options: where the answers go; must outlive @context
 */
void bus_options_add(BusOptions *options, GOptionContext *context);

/** bus_options_clear() - frees what parsing put into @options */
void bus_options_clear(BusOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BusOptions, bus_options_clear)

/**
 * bus_options_get_variable() - the environment variable in which clients of the chosen bus look
 * for its address
 */
const char *bus_options_get_variable(const BusOptions *options);

/**
 * bus_client_connect() - opens a connection to the chosen bus
 *
 * Return: the connection, caller owns it; NULL with @error saying which bus was tried and what to
 *         do.
 */
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

/** bus_client_error_is() - whether @error is the D-Bus error of this name */
bool bus_client_error_is(const GError *error, const char *name);

/**
 * bus_client_error_text() - what to tell the user about @error of bus_client_call(); newly
 * allocated
 */
char *bus_client_error_text(const GError *error);
