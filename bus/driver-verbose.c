/* SPDX-License-Identifier: MIT */
/* Debug records of the bus, switched on and off while it runs. */
#include "bus/driver-verbose.h"

#include "base/log.h"

static bool enable_verbose(MethodCall *call G_GNUC_UNUSED, void *user G_GNUC_UNUSED) {
        log_set_verbose(true);
        return true;
}

static bool disable_verbose(MethodCall *call G_GNUC_UNUSED, void *user G_GNUC_UNUSED) {
        log_set_verbose(false);
        return true;
}

static const MethodEntry methods[] = {
        { "EnableVerbose", "", "", enable_verbose, METHOD_PRIVILEGED },
        { "DisableVerbose", "", "", disable_verbose, METHOD_PRIVILEGED },
        { NULL, NULL, NULL, NULL, 0 },
};

const MethodTable driver_verbose_interface = {
        .interface = "org.freedesktop.DBus.Verbose",
        .methods = methods,
};
