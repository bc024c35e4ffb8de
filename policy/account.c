/* SPDX-License-Identifier: MIT */
/*
 * getpwnam_r(3) and getgrnam_r(3) say "there is none" in several ways, which the manual lists;
 * every other number is a failure. Entries may be large: that of a group lists all its members.
 */
#include "policy/account.h"

#include "base/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <grp.h>
#include <pwd.h>

#define FIRST_BUFFER 16384
#define LARGEST_BUFFER (64u << 20)

/* Numbers need no entry in the system's databases. */
static bool parse_id(const char *text, uint32_t *ret_id) {
        guint64 number;

        if (!g_ascii_string_to_unsigned(text, 10, 0, UINT32_MAX - 1, &number, NULL))
                return false;
        *ret_id = (uint32_t)number;
        return true;
}

/* Return: 0 or an errno; with 0 it is known whether there is such a user. */
static int ask_for_user(const char *name, char *buffer, size_t n_buffer, PolicyAccount *account) {
        struct passwd entry, *found = NULL;
        int code = getpwnam_r(name, &entry, buffer, n_buffer, &found);

        if (code != 0)
                return code;
        account->known = found != NULL;
        account->id = found ? found->pw_uid : 0;
        return 0;
}

static int ask_for_group(const char *name, char *buffer, size_t n_buffer, PolicyAccount *account) {
        struct group entry, *found = NULL;
        int code = getgrnam_r(name, &entry, buffer, n_buffer, &found);

        if (code != 0)
                return code;
        account->known = found != NULL;
        account->id = found ? found->gr_gid : 0;
        return 0;
}

static PolicyAnswer classify(int code) {
        switch (code) {
        case 0:
        case ENOENT:
        case ESRCH:
        case EBADF:
        case EPERM:
                return POLICY_ANSWER_GIVEN;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
                return POLICY_ANSWER_EXHAUSTED;
        default:
                return POLICY_ANSWER_FAILED;
        }
}

/* Without one a source of accounts may find nothing and say that there is nothing. */
static bool has_descriptors(void) {
        auto_fd fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        return fd >= 0 || (errno != EMFILE && errno != ENFILE);
}

/* Into @account, and only what is certain. Return: 0 or an errno. */
static int ask(PolicyAccount *account, bool is_group, char *buffer, size_t n_buffer) {
        PolicyAccount answer = { .name = account->name };
        int code = is_group ? ask_for_group(account->name, buffer, n_buffer, &answer)
                            : ask_for_user(account->name, buffer, n_buffer, &answer);

        if (classify(code) == POLICY_ANSWER_GIVEN && !answer.known && !has_descriptors())
                return EMFILE;
        if (classify(code) == POLICY_ANSWER_GIVEN) {
                account->known = answer.known;
                account->id = answer.id;
        }
        return code;
}

void policy_account_look_up(PolicyAccount *account, bool is_group) {
        size_t n_buffer = FIRST_BUFFER;
        g_autofree char *buffer = g_malloc(n_buffer);
        int code;

        for (;;) {
                code = ask(account, is_group, buffer, n_buffer);
                if (code != ERANGE || n_buffer >= LARGEST_BUFFER)
                        break;
                n_buffer *= 4;
                buffer = g_realloc(buffer, n_buffer);
        }
        account->answer = classify(code);
}

static void set(PolicyAccount *account, const char *name, bool is_group) {
        policy_account_clear(account);
        account->name = g_strdup(name);
        account->known = parse_id(name, &account->id);
        if (!account->known)
                policy_account_look_up(account, is_group);
}

void policy_account_set_user(PolicyAccount *account, const char *name) {
        set(account, name, false);
}

void policy_account_set_group(PolicyAccount *account, const char *name) {
        set(account, name, true);
}

const char *policy_account_why_unknown(const PolicyAccount *account) {
        if (account->answer == POLICY_ANSWER_GIVEN)
                return "is not known to the system";
        return "could not be looked up and will be asked for again";
}

void policy_account_copy(PolicyAccount *account, const PolicyAccount *from) {
        policy_account_clear(account);
        *account = *from;
        account->name = g_strdup(from->name);
}

void policy_account_clear(PolicyAccount *account) {
        g_free(account->name);
        *account = (PolicyAccount){ .name = NULL };
}
