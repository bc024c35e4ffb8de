/* SPDX-License-Identifier: MIT */
/* Telling the service manager how the bus is (sd_notify(3)); nothing when none listens. */
#pragma once

/** notify_init() - takes the manager's address out of the environment, so that no child gets it */
void notify_init(void);

/** notify_ready() - READY=1: the bus accepts connections, or does so again after a reload */
void notify_ready(void);

/** notify_reloading() - RELOADING=1 */
void notify_reloading(void);

/** notify_stopping() - STOPPING=1 */
void notify_stopping(void);
