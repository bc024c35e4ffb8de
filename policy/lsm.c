/* SPDX-License-Identifier: MIT */
/*
 * The module that mediates, of those that were built in. There is one at most: labels of peers are
 * those of one module.
 */
#include "policy/lsm.h"

#include "policy/lsm-module.h"

static const LsmModule *const modules[] = { &lsm_apparmor, &lsm_selinux };

static struct {
        const LsmModule *active; /* NULL: nothing mediates */
        void (*changed)(void *user);
        void *user;
} lsm;

bool lsm_init(const Config *config, GError **error) {
        lsm_clear();
        for (size_t i = 0; i < G_N_ELEMENTS(modules) && !lsm.active; i++) {
                switch (modules[i]->init(config, error)) {
                case LSM_ABSENT:
                        break;
                case LSM_ACTIVE:
                        lsm.active = modules[i];
                        break;
                case LSM_FAILED:
                        lsm_clear();
                        return false;
                }
        }
        return true;
}

void lsm_reload(const Config *config) {
        if (lsm.active)
                lsm.active->reload(config);
}

bool lsm_is_enabled(void) {
        return lsm.active != NULL;
}

const char *lsm_get_feature(void) {
        return lsm.active ? lsm.active->feature : NULL;
}

bool lsm_decide(const PolicyQuery *query, PolicyVerdict *ret_verdict) {
        return lsm.active->decide(query, ret_verdict);
}

bool lsm_decide_own(const PolicySubject *subject, WireString name, PolicyVerdict *ret_verdict) {
        return lsm.active->decide_own(subject, name, ret_verdict);
}

bool lsm_decide_eavesdrop(const PolicySubject *subject, PolicyVerdict *ret_verdict) {
        return lsm.active->decide_eavesdrop(subject, ret_verdict);
}

bool lsm_can_remember(void) {
        return lsm.active->can_remember();
}

void lsm_policy_changed(void) {
        policy_forget();
        if (lsm.changed)
                lsm.changed(lsm.user);
}

int lsm_watch(void (*changed)(void *user), void *user) {
        if (!lsm.active)
                return -1;
        lsm.changed = changed;
        lsm.user = user;
        return lsm.active->get_fd();
}

void lsm_dispatch(void) {
        lsm.active->dispatch();
}

void lsm_clear(void) {
        lsm.active = NULL;
        lsm.changed = NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(modules); i++)
                modules[i]->clear();
}
