/* SPDX-License-Identifier: MIT */
/*
 * Rights and limits of the process. Capabilities are set by the system call itself: one bit in one
 * struct needs no library.
 *
 * What is given up is looked at afterwards: a bus that still has what it has no use for does not
 * start. Securebits, which a process inherits, can make a change of the user keep all capabilities.
 */
#include "bus/privileges.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT_DESCRIPTORS 65536

/* Since Linux 6.3, and 6.6; older headers have neither. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN (1ul << 0)
#endif
#ifndef PR_MDWE_NO_INHERIT
#define PR_MDWE_NO_INHERIT (1ul << 1)
#endif

static struct rlimit child_limit;
static bool limit_was_raised;

static bool fail(GError **error, int code, const char *what, const char *user) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code),
                    "Cannot run as user \"%s\": %s: %s", user, what, g_strerror(code));
        return false;
}

/* A number needs no entry in the user database, a name does. */
static bool find_user(const char *user, struct passwd *ret_entry, GError **error) {
        guint64 uid;
        bool numeric = g_ascii_string_to_unsigned(user, 10, 0, UINT32_MAX - 1, &uid, NULL);
        struct passwd *entry;

        errno = 0;
        entry = numeric ? getpwuid((uid_t)uid) : getpwnam(user);
        if (entry) {
                *ret_entry = *entry;
                return true;
        }
        if (numeric) {
                *ret_entry = (struct passwd){ .pw_uid = (uid_t)uid, .pw_gid = (gid_t)uid };
                return true;
        }
        return fail(error, errno ? errno : ENOENT, "looking it up", user);
}

static bool has_audit_write(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { 0 };

        return syscall(SYS_capget, &header, data) == 0 &&
               (data[0].permitted & (1u << CAP_AUDIT_WRITE));
}

/* What can be inherited goes as well, and with it what is ambient. */
static bool keep_only(uint32_t capabilities) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { { .effective = capabilities,
                                                    .permitted = capabilities } };

        return syscall(SYS_capset, &header, data) == 0;
}

static bool has_more_than(uint32_t capabilities) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { 0 };

        return syscall(SYS_capget, &header, data) < 0 || (data[0].permitted & ~capabilities) ||
               data[0].inheritable || data[1].permitted || data[1].inheritable;
}

/* As all of real, effective and saved user: one of them alone is a way back. */
static bool is_user(uid_t uid) {
        uid_t real, effective, saved;

        return getresuid(&real, &effective, &saved) == 0 && real == uid && effective == uid &&
               saved == uid;
}

/* Without the supplementary groups that the user database has for it: a bus needs none. */
static bool change_ids(const struct passwd *entry, const char *user, GError **error) {
        if (setgroups(0, NULL) < 0)
                return fail(error, errno, "giving up its groups", user);
        if (setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0)
                return fail(error, errno, "changing the group", user);
        if (setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
                return fail(error, errno, "changing the user", user);
        return true;
}

bool privileges_change_user(const char *user, GError **error) {
        struct passwd entry = { 0 };

        if (!find_user(user, &entry, error))
                return false;
        if (is_user(entry.pw_uid))
                return true;
        uint32_t kept = has_audit_write() ? 1u << CAP_AUDIT_WRITE : 0;

        if (kept && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
                return fail(error, errno, "keeping capabilities", user);
        if (!change_ids(&entry, user, error))
                return false;
        if (!keep_only(kept) || (kept && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0))
                return fail(error, errno, "giving up capabilities", user);
        if (!is_user(entry.pw_uid) || has_more_than(kept))
                return fail(error, EPERM, "giving up what it had", user);
        return true;
}

/* As when valgrind, or another translator, is in this process and lives on such memory. */
static bool has_executable_memory(void) {
        g_autofree char *maps = NULL;

        return g_file_get_contents("/proc/self/maps", &maps, NULL, NULL) && strstr(maps, " rwx");
}

void privileges_refuse_executable_memory(void) {
        unsigned long bits = PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT;

        if (has_executable_memory())
                return;
        if (prctl(PR_SET_MDWE, bits, 0, 0, 0) < 0)
                log_message(LOG_LEVEL_DEBUG, "Memory may become executable: %s",
                            g_strerror(errno));
}

void privileges_raise_descriptor_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        child_limit = limit;
        limit_was_raised = true;
        if (geteuid() == 0 && limit.rlim_max != RLIM_INFINITY &&
            limit.rlim_max < ROOT_DESCRIPTORS) {
                struct rlimit wanted = { ROOT_DESCRIPTORS, ROOT_DESCRIPTORS };

                if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
                        return;
                log_message(LOG_LEVEL_DEBUG, "Cannot raise the limit of open files to %d: %s",
                            ROOT_DESCRIPTORS, strerrordesc_np(errno));
        }
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                log_message(LOG_LEVEL_DEBUG, "Cannot raise the limit of open files: %s",
                            g_strerror(errno));
}

const struct rlimit *privileges_get_child_descriptor_limit(void) {
        return limit_was_raised ? &child_limit : NULL;
}
