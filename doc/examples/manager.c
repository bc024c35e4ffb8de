/* SPDX-License-Identifier: MIT */
/*
 * The smallest useful container manager: runs a command whose session bus is a container server.
 *
 *      manager APP_ID COMMAND [ARGUMENT...]
 *
 * The command may use portals and own names of its app; for everything else the bus behaves as if
 * it did not exist. A real manager puts a sandbox around the command and binds the socket into it;
 * here the boundary is the bus's alone.
 */
#include <gio/gio.h>
#include <stdlib.h>

#define BUS "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define CONTAINERS "org.freedesktop.DBus.Containers1"
#define TYPE "org.example.Manager"

/* Flags of rules (containers1, section 3). */
enum {
        RULE_CALL = 0x02,
        RULE_RECEIVE = 0x04,
        RULE_OWN = 0x08,
        RULE_SEND_UNIX_FDS = 0x10,
        RULE_NAME_IS_NAMESPACE = 0x100,
        RULE_PATH_IS_SUBTREE = 0x200,
};

static void fail(const char *what, const GError *error) {
        g_printerr("manager: %s: %s\n", what, error->message);
        exit(EXIT_FAILURE);
}

/* talk org.freedesktop.portal.*  and  own APP_ID.* */
static GVariant *make_rules(const char *app_id) {
        GVariantBuilder rules;

        g_variant_builder_init(&rules, G_VARIANT_TYPE("a(usos)"));
        g_variant_builder_add(&rules, "(usos)",
                              RULE_CALL | RULE_RECEIVE | RULE_SEND_UNIX_FDS |
                                      RULE_NAME_IS_NAMESPACE | RULE_PATH_IS_SUBTREE,
                              "org.freedesktop.portal", "/", "");
        g_variant_builder_add(&rules, "(usos)", RULE_OWN | RULE_NAME_IS_NAMESPACE, app_id, "/", "");
        return g_variant_builder_end(&rules);
}

/*
 * The server stops listening when this connection closes, however the manager ends; and with
 * DisconnectOnStop what the command has left behind is hung up on as well.
 */
static char *add_server(GDBusConnection *bus, const char *app_id) {
        g_autofree char *instance_id = g_uuid_string_random(), *address = NULL;
        g_autoptr(GVariant) reply = NULL, results = NULL;
        g_autoptr(GError) error = NULL;
        GVariantBuilder named;

        g_variant_builder_init(&named, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add(&named, "{sv}", "Allow", make_rules(app_id));
        g_variant_builder_add(&named, "{sv}", "DisconnectOnStop", g_variant_new_boolean(TRUE));
        reply = g_dbus_connection_call_sync(
                bus, BUS, BUS_PATH, CONTAINERS, "AddServer",
                g_variant_new("(sss@a{sv}a{sv})", TYPE, app_id, instance_id,
                              g_variant_new_parsed("@a{sv} {}"), &named),
                G_VARIANT_TYPE("(oa{sv})"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
        if (!reply)
                fail("AddServer", error);
        g_variant_get(reply, "(&o@a{sv})", NULL, &results);
        g_variant_lookup(results, "Address", "s", &address);
        return g_steal_pointer(&address);
}

static int run(const char *const *command, const char *address) {
        g_autoptr(GSubprocessLauncher) launcher =
                g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
        g_autoptr(GSubprocess) child = NULL;
        g_autoptr(GError) error = NULL;

        g_subprocess_launcher_setenv(launcher, "DBUS_SESSION_BUS_ADDRESS", address, TRUE);
        child = g_subprocess_launcher_spawnv(launcher, command, &error);
        if (!child || !g_subprocess_wait(child, NULL, &error))
                fail(command[0], error);
        return g_subprocess_get_if_exited(child) ? g_subprocess_get_exit_status(child)
                                                 : EXIT_FAILURE;
}

int main(int argc, char **argv) {
        g_autoptr(GDBusConnection) bus = NULL;
        g_autofree char *address = NULL;
        g_autoptr(GError) error = NULL;

        if (argc < 3) {
                g_printerr("usage: manager APP_ID COMMAND [ARGUMENT...]\n");
                return EXIT_FAILURE;
        }
        bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, &error);
        if (!bus)
                fail("session bus", error);
        address = add_server(bus, argv[1]);
        return run((const char *const *)argv + 2, address);
}
