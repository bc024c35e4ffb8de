/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a descriptor calls into whoever implements it. Files of FUSE answer when their server
 * likes to, nested epoll descriptors make each wake-up as dear as somebody wants: only kinds that
 * the kernel answers for by itself, and at once, are taken.
 *
 * Not even fstat() is asked: for a file of FUSE that, too, is a question to its server. Sockets and
 * pipes have questions of their own, which fail for all else before any file system hears of them;
 * the rest is told apart by the name that the kernel makes up for it. No file has such a name, as
 * all of theirs begin with a slash.
 */
#include "containers/notify-fd.h"

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_socket(int fd) {
        int type;
        socklen_t length = sizeof type;

        return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
}

static bool is_pipe(int fd) {
        return fcntl(fd, F_GETPIPE_SZ) >= 0;
}

/* Without /proc none of these is known, and none taken. */
static bool is_event_or_process(int fd) {
        static const char *const kinds[] = { "anon_inode:[eventfd]", "anon_inode:[pidfd]",
                                             "pidfd:[" };
        char path[64], name[64];
        ssize_t n;

        g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        n = readlink(path, name, sizeof name - 1);
        if (n < 0)
                return false;
        name[n] = '\0';
        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
                if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
                        return true;
        return false;
}

bool notify_fd_check(int fd) {
        return is_socket(fd) || is_pipe(fd) || is_event_or_process(fd);
}
