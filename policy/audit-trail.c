/* SPDX-License-Identifier: MIT */
/*
 * A program may be denied as often as it asks. Of such a flood the first records are kept, and how
 * many there were; each denial is in the log once more, counted for each connection (bus/denials).
 */
#include "policy/audit-trail.h"

#include "base/log.h"

void audit_trail_log(const char *text) {
        static LogRate rate;
        unsigned n_left_out;

        if (!log_rate_allow(&rate, (uint64_t)g_get_monotonic_time(), &n_left_out))
                return;
        if (n_left_out > 0)
                log_message(LOG_LEVEL_NOTICE, "%u records of the security module were left out",
                            n_left_out);
        log_message(LOG_LEVEL_NOTICE, "%s", text);
}
