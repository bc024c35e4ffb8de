/* SPDX-License-Identifier: MIT */
/* Charge and refund along a chain of quotas: all of them or none. */
#include "base/quota.h"

/* In the configuration. */
static const char *const limit_names[QUOTA_KINDS] = {
        [QUOTA_INCOMING_BYTES] = "max_incoming_bytes",
        [QUOTA_INCOMING_FDS] = "max_incoming_unix_fds",
        [QUOTA_OUTGOING_BYTES] = "max_outgoing_bytes",
        [QUOTA_OUTGOING_FDS] = "max_outgoing_unix_fds",
        [QUOTA_NAMES] = "max_names_per_connection",
        [QUOTA_MATCHES] = "max_match_rules_per_connection",
        [QUOTA_REPLIES] = "max_replies_per_connection",
        [QUOTA_ACTIVATIONS] = "max_pending_service_starts",
        [QUOTA_CONNECTIONS] = "max_connections_per_user",
};

void quota_init(Quota *quota, Quota *parent, const QuotaLimits *limits, unsigned factor) {
        *quota = (Quota){ .parent = parent, .limits = limits, .factor = factor };
}

void quota_clear(Quota *quota) {
        for (unsigned i = 0; i < QUOTA_KINDS; i++)
                g_assert(quota->used[i] == 0);
}

static uint64_t get_max(const Quota *quota, QuotaKind kind) {
        uint64_t max = quota->limits->max[kind];

        return max > UINT64_MAX / quota->factor ? UINT64_MAX : max * quota->factor;
}

/* The first of the chain that has no room; NULL: none. */
static const Quota *find_full(const Quota *quota, QuotaKind kind, uint64_t n) {
        for (; quota; quota = quota->parent) {
                uint64_t max = get_max(quota, kind);

                if (quota->used[kind] > max || n > max - quota->used[kind])
                        return quota;
        }
        return NULL;
}

bool quota_has_room(const Quota *quota, QuotaKind kind, uint64_t n) {
        return !find_full(quota, kind, n);
}

char *quota_format_limit(const char *whose, const char *name, uint64_t value) {
        return g_strdup_printf("%s%s%s=%" G_GUINT64_FORMAT, whose ? whose : "", whose ? ":" : "",
                               name, value);
}

char *quota_describe_limit(const Quota *quota, QuotaKind kind, uint64_t n) {
        const Quota *full = find_full(quota, kind, n);

        if (!full)
                full = quota;
        return quota_format_limit(full->factor > 1 ? "container" : NULL, limit_names[kind], get_max(full, kind));
}

void quota_charge_over(Quota *quota, QuotaKind kind, uint64_t n) {
        for (; quota; quota = quota->parent) {
                quota->used[kind] += n;
                quota->peak[kind] = MAX(quota->peak[kind], quota->used[kind]);
        }
}

bool quota_charge(Quota *quota, QuotaKind kind, uint64_t n) {
        if (!quota_has_room(quota, kind, n))
                return false;
        quota_charge_over(quota, kind, n);
        return true;
}

void quota_refund(Quota *quota, QuotaKind kind, uint64_t n) {
        for (; quota; quota = quota->parent) {
                g_assert(quota->used[kind] >= n);
                quota->used[kind] -= n;
        }
}
