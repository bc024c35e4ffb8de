/* SPDX-License-Identifier: MIT */
/* The id of this machine is what libdbus says it is. */
#include "base/machine-id.h"

#include <dbus/dbus.h>

static void test_like_libdbus(void) {
        g_autoptr(GError) error = NULL;
        g_autofree char *ours = machine_id_read(&error);
        char *theirs = dbus_try_get_local_machine_id(NULL);

        g_assert_cmpstr(ours, ==, theirs);
        g_assert_cmpint(ours == NULL, ==, error != NULL);
        dbus_free(theirs);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/base/machine-id/like-libdbus", test_like_libdbus);
        return g_test_run();
}
