/* SPDX-License-Identifier: MIT */
/* With libsystemd: whoever has a session on a seat, be it the active one of that seat or not. */
#include "bus/console.h"

#include <stddef.h>
#include <systemd/sd-login.h>

bool console_has_user(uid_t uid) {
        return sd_uid_get_seats(uid, 0, NULL) > 0;
}
