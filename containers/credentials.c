/* SPDX-License-Identifier: MIT */
/* One spelling of credentials for all methods that give them away. */
#include "containers/credentials.h"

#include <fcntl.h>
#include <string.h>

static void open_entry(Writer *writer, const char *key, const char *type) {
        writer_open_struct(writer, "{sv}");
        writer_add_string(writer, key);
        writer_open_variant(writer, type);
}

static void close_entry(Writer *writer) {
        writer_close_variant(writer);
        writer_close_struct(writer);
}

static void write_groups(Writer *writer, Identity *identity) {
        size_t n_groups;
        const gid_t *groups = identity_get_groups(identity, &n_groups);

        if (!groups)
                return;
        open_entry(writer, "UnixGroupIDs", "au");
        size_t mark = writer_open_array(writer, "u");
        for (size_t i = 0; i < n_groups; i++)
                writer_add_u32(writer, groups[i]);
        writer_close_array(writer, mark);
        close_entry(writer);
}

static void write_pidfd(Writer *writer, Identity *identity) {
        int pidfd = identity_get_pidfd(identity);
        int copy = pidfd < 0 ? -1 : fcntl(pidfd, F_DUPFD_CLOEXEC, 3);

        if (copy < 0)
                return;
        open_entry(writer, "ProcessFD", "h");
        writer_add_fd(writer, copy);
        close_entry(writer);
}

static void write_label(Writer *writer, Identity *identity) {
        const char *label = identity_get_label(identity);
        size_t n_label = label ? strlen(label) + 1 : 0;

        if (!label)
                return;
        open_entry(writer, "LinuxSecurityLabel", "ay");
        size_t mark = writer_open_array(writer, "y");
        for (size_t i = 0; i < n_label; i++)
                writer_add_byte(writer, (uint8_t)label[i]);
        writer_close_array(writer, mark);
        close_entry(writer);
}

void credentials_write(Writer *writer, Identity *identity, CredentialsFlags flags) {
        if (identity->uid != IDENTITY_NO_UID)
                writer_add_entry_u32(writer, "UnixUserID", identity->uid);
        write_groups(writer, identity);
        if (identity->pid > 0)
                writer_add_entry_u32(writer, "ProcessID", (uint32_t)identity->pid);
        if (flags & CREDENTIALS_WITH_PIDFD)
                write_pidfd(writer, identity);
        write_label(writer, identity);
}
