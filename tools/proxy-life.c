/* SPDX-License-Identifier: MIT */
/*
 * Nothing here allocates: what the process has when it gets here is what it costs for as long as the
 * app runs.
 */
#include "tools/proxy-life.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

static const int deadly_signals[] = { SIGHUP, SIGINT, SIGTERM };

/* Shared with the handler, which knows no other way. */
static const char *const *guarded;

void proxy_life_unlink(void) {
        for (const char *const *path = guarded; path && *path; path++)
                (void)unlink(*path);
}

static void on_signal(int signo) {
        proxy_life_unlink();
        (void)signal(signo, SIG_DFL);
        (void)raise(signo);
}

void proxy_life_guard(const char *const *paths) {
        guarded = paths;
        for (size_t i = 0; i < G_N_ELEMENTS(deadly_signals); i++) {
                struct sigaction action = { .sa_handler = on_signal }, old;

                /* What nohup(1) and shells set to be ignored stays ignored. */
                if (sigaction(deadly_signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
                        (void)sigaction(deadly_signals[i], &action, NULL);
        }
}

void proxy_life_wait(int sync_fd) {
        struct pollfd sync = { .fd = sync_fd };

        /* A descriptor that is none does not hang up. */
        while (poll(&sync, 1, -1) < 0 ? errno == EINTR : !(sync.revents & (POLLHUP | POLLERR)))
                if (sync.revents & POLLNVAL)
                        sync.fd = -1;
        proxy_life_unlink();
}
