/* SPDX-License-Identifier: MIT */
/* Stands for AppArmor where it was not built in. */
#include "policy/lsm-module.h"

static LsmState init(const Config *config, GError **error) {
        if (config->apparmor != APPARMOR_REQUIRED)
                return LSM_ABSENT;
        g_set_error_literal(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "AppArmor is required by the configuration, but was not built in");
        return LSM_FAILED;
}

static void clear(void) {
}

const LsmModule lsm_apparmor = { .init = init, .clear = clear };
