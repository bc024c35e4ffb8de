/* SPDX-License-Identifier: MIT */
/*
 * Users and groups by name: what counts as an answer of the system, and what is kept without one.
 * The questions of the module come to this file's getpwnam_r() and getgrnam_r(), which pass them on
 * unless a test says what they say.
 */
#include "policy/late-accounts.h"
#include "policy/xml-loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PASS_ON (-1)

static int says = PASS_ON;  /* an errno, 0: there is none, PASS_ON: what the system says */
static size_t wants_buffer; /* ERANGE for less */
static unsigned n_asked;

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t n_buffer,
               struct passwd **ret_found) {
        int (*real)(const char *, struct passwd *, char *, size_t, struct passwd **);

        n_asked++;
        *ret_found = NULL;
        if (n_buffer < wants_buffer)
                return ERANGE;
        if (says != PASS_ON)
                return says;
        *(void **)&real = dlsym(RTLD_NEXT, "getpwnam_r");
        return real(name, entry, buffer, n_buffer, ret_found);
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t n_buffer,
               struct group **ret_found) {
        int (*real)(const char *, struct group *, char *, size_t, struct group **);

        n_asked++;
        *ret_found = NULL;
        if (n_buffer < wants_buffer)
                return ERANGE;
        if (says != PASS_ON)
                return says;
        *(void **)&real = dlsym(RTLD_NEXT, "getgrnam_r");
        return real(name, entry, buffer, n_buffer, ret_found);
}

static void reset(void) {
        says = PASS_ON;
        wants_buffer = 0;
        n_asked = 0;
}

/*
 * getpwnam_r(3): "0 or ENOENT or ESRCH or EBADF or EPERM or ...  The given name or uid was not
 * found."
 */
static const struct {
        int code;
        PolicyAnswer answer;
} rows[] = {
        { 0, POLICY_ANSWER_GIVEN },          { ENOENT, POLICY_ANSWER_GIVEN },
        { ESRCH, POLICY_ANSWER_GIVEN },      { EBADF, POLICY_ANSWER_GIVEN },
        { EPERM, POLICY_ANSWER_GIVEN },      { EINTR, POLICY_ANSWER_FAILED },
        { EAGAIN, POLICY_ANSWER_FAILED },    { EIO, POLICY_ANSWER_FAILED },
        { ETIMEDOUT, POLICY_ANSWER_FAILED }, { ECONNREFUSED, POLICY_ANSWER_FAILED },
        { ERANGE, POLICY_ANSWER_FAILED },    { EMFILE, POLICY_ANSWER_EXHAUSTED },
        { ENFILE, POLICY_ANSWER_EXHAUSTED }, { ENOMEM, POLICY_ANSWER_EXHAUSTED },
};

static void test_answers(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                for (int is_group = 0; is_group < 2; is_group++) {
                        bool given = rows[i].answer == POLICY_ANSWER_GIVEN;
                        PolicyAccount account = { .name = g_strdup("some"),
                                                  .id = 7,
                                                  .known = true };
                        PolicyAccount fresh = { .name = NULL };

                        g_test_message("%s %d", g_strerror(rows[i].code), is_group);
                        says = rows[i].code;
                        policy_account_look_up(&account, is_group);
                        g_assert_cmpint(account.answer, ==, rows[i].answer);
                        g_assert_cmpint(account.known, ==, !given);
                        if (!given)
                                g_assert_cmpuint(account.id, ==, 7);

                        (is_group ? policy_account_set_group : policy_account_set_user)(&fresh,
                                                                                        "some");
                        g_assert_cmpint(fresh.answer, ==, rows[i].answer);
                        g_assert_false(fresh.known);
                        policy_account_clear(&account);
                        policy_account_clear(&fresh);
                }
        }
        reset();
}

/* Without a descriptor the system's files cannot be read: that is not the same as being in none. */
static void test_no_descriptors(void) {
        PolicyAccount account = { .name = NULL };
        struct rlimit before, none;

        policy_account_set_user(&account, "root");
        if (!account.known) {
                g_test_skip("the system has no user root");
                return;
        }
        g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
        none = (struct rlimit){ 0, before.rlim_max };
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
        policy_account_look_up(&account, false);
        if (account.answer == POLICY_ANSWER_EXHAUSTED) {
                /* a source that takes what it cannot open for what is not there */
                says = 0;
                policy_account_look_up(&account, false);
                says = PASS_ON;
        }
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
        g_assert_cmpint(account.answer, ==, POLICY_ANSWER_EXHAUSTED);
        g_assert_true(account.known);
        g_assert_cmpuint(account.id, ==, 0);
        policy_account_look_up(&account, false);
        g_assert_cmpint(account.answer, ==, POLICY_ANSWER_GIVEN);
        policy_account_clear(&account);
}

static void test_large_entries(void) {
        PolicyAccount account = { .name = NULL };

        wants_buffer = 5u << 20;
        policy_account_set_user(&account, "root");
        g_assert_true(account.known);
        policy_account_set_group(&account, "root");
        g_assert_true(account.known);
        /* nothing is that large */
        wants_buffer = SIZE_MAX;
        n_asked = 0;
        policy_account_look_up(&account, true);
        g_assert_cmpint(account.answer, ==, POLICY_ANSWER_FAILED);
        g_assert_true(account.known);
        g_assert_cmpuint(n_asked, <, 20);
        policy_account_clear(&account);
        reset();
}

static void test_numbers(void) {
        PolicyAccount account = { .name = NULL };

        reset();
        says = EIO;
        policy_account_set_user(&account, "4711");
        g_assert_true(account.known);
        g_assert_cmpuint(account.id, ==, 4711);
        g_assert_cmpint(account.answer, ==, POLICY_ANSWER_GIVEN);
        g_assert_cmpuint(n_asked, ==, 0);
        policy_account_clear(&account);
        reset();
}

/* --- late ones --- */

static Config *load(const char *text) {
        Config *config = config_new();
        g_autofree char *whole = g_strdup_printf("<busconfig>%s</busconfig>", text);

        g_assert_true(xml_loader_parse(config, "a.conf", whole, strlen(whole), NULL));
        return config;
}

static const PolicyAccount *get(const GPtrArray *accounts, const char *name, bool is_group) {
        const PolicyAccount *account = late_accounts_find(accounts, name, is_group);

        g_assert_nonnull(account);
        return account;
}

static void test_reading_without_answers(void) {
        const char *text = "<policy user='root'><allow own='*'/></policy>"
                           "<policy group='late'><allow own='*'/></policy>"
                           "<policy user='late'><allow own='*'/></policy>"
                           "<policy context='default'><allow group='root'/></policy>";
        g_autoptr(Config) before = load(text);
        g_autoptr(GPtrArray) known = late_accounts_new(before, NULL, NULL);
        g_autoptr(Config) config = NULL;
        g_autoptr(GPtrArray) accounts = NULL;

        g_assert_cmpuint(known->len, ==, 2);
        for (guint i = 0; i < known->len; i++) {
                LateAccount *late = known->pdata[i];

                late->account.known = late->is_group;
                late->account.id = 9;
        }
        says = EIO;
        config = load(text);
        accounts = late_accounts_new(config, before, known);
        reset();
        g_assert_cmpuint(accounts->len, ==, 4);
        g_assert_cmpint(late_accounts_get_answer(accounts), ==, POLICY_ANSWER_FAILED);
        g_assert_true(get(accounts, "root", false)->known);
        g_assert_true(get(accounts, "root", true)->known);
        g_assert_cmpuint(get(accounts, "root", true)->id, ==, 0);
        g_assert_cmpuint(get(accounts, "late", true)->id, ==, 9);
        g_assert_true(get(accounts, "late", true)->known);
        g_assert_false(get(accounts, "late", false)->known);
}

/* The system said that they are gone. */
static void test_reading_with_answers(void) {
        const char *text = "<policy user='root'><allow own='*'/></policy>";
        g_autoptr(Config) before = load(text);
        g_autoptr(Config) config = NULL;
        g_autoptr(GPtrArray) accounts = NULL;

        says = ENOENT;
        config = load(text);
        reset();
        accounts = late_accounts_new(config, before, NULL);
        g_assert_false(get(accounts, "root", false)->known);
        g_assert_cmpint(late_accounts_get_answer(accounts), ==, POLICY_ANSWER_GIVEN);
}

/* What a copy did not hear, another one may have heard meanwhile. */
static void test_keep(void) {
        g_autoptr(Config) config = load("<policy user='one-name'><allow own='*'/></policy>"
                                        "<policy user='other-name'><allow own='*'/></policy>");
        g_autoptr(GPtrArray) now = late_accounts_new(config, NULL, NULL);
        g_autoptr(GPtrArray) answer = late_accounts_copy(now);
        PolicyAccount *one = &((LateAccount *)now->pdata[0])->account;

        one->known = true;
        one->id = 5;
        ((LateAccount *)answer->pdata[0])->account.answer = POLICY_ANSWER_EXHAUSTED;
        late_accounts_keep(answer, now);
        g_assert_true(late_accounts_equal(answer, now));
        ((LateAccount *)answer->pdata[0])->account.answer = POLICY_ANSWER_GIVEN;
        ((LateAccount *)answer->pdata[0])->account.known = false;
        late_accounts_keep(answer, now);
        g_assert_false(late_accounts_equal(answer, now));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/policy/account/answers", test_answers);
        g_test_add_func("/policy/account/no-descriptors", test_no_descriptors);
        g_test_add_func("/policy/account/large-entries", test_large_entries);
        g_test_add_func("/policy/account/numbers", test_numbers);
        g_test_add_func("/policy/late-accounts/no-answers", test_reading_without_answers);
        g_test_add_func("/policy/late-accounts/answers", test_reading_with_answers);
        g_test_add_func("/policy/late-accounts/keep", test_keep);
        return g_test_run();
}
