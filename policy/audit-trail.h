/* SPDX-License-Identifier: MIT */
/*
 * Records that a security module wants to be kept: in the kernel's audit log, where that is built
 * in and takes them, else in the bus's own log.
 */
#pragma once

#include <sys/types.h>

typedef enum AuditKind {
        AUDIT_KIND_AVC, /* an access was denied, or allowed and to be recorded */
        AUDIT_KIND_POLICY_LOAD,
        AUDIT_KIND_STATUS,
} AuditKind;

/** audit_trail_open() - while the bus may still be root; again does nothing */
void audit_trail_open(void);

/** audit_trail_record() - writes one line; @text is what the module's tools parse */
void audit_trail_record(AuditKind kind, const char *text);

/** audit_trail_log() - for audit_trail_record(): into the bus's own log, at a bounded rate */
void audit_trail_log(const char *text);

/** audit_trail_close() - at exit; again does nothing */
void audit_trail_close(void);
