/* SPDX-License-Identifier: MIT */
/*
 * Records for the kernel's audit log. The kernel takes them from a process with CAP_AUDIT_WRITE,
 * which a bus that was started as root keeps; others, such as session buses, use their own log.
 */
#include "policy/audit-trail.h"

#include <glib.h>
#include <libaudit.h>
#include <stdbool.h>
#include <unistd.h>

static int audit_fd = -1;

void audit_trail_open(void) {
        if (audit_fd < 0)
                audit_fd = audit_open();
}

static int type_of(AuditKind kind) {
        switch (kind) {
        case AUDIT_KIND_AVC:
                return AUDIT_USER_AVC;
        case AUDIT_KIND_POLICY_LOAD:
                return AUDIT_USER_MAC_POLICY_LOAD;
        case AUDIT_KIND_STATUS:
                return AUDIT_USER_MAC_STATUS;
        }
        g_assert_not_reached();
}

void audit_trail_record(AuditKind kind, const char *text) {
        if (audit_fd >= 0 && audit_log_user_avc_message(audit_fd, type_of(kind), text, NULL, NULL,
                                                        NULL, getuid()) > 0)
                return;
        audit_trail_log(text);
}

void audit_trail_close(void) {
        if (audit_fd >= 0)
                audit_close(audit_fd);
        audit_fd = -1;
}
