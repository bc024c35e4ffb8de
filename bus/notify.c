/* SPDX-License-Identifier: MIT */
/*
 * The protocol of sd_notify(3): one datagram of lines. It is stable and small enough to be spoken
 * without libsystemd, so that builds without it tell the manager as well.
 */
#include "bus/notify.h"

#include "base/fdset.h"

#include <glib.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

static char *manager; /* owned for good; path, or abstract name with '@'; NULL: nobody listens */

void notify_init(void) {
        g_free(manager);
        manager = g_strdup(g_getenv("NOTIFY_SOCKET"));
        g_unsetenv("NOTIFY_SOCKET");
}

static void notify(const char *state) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t n = manager ? strlen(manager) : 0;

        if (n < 2 || n >= sizeof address.sun_path || (manager[0] != '/' && manager[0] != '@'))
                return;
        memcpy(address.sun_path, manager, n);
        if (manager[0] == '@')
                address.sun_path[0] = '\0';
        auto_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        ssize_t sent =
                sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size);

        (void)sent; /* a manager that does not read is its own problem */
}

void notify_ready(void) {
        notify("READY=1\n");
}

void notify_reloading(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        g_autofree char *state =
                g_strdup_printf("RELOADING=1\nMONOTONIC_USEC=%" G_GUINT64_FORMAT "\n",
                                (guint64)now.tv_sec * 1000000 + (guint64)now.tv_nsec / 1000);
        notify(state);
}

void notify_stopping(void) {
        notify("STOPPING=1\n");
}
