/* SPDX-License-Identifier: MIT */
/* Charge and refund along a chain of quotas: all of them or none. */
#include "base/quota.h"

void quota_init(Quota *quota, Quota *parent, const QuotaLimits *limits, unsigned factor) {
        *quota = (Quota){ .parent = parent, .limits = limits, .factor = factor };
}

void quota_clear(Quota *quota) {
        for (unsigned i = 0; i < QUOTA_KINDS; i++)
                g_assert(quota->used[i] == 0);
}

bool quota_has_room(const Quota *quota, QuotaKind kind, uint64_t n) {
        for (; quota; quota = quota->parent) {
                uint64_t max = quota->limits->max[kind];

                if (max > UINT64_MAX / quota->factor)
                        max = UINT64_MAX;
                else
                        max *= quota->factor;
                if (quota->used[kind] > max || n > max - quota->used[kind])
                        return false;
        }
        return true;
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
