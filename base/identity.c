/* SPDX-License-Identifier: MIT */
/*
 * Peer credentials of AF_UNIX sockets. Every fact is asked from the kernel at most once, and only
 * from the socket: never from /proc, where a pid may already be somebody else's.
 */
#include "base/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* Labels and group lists grow until the kernel is content, but not without bound. */
#define MAX_ANSWER (1u << 20)

Identity *identity_new(uid_t uid, gid_t gid, pid_t pid) {
        Identity *identity = g_new0(Identity, 1);

        identity->n_refs = 1;
        identity->uid = uid;
        identity->gid = gid;
        identity->pid = pid;
        identity->socket_fd = identity->pidfd = -1;
        return identity;
}

Identity *identity_new_from_socket(int socket_fd) {
        struct ucred cred;
        socklen_t size = sizeof cred;

        if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
                return NULL;
        if (cred.uid == IDENTITY_NO_UID) {
                errno = ENODATA;
                return NULL;
        }
        Identity *identity = identity_new(cred.uid, cred.gid, cred.pid);
        identity->socket_fd = socket_fd;
        return identity;
}

Identity *identity_ref(Identity *identity) {
        identity->n_refs++;
        return identity;
}

void identity_unref(Identity *identity) {
        if (!identity || --identity->n_refs > 0)
                return;
        if (identity->pidfd >= 0)
                close(identity->pidfd);
        g_free(identity->label);
        g_free(identity->groups);
        g_free(identity);
}

void identity_detach(Identity *identity) {
        identity->socket_fd = -1;
}

void identity_make_anonymous(Identity *identity) {
        identity->uid = IDENTITY_NO_UID;
        identity->gid = (gid_t)-1;
        g_clear_pointer(&identity->groups, g_free);
        identity->n_groups = 0;
        identity->asked_groups = true;
}

void identity_load_all(Identity *identity) {
        size_t n;

        (void)identity_get_label(identity);
        (void)identity_get_groups(identity, &n);
        (void)identity_get_pidfd(identity);
}

/* Asks for an option of unknown size; NULL when there is none. */
static void *get_option(int fd, int option, socklen_t *ret_size) {
        socklen_t size = 256;

        while (size <= MAX_ANSWER) {
                g_autofree char *answer = g_malloc(size + 1);
                socklen_t got = size;

                if (getsockopt(fd, SOL_SOCKET, option, answer, &got) >= 0) {
                        answer[got] = '\0';
                        *ret_size = got;
                        return g_steal_pointer(&answer);
                }
                if (errno != ERANGE)
                        return NULL;
                size = got > size ? got : size * 2;
        }
        return NULL;
}

const char *identity_get_label(Identity *identity) {
        socklen_t size = 0;

        if (identity->asked_label || identity->socket_fd < 0)
                return identity->label;
        identity->asked_label = true;
        identity->label = get_option(identity->socket_fd, SO_PEERSEC, &size);
        if (identity->label && identity->label[0] == '\0')
                g_clear_pointer(&identity->label, g_free);
        return identity->label;
}

static int compare_gids(const void *a, const void *b) {
        gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

        return x < y ? -1 : x > y;
}

/*
 * SO_PEERGROUPS has the supplementary groups only: the primary one is added and duplicates dropped.
 */
static void load_groups(Identity *identity) {
        socklen_t size = 0;
        g_autofree gid_t *more = get_option(identity->socket_fd, SO_PEERGROUPS, &size);
        size_t n = more ? size / sizeof(gid_t) : 0, n_unique = 0;

        if (!more && errno == ENOPROTOOPT)
                return;
        identity->groups = g_new(gid_t, n + 1);
        if (n > 0)
                memcpy(identity->groups, more, n * sizeof(gid_t));
        identity->groups[n++] = identity->gid;
        qsort(identity->groups, n, sizeof(gid_t), compare_gids);
        for (size_t i = 0; i < n; i++)
                if (i == 0 || identity->groups[i] != identity->groups[i - 1])
                        identity->groups[n_unique++] = identity->groups[i];
        identity->n_groups = n_unique;
}

const gid_t *identity_get_groups(Identity *identity, size_t *ret_n_groups) {
        if (!identity->asked_groups && identity->socket_fd >= 0) {
                identity->asked_groups = true;
                load_groups(identity);
        }
        *ret_n_groups = identity->n_groups;
        return identity->groups;
}

int identity_get_pidfd(Identity *identity) {
        int fd = -1;
        socklen_t size = sizeof fd;

        if (identity->asked_pidfd || identity->socket_fd < 0)
                return identity->pidfd;
        identity->asked_pidfd = true;
        if (getsockopt(identity->socket_fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &size) == 0)
                identity->pidfd = fd;
        return identity->pidfd;
}
