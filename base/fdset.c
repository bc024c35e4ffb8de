/* SPDX-License-Identifier: MIT */
/* Reference counted sets of owned descriptors; a set is closed exactly once, with its last
 * reference. */
#include "base/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

FdSet *fdset_new(const int *fds, unsigned n_fds) {
        FdSet *set = g_malloc(sizeof *set + n_fds * sizeof set->fds[0]);

        set->n_refs = 1;
        set->n_fds = n_fds;
        memcpy(set->fds, fds, n_fds * sizeof set->fds[0]);
        return set;
}

FdSet *fdset_ref(FdSet *set) {
        set->n_refs++;
        return set;
}

void fdset_unref(FdSet *set) {
        if (!set || --set->n_refs > 0)
                return;
        for (unsigned i = 0; i < set->n_fds; i++)
                close(set->fds[i]);
        g_free(set);
}

int fdset_dup(const FdSet *set, unsigned index) {
        if (!set || index >= set->n_fds) {
                errno = EBADF;
                return -1;
        }
        return fcntl(set->fds[index], F_DUPFD_CLOEXEC, 3);
}
