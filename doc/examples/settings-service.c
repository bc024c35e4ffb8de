/* SPDX-License-Identifier: MIT */
/*
 * A settings service in the manner of dconf, for programs on the host and in containers.
 *
 *      everybody       /org/example/Settings           Rendezvous.Open() -> the caller's subtree
 *      the host        /org/example/Settings/host      Settings.Set(), Get(), signal Changed
 *      each container  /org/example/Settings/cN        the same, for this container only
 *
 * The rendezvous object is open to all containers from the start. A container that opens it gets a
 * subtree of its own: the bus lets it call the objects there and receive their signals, and nobody
 * else who is contained. Who the caller is the bus says in header field 10 of the call itself, so
 * that the only question ever asked is GetServerInfo, once for each container server. All that is
 * known of a server is forgotten when the bus says that it was removed.
 *
 * Values belong to an app: instances of one app share them, and hear of each other's changes.
 */
#include <gio/gio.h>
#include <stdlib.h>

#define BUS "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define CONTAINERS "org.freedesktop.DBus.Containers1"
#define NAME "org.example.Settings"
#define ROOT "/org/example/Settings"
#define HEADER_CONTAINER 10 /* object path of the sender's container server, "/" for the host */

/* Flags of rules (containers1, section 3). */
#define RULE_CALL 0x02
#define RULE_RECEIVE 0x04
#define RULE_PATH_IS_SUBTREE 0x200

static const char interfaces[] =
        "<node><interface name='org.example.Settings.Rendezvous'>"
        "<method name='Open'><arg type='o' direction='out'/></method>"
        "<property name='Lookups' type='u' access='read'/>"
        "<property name='Clients' type='u' access='read'/>"
        "</interface><interface name='org.example.Settings'>"
        "<method name='Set'><arg type='s' direction='in'/><arg type='s' direction='in'/></method>"
        "<method name='Get'><arg type='s' direction='in'/><arg type='s' direction='out'/></method>"
        "<signal name='Changed'><arg type='s'/><arg type='s'/></signal>"
        "</interface></node>";

/* One container server that has come to the rendezvous, or the host. */
typedef struct Client {
        char *path;         /* owned; its subtree */
        char *app;          /* owned; whose values it uses */
        guint registration;
} Client;

static struct {
        GDBusConnection *bus;
        GDBusNodeInfo *node;
        GHashTable *clients; /* path of the server, "/" for the host -> Client */
        GHashTable *values;  /* app -> (key -> value) */
        guint n_lookups;
} service;

static void free_client(gpointer data) {
        Client *client = data;

        g_dbus_connection_unregister_object(service.bus, client->registration);
        g_free(client->path);
        g_free(client->app);
        g_free(client);
}

static void unref_table(gpointer table) {
        g_hash_table_unref(table);
}

/* --- what is asked of the bus --- */

static GVariant *call_bus(const char *member, GVariant *arguments, const char *reply,
                          GError **error) {
        return g_dbus_connection_call_sync(service.bus, BUS, BUS_PATH, CONTAINERS, member,
                                           arguments, G_VARIANT_TYPE(reply),
                                           G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);
}

/* Lets @server, or "/" for every container, at the objects of @path. */
static gboolean allow(const char *server, guint flags, const char *path, const char *interface,
                      GError **error) {
        g_autoptr(GVariant) reply = NULL;
        GVariantBuilder rules;

        g_variant_builder_init(&rules, G_VARIANT_TYPE("a(uos)"));
        g_variant_builder_add(&rules, "(uos)", flags, path, interface);
        reply = call_bus("AllowContainers", g_variant_new("(oa(uos))", server, &rules), "()",
                         error);
        return reply != NULL;
}

/*
 * The technology and its id of the app. The uid is in it, as both are the word of whoever made the
 * server: on a bus of several users nobody can claim another's app.
 */
static char *ask_app(const char *server, GError **error) {
        g_autoptr(GVariant) credentials = NULL;
        const char *type, *app_id;
        guint32 uid = 0;
        g_autoptr(GVariant) info = call_bus("GetServerInfo", g_variant_new("(o)", server),
                                            "(a{sv}sssa{sv})", error);

        service.n_lookups++;
        if (!info)
                return NULL;
        g_variant_get(info, "(@a{sv}&s&s&s@a{sv})", &credentials, &type, &app_id, NULL, NULL);
        g_variant_lookup(credentials, "UnixUserID", "u", &uid);
        return g_strdup_printf("%u/%s/%s", uid, type, app_id);
}

/* --- settings --- */

static GHashTable *get_values(const char *app) {
        GHashTable *values = g_hash_table_lookup(service.values, app);

        if (!values) {
                values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
                g_hash_table_insert(service.values, g_strdup(app), values);
        }
        return values;
}

/* A broadcast, but below a subtree: no container gets it except the one it is for. */
static void tell_change(const Client *client, const char *key, const char *value) {
        g_dbus_connection_emit_signal(service.bus, NULL, client->path, "org.example.Settings",
                                      "Changed", g_variant_new("(ss)", key, value), NULL);
}

static void set(const Client *by, const char *key, const char *value) {
        GHashTableIter iter;
        gpointer client;

        g_hash_table_insert(get_values(by->app), g_strdup(key), g_strdup(value));
        g_hash_table_iter_init(&iter, service.clients);
        while (g_hash_table_iter_next(&iter, NULL, &client))
                if (g_str_equal(((Client *)client)->app, by->app))
                        tell_change(client, key, value);
}

static void settings_call(GDBusConnection *bus, const char *sender, const char *path,
                          const char *interface, const char *method, GVariant *arguments,
                          GDBusMethodInvocation *invocation, gpointer user) {
        const Client *client = user;
        const char *key, *value;

        (void)bus, (void)sender, (void)path, (void)interface;
        g_variant_get_child(arguments, 0, "&s", &key);
        if (g_str_equal(method, "Set")) {
                g_variant_get_child(arguments, 1, "&s", &value);
                set(client, key, value);
                g_dbus_method_invocation_return_value(invocation, NULL);
                return;
        }
        value = g_hash_table_lookup(get_values(client->app), key);
        g_dbus_method_invocation_return_value(invocation,
                                              g_variant_new("(s)", value ? value : ""));
}

/* --- the rendezvous --- */

static const GDBusInterfaceVTable settings_vtable = { .method_call = settings_call };

/* Keeps @client under @server; what it says is true until ServerRemoved comes for @server. */
static Client *add_client(const char *server, char *path, char *app) {
        Client *client = g_new0(Client, 1);

        client->path = path;
        client->app = app;
        client->registration =
                g_dbus_connection_register_object(service.bus, path, service.node->interfaces[1],
                                                  &settings_vtable, client, NULL, NULL);
        g_hash_table_insert(service.clients, g_strdup(server), client);
        return client;
}

static Client *meet(const char *server, GError **error) {
        g_autofree char *app = ask_app(server, error);
        g_autofree char *path = NULL;

        if (!app)
                return NULL;
        path = g_strconcat(ROOT, strrchr(server, '/'), NULL);
        if (!allow(server, RULE_CALL | RULE_RECEIVE | RULE_PATH_IS_SUBTREE, path, "", error))
                return NULL;
        return add_client(server, g_steal_pointer(&path), g_steal_pointer(&app));
}

/* The sender's container server; NULL: the bus knows no containers, or we forgot RequestHeader. */
static const char *get_server(GDBusMethodInvocation *invocation) {
        GDBusMessage *message = g_dbus_method_invocation_get_message(invocation);
        GVariant *field = g_dbus_message_get_header(message, HEADER_CONTAINER);

        if (!field || !g_variant_is_of_type(field, G_VARIANT_TYPE_OBJECT_PATH))
                return NULL;
        return g_variant_get_string(field, NULL);
}

static void rendezvous_call(GDBusConnection *bus, const char *sender, const char *path,
                            const char *interface, const char *method, GVariant *arguments,
                            GDBusMethodInvocation *invocation, gpointer user) {
        const char *server = get_server(invocation);
        g_autoptr(GError) error = NULL;
        Client *client;

        (void)bus, (void)sender, (void)path, (void)interface, (void)method, (void)arguments,
                (void)user;
        if (!server) {
                g_dbus_method_invocation_return_dbus_error(
                        invocation, "org.freedesktop.DBus.Error.AccessDenied",
                        "The bus does not say who you are");
                return;
        }
        client = g_hash_table_lookup(service.clients, server);
        if (!client)
                client = meet(server, &error);
        if (client)
                g_dbus_method_invocation_return_value(invocation,
                                                      g_variant_new("(o)", client->path));
        else
                g_dbus_method_invocation_return_gerror(invocation, error);
}

static GVariant *rendezvous_get(GDBusConnection *bus, const char *sender, const char *path,
                                const char *interface, const char *property, GError **error,
                                gpointer user) {
        (void)bus, (void)sender, (void)path, (void)interface, (void)error, (void)user;
        if (g_str_equal(property, "Lookups"))
                return g_variant_new_uint32(service.n_lookups);
        return g_variant_new_uint32(g_hash_table_size(service.clients));
}

static const GDBusInterfaceVTable rendezvous_vtable = { .method_call = rendezvous_call,
                                                        .get_property = rendezvous_get };

/* The grants to this server went with it; the subtree and what we know go here. */
static void server_removed(GDBusConnection *bus, const char *sender, const char *path,
                           const char *interface, const char *signal, GVariant *arguments,
                           gpointer user) {
        const char *server;

        (void)bus, (void)sender, (void)path, (void)interface, (void)signal, (void)user;
        g_variant_get(arguments, "(&o)", &server);
        g_hash_table_remove(service.clients, server);
}

/* --- start --- */

static void fail(const char *what, const GError *error) {
        g_printerr("settings-service: %s: %s\n", what, error->message);
        exit(EXIT_FAILURE);
}

static void name_acquired(GDBusConnection *bus, const char *name, gpointer user) {
        (void)bus, (void)name, (void)user;
        g_print("READY\n");
}

static void name_lost(GDBusConnection *bus, const char *name, gpointer loop) {
        (void)bus, (void)name;
        g_main_loop_quit(loop);
}

/* Everything is in place before the name is there, so that no call comes too early. */
static void set_up(void) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = call_bus("RequestHeader", NULL, "()", &error);

        if (!reply)
                fail("RequestHeader", error);
        g_dbus_connection_signal_subscribe(service.bus, BUS, CONTAINERS, "ServerRemoved", BUS_PATH,
                                           NULL, G_DBUS_SIGNAL_FLAGS_NONE, server_removed, NULL,
                                           NULL);
        if (!g_dbus_connection_register_object(service.bus, ROOT, service.node->interfaces[0],
                                               &rendezvous_vtable, NULL, NULL, &error))
                fail(ROOT, error);
        add_client("/", g_strdup(ROOT "/host"), g_strdup("host"));
        if (!allow("/", RULE_CALL, ROOT, "org.example.Settings.Rendezvous", &error))
                fail("AllowContainers", error);
}

int main(void) {
        g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
        g_autoptr(GError) error = NULL;

        service.bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, &error);
        if (!service.bus)
                fail("session bus", error);
        service.node = g_dbus_node_info_new_for_xml(interfaces, NULL);
        service.clients = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_client);
        service.values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref_table);
        set_up();
        g_bus_own_name_on_connection(service.bus, NAME, G_BUS_NAME_OWNER_FLAGS_NONE, name_acquired,
                                     name_lost, loop, NULL);
        g_main_loop_run(loop);
        g_hash_table_unref(service.clients);
        g_hash_table_unref(service.values);
        g_dbus_node_info_unref(service.node);
        g_object_unref(service.bus);
        return EXIT_SUCCESS;
}
