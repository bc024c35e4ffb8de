/* SPDX-License-Identifier: MIT */
/* The face of policy/lsm.h where no security module was built in: there is nobody to ask. */
#include "policy/lsm.h"

bool lsm_init(const Config *config, GError **error) {
        if (config->apparmor != APPARMOR_REQUIRED)
                return true;
        g_set_error_literal(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "AppArmor is required by the configuration, but was not built in");
        return false;
}

void lsm_reload(G_GNUC_UNUSED const Config *config) {
}

bool lsm_is_enabled(void) {
        return false;
}

const char *lsm_get_feature(void) {
        return NULL;
}

bool lsm_decide(G_GNUC_UNUSED const PolicyQuery *query, G_GNUC_UNUSED PolicyVerdict *ret_verdict) {
        return true;
}

bool lsm_decide_own(G_GNUC_UNUSED const PolicySubject *subject, G_GNUC_UNUSED WireString name,
                    G_GNUC_UNUSED PolicyVerdict *ret_verdict) {
        return true;
}

bool lsm_decide_eavesdrop(G_GNUC_UNUSED const PolicySubject *subject, G_GNUC_UNUSED PolicyVerdict *ret_verdict) {
        return true;
}

bool lsm_can_remember(void) {
        return true;
}

void lsm_clear(void) {
}
