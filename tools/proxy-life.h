/* SPDX-License-Identifier: MIT */
/*
 * The rest of the proxy's life, once the bus does its work: waiting to unlink its sockets.
 */
#pragma once

/**
 * proxy_life_guard() - unlinks @paths when a signal ends us; replaces those of an earlier call
 * @paths: NULL-terminated, borrowed until the end of the process
 */
void proxy_life_guard(const char *const *paths);

/**
 * proxy_life_wait() - returns when @sync_fd hangs up, after having unlinked the guarded paths
 * @sync_fd: -1: only a signal ends us
 */
void proxy_life_wait(int sync_fd);

/** proxy_life_unlink() - unlinks the guarded paths now */
void proxy_life_unlink(void);
