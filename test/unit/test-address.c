/* SPDX-License-Identifier: MIT */
/* What server addresses mean. */
#include "bus/address.h"

#include <glib.h>

#define MAX_ALTERNATIVES 3

static const struct {
        const char *text;
        struct {
                AddressKind kind;
                const char *value; /* NULL: not compared */
        } alternatives[MAX_ALTERNATIVES];
        unsigned n;
} good[] = {
        { "unix:path=/run/a", { { ADDRESS_PATH, "/run/a" } }, 1 },
        { "unix:path=/run/a%20b%2c%3b", { { ADDRESS_PATH, "/run/a b,;" } }, 1 },
        { "unix:path=/a,guid=0123456789abcdef0123456789abcdef", { { ADDRESS_PATH, "/a" } }, 1 },
        { "unix:foo=x,path=/a", { { ADDRESS_PATH, "/a" } }, 1 },
        { "unix:abstract=/tmp/a", { { ADDRESS_ABSTRACT, "/tmp/a" } }, 1 },
        { "unix:dir=/tmp", { { ADDRESS_DIRECTORY, "/tmp" } }, 1 },
        { "unix:tmpdir=/tmp", { { ADDRESS_DIRECTORY, "/tmp" } }, 1 },
        { "unix:runtime=yes", { { ADDRESS_PATH, "/test/runtime/bus" } }, 1 },
        { "systemd:", { { ADDRESS_SYSTEMD, NULL } }, 1 },
        { "unix:path=/a;unix:abstract=b;systemd:",
          { { ADDRESS_PATH, "/a" }, { ADDRESS_ABSTRACT, "b" }, { ADDRESS_SYSTEMD, NULL } },
          3 },
        { "unix:path=/a;", { { ADDRESS_PATH, "/a" } }, 1 },
        /* well-formed, but nothing for us; an alternative may still do */
        { "unix:", { { ADDRESS_UNSUPPORTED, NULL } }, 1 },
        { "unix:foo=x", { { ADDRESS_UNSUPPORTED, NULL } }, 1 },
        { "unix:runtime=no", { { ADDRESS_UNSUPPORTED, NULL } }, 1 },
        { "unix:path=/a,abstract=b", { { ADDRESS_UNSUPPORTED, NULL } }, 1 },
        { "unix:dir=/a,tmpdir=/a", { { ADDRESS_UNSUPPORTED, NULL } }, 1 },
        { "tcp:host=localhost,port=0", { { ADDRESS_UNSUPPORTED, NULL } }, 1 },
        { "nonce-tcp:", { { ADDRESS_UNSUPPORTED, NULL } }, 1 },
        { "launchd:env=X", { { ADDRESS_UNSUPPORTED, NULL } }, 1 },
        { "autolaunch:", { { ADDRESS_UNSUPPORTED, NULL } }, 1 },
        { "unixexec:path=/bin/a", { { ADDRESS_UNSUPPORTED, NULL } }, 1 },
        { "tcp:host=a;unix:path=/a", { { ADDRESS_UNSUPPORTED, NULL }, { ADDRESS_PATH, "/a" } }, 2 },
};

static const char *const bad[] = {
        "",
        "unix",
        "unix:path",
        "unix:path=",
        "unix:path=/a b",
        "unix:path=/a+b",
        "unix:path=/a%2",
        "unix:path=/a%zz",
        "unix:path=/a;garbage",
        "unix:path=/a,,",
};

static void test_good(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(GPtrArray) addresses = address_parse_all(good[i].text, &error);

                g_assert_no_error(error);
                g_assert_cmpuint(addresses->len, ==, good[i].n);
                for (unsigned k = 0; k < addresses->len; k++) {
                        const Address *address = addresses->pdata[k];

                        g_assert_cmpint(address->kind, ==, good[i].alternatives[k].kind);
                        if (good[i].alternatives[k].value)
                                g_assert_cmpstr(address->value, ==, good[i].alternatives[k].value);
                        g_assert_nonnull(address->text);
                }
        }
}

static void test_bad(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_autoptr(GError) error = NULL;

                if (address_parse_all(bad[i], &error))
                        g_error("accepted: %s", bad[i]);
                g_assert_error(error, ADDRESS_ERROR, ADDRESS_ERROR_SYNTAX);
        }
}

static void test_no_runtime(void) {
        g_autoptr(GPtrArray) addresses = NULL;

        g_unsetenv("XDG_RUNTIME_DIR");
        addresses = address_parse_all("unix:runtime=yes", NULL);
        g_assert_cmpint(((const Address *)addresses->pdata[0])->kind, ==, ADDRESS_UNSUPPORTED);
}

/* What is printed is read back as it was. */
static void test_print(void) {
        static const char *const paths[] = { "/run/bus",  "/a b",    "/a,b;c=d%e",
                                             "/\303\251", "/-_.\\*", "/a'\"" };

        for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
                g_autofree char *text = address_print("path", paths[i]);
                g_autoptr(GPtrArray) addresses = address_parse_all(text, NULL);

                g_assert_nonnull(addresses);
                g_assert_cmpuint(addresses->len, ==, 1);
                g_assert_cmpstr(((const Address *)addresses->pdata[0])->value, ==, paths[i]);
                g_assert_cmpstr(((const Address *)addresses->pdata[0])->text, ==, text);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_setenv("XDG_RUNTIME_DIR", "/test/runtime", TRUE);
        g_test_add_func("/bus/address/good", test_good);
        g_test_add_func("/bus/address/bad", test_bad);
        g_test_add_func("/bus/address/print", test_print);
        g_test_add_func("/bus/address/no-runtime", test_no_runtime);
        return g_test_run();
}
