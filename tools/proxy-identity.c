/* SPDX-License-Identifier: MIT */
/*
 * Flatpak starts its proxy in a sandbox of its own, whose root has a copy of the app's .flatpak-info.
 * That is the word of Flatpak itself and comes first. Firejail starts it with a cleared environment,
 * but as its child; all others have to tell us.
 */
#include "tools/proxy-identity.h"

#include <stdbool.h>
#include <unistd.h>

#define FLATPAK_TYPE "org.flatpak"
#define FIREJAIL_TYPE "io.github.netblue30.firejail"
#define DEFAULT_TYPE "local.dbus.Container"

/* Runtimes run without an app have their own name in the place of the app's. */
static bool read_info(ProxyIdentity *identity, const char *path) {
        g_autoptr(GKeyFile) info = g_key_file_new();

        if (!g_key_file_load_from_file(info, path, G_KEY_FILE_NONE, NULL))
                return false;

        identity->app_id = g_key_file_get_string(info, "Application", "name", NULL);
        if (!identity->app_id)
                identity->app_id = g_key_file_get_string(info, "Runtime", "runtime", NULL);
        if (!identity->app_id)
                return false;
        identity->instance_id = g_key_file_get_string(info, "Instance", "instance-id", NULL);
        if (!identity->instance_id)
                identity->instance_id = g_strdup("");
        identity->type = g_strdup(FLATPAK_TYPE);
        return true;
}

/* The first that is there, as text that may be sent. */
static char *choose(const char *said, const char *variable, const char *otherwise) {
        const char *chosen = said ? said : g_getenv(variable);

        return g_utf8_make_valid(chosen ? chosen : otherwise, -1);
}

/* By name, as its executable is setuid and not for us to see. It gains nobody anything to lie here:
 * who can start us says who the app is. */
static bool is_firejail(pid_t pid) {
        g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)pid);
        g_autofree char *name = NULL;

        return g_file_get_contents(path, &name, NULL, NULL) && g_str_equal(name, "firejail\n");
}

void proxy_identity_init(ProxyIdentity *identity, const char *info_path, const char *type,
                         const char *app_id, const char *instance_id) {
        bool in_firejail = is_firejail(getppid());
        g_autofree char *pid = g_strdup_printf("%d", (int)(in_firejail ? getppid() : getpid()));

        *identity = (ProxyIdentity){ 0 };
        if (read_info(identity, info_path))
                return;
        identity->type = choose(type, "DBUS_CONTAINER_PROXY_TYPE",
                                in_firejail ? FIREJAIL_TYPE : DEFAULT_TYPE);
        identity->app_id = choose(app_id, "DBUS_CONTAINER_PROXY_APP_ID", "");
        identity->instance_id = choose(instance_id, "DBUS_CONTAINER_PROXY_INSTANCE_ID", pid);
}

void proxy_identity_clear(ProxyIdentity *identity) {
        g_clear_pointer(&identity->type, g_free);
        g_clear_pointer(&identity->app_id, g_free);
        g_clear_pointer(&identity->instance_id, g_free);
}
