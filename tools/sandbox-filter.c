/* SPDX-License-Identifier: MIT */
/*
 * The program has the terminal that we were started from, and could put words into its input, for
 * the shell to run when we have ended: TIOCSTI does so on every terminal, TIOCLINUX pastes on the
 * console. A session of its own would keep it from that, but also from job control and from the
 * terminal's signals; a filter takes away these two only.
 *
 * The number of ioctl() differs between the ways to call a kernel. All are looked for wherever the
 * call comes from: what else has one of these numbers has no second argument of such a value. The
 * kernel takes the lower half of that argument, and so does this.
 */
#include "tools/sandbox-filter.h"

#include <errno.h>
#include <gio/gio.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IOCTL_32_BIT 54  /* i386, Arm, PowerPC, s390 and others */
#define IOCTL_X86_64 16
#define IOCTL_X32 (0x40000000 | 514)

#define LOWER_HALF (G_BYTE_ORDER == G_LITTLE_ENDIAN ? 0 : sizeof(uint32_t))
#define REQUEST (offsetof(struct seccomp_data, args[1]) + LOWER_HALF)

/* The numbers behind each jump are how many lines to skip if it is equal, and if not. */
/* clang-format off */
static const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IOCTL_32_BIT, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IOCTL_X86_64, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IOCTL_X32, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, REQUEST),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCLINUX, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
};
/* clang-format on */

int sandbox_filter_open(GError **error) {
        int fd = memfd_create("filter", 0);

        if (fd >= 0 && write(fd, filter, sizeof filter) == (ssize_t)sizeof filter &&
            lseek(fd, 0, SEEK_SET) == 0)
                return fd;
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "cannot make the filter of the sandbox: %s", g_strerror(errno));
        if (fd >= 0)
                close(fd);
        return -1;
}
