/* SPDX-License-Identifier: MIT */
/* Stands for SELinux where it was not built in. */
#include "policy/lsm.h"
#include "policy/lsm-module.h"

static LsmState init(G_GNUC_UNUSED const Config *config, G_GNUC_UNUSED GError **error) {
        return LSM_ABSENT;
}

static void clear(void) {
}

const LsmModule lsm_selinux = { .init = init, .clear = clear };

bool lsm_has_selinux(void) {
        return false;
}

const char *lsm_get_selinux_root(void) {
        return "/etc/selinux/targeted";
}
