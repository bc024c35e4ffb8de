/* SPDX-License-Identifier: MIT */
/*
 * The journal's stream protocol: a socket that takes a header of seven lines, then plain output.
 * Like sd_notify it is small and stable, and spoken without libsystemd. A journal that does not
 * take connections at once is not waited for.
 */
#include "bus/journal.h"

#include "base/fdset.h"
#include "base/log.h"

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

int journal_open_stream(const char *identifier) {
        const struct sockaddr_un address = { .sun_family = AF_UNIX,
                                             .sun_path = "/run/systemd/journal/stdout" };
        auto_fd fd = -1;
        int stream;

        if (!(log_get_targets() & LOG_TO_SYSLOG))
                return -1;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
                return -1;
        /*
         * identifier, unit, priority, whether lines say theirs, and no forwarding to syslog, kernel
         * log and console
         */
        g_autofree char *header = g_strdup_printf("%s\n\n%d\n0\n0\n0\n0\n", identifier, LOG_INFO);
        size_t n = strlen(header);

        if (send(fd, header, n, MSG_NOSIGNAL) != (ssize_t)n || shutdown(fd, SHUT_RD) < 0 ||
            fcntl(fd, F_SETFL, 0) < 0)
                return -1;
        stream = fd;
        fd = -1;
        return stream;
}
