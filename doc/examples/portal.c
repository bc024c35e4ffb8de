/* SPDX-License-Identifier: MIT */
/*
 * A portal in the manner of xdg-desktop-portal: every container may call it, and what it does
 * depends on who calls.
 *
 * There are two ways to know that, neither with a question for each message:
 *
 *  - Caller() looks at header field 10 of the call, which the bus puts there for who has called
 *    RequestHeader. The first time that a container server is seen, GetServerInfo tells about it;
 *    that is true until ServerRemoved.
 *  - CallerByCredentials() asks GetConnectionCredentials the first time that a connection is seen,
 *    which is true until NameOwnerChanged says that the connection has gone. For those who cannot
 *    see header fields.
 *
 * Both say "host" or "contained", and the app. Of a caller on the host there is nothing to look up
 * by header: the field is "/".
 *
 * User() and UserByCredentials() tell the caller's uid in the same two ways: by header field 240,
 * for who has called RequestSenderFacts, or by GetConnectionCredentials.
 */
#include <gio/gio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BUS "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define CONTAINERS "org.freedesktop.DBus.Containers1"
#define NAME "org.example.Portal"
#define PATH "/org/example/portal"
#define HEADER_CONTAINER 10 /* object path of the sender's container server, "/" for the host */
#define HEADER_USER_ID 240   /* uid of the sender */
#define RULE_CALL 0x02

static const char interfaces[] =
        "<node><interface name='org.example.Portal'>"
        "<method name='Caller'>"
        "<arg type='s' direction='out'/><arg type='s' direction='out'/></method>"
        "<method name='CallerByCredentials'>"
        "<arg type='s' direction='out'/><arg type='s' direction='out'/></method>"
        "<method name='User'><arg type='u' direction='out'/></method>"
        "<method name='UserByCredentials'><arg type='u' direction='out'/></method>"
        "<property name='Lookups' type='u' access='read'/>"
        "<property name='Known' type='u' access='read'/>"
        "</interface></node>";

/*
 * Who calls, as text: "host", or "contained" and the app after a colon. An app's id may be empty,
 * and must not look like the host then.
 */
#define HOST "host"
#define CONTAINED "contained:"

static struct {
        GDBusConnection *bus;
        GHashTable *by_server;     /* path of a server -> caller */
        GHashTable *by_connection; /* unique name -> credentials */
        GHashTable *watches;       /* unique name -> subscription */
        guint n_lookups;
} portal;

static GVariant *call_bus(const char *interface, const char *member, GVariant *arguments,
                          const char *reply, GError **error) {
        return g_dbus_connection_call_sync(portal.bus, BUS, BUS_PATH, interface, member, arguments,
                                           G_VARIANT_TYPE(reply), G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                                           error);
}

/* --- by header --- */

/* NULL: the bus knows no containers, or we forgot RequestHeader. */
static const char *get_server(GDBusMethodInvocation *invocation) {
        GDBusMessage *message = g_dbus_method_invocation_get_message(invocation);
        GVariant *field = g_dbus_message_get_header(message, HEADER_CONTAINER);

        if (!field || !g_variant_is_of_type(field, G_VARIANT_TYPE_OBJECT_PATH))
                return NULL;
        return g_variant_get_string(field, NULL);
}

static char *ask_server(const char *server, GError **error) {
        const char *app_id;
        g_autoptr(GVariant) info = call_bus(CONTAINERS, "GetServerInfo",
                                            g_variant_new("(o)", server), "(a{sv}sssa{sv})", error);

        portal.n_lookups++;
        if (!info)
                return NULL;
        g_variant_get_child(info, 2, "&s", &app_id);
        return g_strconcat(CONTAINED, app_id, NULL);
}

/* Return: the caller; NULL with @error set. */
static char *find_by_header(GDBusMethodInvocation *invocation, GError **error) {
        const char *server = get_server(invocation), *known;
        char *caller;

        if (!server) {
                g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                            "The bus does not say who you are");
                return NULL;
        }
        if (g_str_equal(server, "/"))
                return g_strdup(HOST);
        known = g_hash_table_lookup(portal.by_server, server);
        if (known)
                return g_strdup(known);
        caller = ask_server(server, error);
        if (caller)
                g_hash_table_insert(portal.by_server, g_strdup(server), g_strdup(caller));
        return caller;
}

static void server_removed(GDBusConnection *bus, const char *sender, const char *path,
                           const char *interface, const char *signal, GVariant *arguments,
                           gpointer user) {
        const char *server;

        (void)bus, (void)sender, (void)path, (void)interface, (void)signal, (void)user;
        g_variant_get(arguments, "(&o)", &server);
        g_hash_table_remove(portal.by_server, server);
}

/* --- by credentials --- */

static void forget_connection(const char *name) {
        gpointer watch;

        g_hash_table_remove(portal.by_connection, name);
        watch = g_hash_table_lookup(portal.watches, name);
        if (watch)
                g_dbus_connection_signal_unsubscribe(portal.bus, GPOINTER_TO_UINT(watch));
        g_hash_table_remove(portal.watches, name);
}

static void owner_changed(GDBusConnection *bus, const char *sender, const char *path,
                          const char *interface, const char *signal, GVariant *arguments,
                          gpointer user) {
        const char *name, *owner;

        (void)bus, (void)sender, (void)path, (void)interface, (void)signal, (void)user;
        g_variant_get(arguments, "(&s&s&s)", &name, NULL, &owner);
        if (owner[0] == '\0')
                forget_connection(name);
}

/* Before the question, or the connection could go between the answer and the watch. */
static void watch_connection(const char *name) {
        guint watch = g_dbus_connection_signal_subscribe(
                portal.bus, BUS, BUS, "NameOwnerChanged", BUS_PATH, name, G_DBUS_SIGNAL_FLAGS_NONE,
                owner_changed, NULL, NULL);

        g_hash_table_insert(portal.watches, g_strdup(name), GUINT_TO_POINTER(watch));
}

static GVariant *ask_connection(const char *name, GError **error) {
        g_autoptr(GVariant) reply = call_bus(BUS, "GetConnectionCredentials",
                                             g_variant_new("(s)", name), "(a{sv})", error);

        portal.n_lookups++;
        return reply ? g_variant_get_child_value(reply, 0) : NULL;
}

/* Return: borrowed; NULL with @error set. */
static GVariant *find_credentials(const char *sender, GError **error) {
        GVariant *credentials = g_hash_table_lookup(portal.by_connection, sender);

        if (credentials)
                return credentials;
        watch_connection(sender);
        credentials = ask_connection(sender, error);
        if (credentials)
                g_hash_table_insert(portal.by_connection, g_strdup(sender), credentials);
        else
                forget_connection(sender);
        return credentials;
}

static char *find_by_credentials(const char *sender, GError **error) {
        GVariant *credentials = find_credentials(sender, error);
        const char *app_id;

        if (!credentials)
                return NULL;
        if (!g_variant_lookup(credentials, CONTAINERS ".AppId", "&s", &app_id))
                return g_strdup(HOST);
        return g_strconcat(CONTAINED, app_id, NULL);
}

/* --- the object --- */

/* Return: "(ss)", floating; NULL with @error set. */
static GVariant *tell_caller(GDBusMethodInvocation *invocation, bool by_header, GError **error) {
        const char *sender = g_dbus_method_invocation_get_sender(invocation);
        g_autofree char *caller = by_header ? find_by_header(invocation, error)
                                            : find_by_credentials(sender, error);
        bool contained = caller && g_str_has_prefix(caller, CONTAINED);

        if (!caller)
                return NULL;
        return g_variant_new("(ss)", contained ? "contained" : "host",
                             contained ? caller + strlen(CONTAINED) : "");
}

/* Return: "(u)", floating; NULL with @error set. */
static GVariant *tell_user(GDBusMethodInvocation *invocation, bool by_header, GError **error) {
        GDBusMessage *message = g_dbus_method_invocation_get_message(invocation);
        GVariant *field = by_header ? g_dbus_message_get_header(message, HEADER_USER_ID) : NULL;
        GVariant *credentials;
        guint32 uid;

        if (field && g_variant_is_of_type(field, G_VARIANT_TYPE_UINT32))
                return g_variant_new("(u)", g_variant_get_uint32(field));
        credentials = find_credentials(g_dbus_method_invocation_get_sender(invocation), error);
        if (!credentials)
                return NULL;
        if (g_variant_lookup(credentials, "UnixUserID", "u", &uid))
                return g_variant_new("(u)", uid);
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                    "The bus does not know who you are");
        return NULL;
}

static void portal_call(GDBusConnection *bus, const char *sender, const char *path,
                        const char *interface, const char *method, GVariant *arguments,
                        GDBusMethodInvocation *invocation, gpointer user) {
        bool by_header = !g_str_has_suffix(method, "ByCredentials");
        g_autoptr(GError) error = NULL;
        GVariant *answer;

        (void)bus, (void)sender, (void)path, (void)interface, (void)arguments, (void)user;
        if (g_str_has_prefix(method, "User"))
                answer = tell_user(invocation, by_header, &error);
        else
                answer = tell_caller(invocation, by_header, &error);
        if (answer)
                g_dbus_method_invocation_return_value(invocation, answer);
        else
                g_dbus_method_invocation_return_gerror(invocation, error);
}

static GVariant *portal_get(GDBusConnection *bus, const char *sender, const char *path,
                            const char *interface, const char *property, GError **error,
                            gpointer user) {
        (void)bus, (void)sender, (void)path, (void)interface, (void)error, (void)user;
        if (g_str_equal(property, "Lookups"))
                return g_variant_new_uint32(portal.n_lookups);
        return g_variant_new_uint32(g_hash_table_size(portal.by_server) +
                                    g_hash_table_size(portal.by_connection));
}

static const GDBusInterfaceVTable vtable = { .method_call = portal_call,
                                             .get_property = portal_get };

/* --- start --- */

static void fail(const char *what, const GError *error) {
        g_printerr("portal: %s: %s\n", what, error->message);
        exit(EXIT_FAILURE);
}

static void open_to_containers(void) {
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        GVariantBuilder rules;

        g_variant_builder_init(&rules, G_VARIANT_TYPE("a(uos)"));
        g_variant_builder_add(&rules, "(uos)", RULE_CALL, PATH, "org.example.Portal");
        reply = call_bus(CONTAINERS, "AllowContainers", g_variant_new("(oa(uos))", "/", &rules),
                         "()", &error);
        if (!reply)
                fail("AllowContainers", error);
}

/* Where the bus does not know the call, or has no such facts, credentials are asked for. */
static void request_facts(void) {
        const char *const facts[] = { "UnixUserID", NULL };
        g_autoptr(GVariant) reply = call_bus(CONTAINERS, "RequestSenderFacts",
                                             g_variant_new("(^as)", facts), "()", NULL);

        (void)reply;
}

static void set_up(const GDBusNodeInfo *node) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = call_bus(CONTAINERS, "RequestHeader", NULL, "()", &error);

        if (!reply)
                fail("RequestHeader", error);
        request_facts();
        g_dbus_connection_signal_subscribe(portal.bus, BUS, CONTAINERS, "ServerRemoved", BUS_PATH,
                                           NULL, G_DBUS_SIGNAL_FLAGS_NONE, server_removed, NULL,
                                           NULL);
        if (!g_dbus_connection_register_object(portal.bus, PATH, node->interfaces[0], &vtable, NULL,
                                               NULL, &error))
                fail(PATH, error);
        open_to_containers();
}

static void name_acquired(GDBusConnection *bus, const char *name, gpointer user) {
        (void)bus, (void)name, (void)user;
        g_print("READY\n");
}

static void name_lost(GDBusConnection *bus, const char *name, gpointer loop) {
        (void)bus, (void)name;
        g_main_loop_quit(loop);
}

int main(void) {
        g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
        g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(interfaces, NULL);
        g_autoptr(GError) error = NULL;

        portal.bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, &error);
        if (!portal.bus)
                fail("session bus", error);
        portal.by_server = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        portal.by_connection = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                                     (GDestroyNotify)g_variant_unref);
        portal.watches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        set_up(node);
        g_bus_own_name_on_connection(portal.bus, NAME, G_BUS_NAME_OWNER_FLAGS_NONE, name_acquired,
                                     name_lost, loop, NULL);
        g_main_loop_run(loop);
        g_hash_table_unref(portal.by_server);
        g_hash_table_unref(portal.by_connection);
        g_hash_table_unref(portal.watches);
        g_object_unref(portal.bus);
        return EXIT_SUCCESS;
}
