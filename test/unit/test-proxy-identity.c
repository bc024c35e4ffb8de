/* SPDX-License-Identifier: MIT */
/* Who the app is: .flatpak-info, then what was said, then the environment. */
#include "tools/proxy-identity.h"

#include <glib/gstdio.h>
#include <unistd.h>

static const struct {
        const char *info;
        const char *type, *app_id, *instance_id;
} infos[] = {
        { "[Application]\nname=a.b.C\nruntime=runtime/x\n[Instance]\ninstance-id=12\n",
          "org.flatpak", "a.b.C", "12" },
        { "[Runtime]\nruntime=runtime/x\n[Instance]\ninstance-id=12\n", "org.flatpak", "runtime/x",
          "12" },
        { "[Application]\nname=a.b.C\n", "org.flatpak", "a.b.C", "" },
        { "[Instance]\ninstance-id=12\n", "t.t", "a", "i" },
        { "[Application]\nname=\xff\n", "t.t", "a", "i" },
        { "nonsense", "t.t", "a", "i" },
        { "", "t.t", "a", "i" },
        { NULL, "t.t", "a", "i" },
};

static void check_info(const char *path, size_t i) {
        g_auto(ProxyIdentity) identity = { 0 };

        proxy_identity_init(&identity, path, "t.t", "a", "i");
        g_assert_cmpstr(identity.type, ==, infos[i].type);
        g_assert_cmpstr(identity.app_id, ==, infos[i].app_id);
        g_assert_cmpstr(identity.instance_id, ==, infos[i].instance_id);
}

static void test_info(void) {
        g_autofree char *path = NULL;
        int fd = g_file_open_tmp("proxy-identity-XXXXXX", &path, NULL);

        g_assert_cmpint(fd, >=, 0);
        close(fd);
        for (size_t i = 0; i < G_N_ELEMENTS(infos); i++) {
                if (infos[i].info)
                        g_assert_true(g_file_set_contents(path, infos[i].info, -1, NULL));
                else
                        g_unlink(path);
                check_info(path, i);
        }
}

static void test_said(void) {
        g_auto(ProxyIdentity) identity = { 0 }, other = { 0 };
        g_autofree char *pid = g_strdup_printf("%d", (int)getpid());

        proxy_identity_init(&identity, "/nowhere", NULL, NULL, NULL);
        g_assert_cmpstr(identity.type, ==, "local.dbus.Container");
        g_assert_cmpstr(identity.app_id, ==, "");
        g_assert_cmpstr(identity.instance_id, ==, pid);

        g_setenv("DBUS_CONTAINER_PROXY_TYPE", "e.e", TRUE);
        g_setenv("DBUS_CONTAINER_PROXY_APP_ID", "\xff", TRUE);
        proxy_identity_init(&other, "/nowhere", NULL, NULL, "");
        g_assert_cmpstr(other.type, ==, "e.e");
        g_assert_true(g_utf8_validate(other.app_id, -1, NULL));
        g_assert_cmpstr(other.instance_id, ==, "");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/tools/proxy-identity/info", test_info);
        g_test_add_func("/tools/proxy-identity/said", test_said);
        return g_test_run();
}
