/* SPDX-License-Identifier: MIT */
/* One security module, as lsm.c sees it: what was built in, or what stands for it. */
#pragma once

#include "policy/config.h"
#include "policy/verdict.h"

typedef enum LsmState {
        LSM_ABSENT, /* it does not mediate D-Bus here, and need not */
        LSM_ACTIVE,
        LSM_FAILED, /* it should, and cannot: an error is set */
} LsmState;

typedef struct LsmModule {
        const char *feature;
        LsmState (*init)(const Config *config, GError **error);
        void (*reload)(const Config *config);
        /* as the functions of policy/lsm.h of the same names */
        bool (*decide)(const PolicyQuery *query, PolicyVerdict *ret_verdict);
        bool (*decide_own)(const PolicySubject *subject, WireString name,
                           PolicyVerdict *ret_verdict);
        bool (*decide_eavesdrop)(const PolicySubject *subject, PolicyVerdict *ret_verdict);
        bool (*can_remember)(void);
        int (*get_fd)(void);
        void (*dispatch)(void);
        void (*clear)(void); /* also of one that is not active */
} LsmModule;

extern const LsmModule lsm_apparmor;
extern const LsmModule lsm_selinux;

/** lsm_policy_changed() - for modules: policy_forget(), and tells who called lsm_watch() */
void lsm_policy_changed(void);
