/* SPDX-License-Identifier: MIT */
/* A short list of names, searched from its start: most configurations have none of them. */
#include "policy/late-accounts.h"

#include <string.h>

static void late_account_free(void *data) {
        LateAccount *late = data;

        policy_account_clear(&late->account);
        g_free(late);
}

static void add_copy(GPtrArray *accounts, const PolicyAccount *account, bool is_group) {
        LateAccount *late = g_new0(LateAccount, 1);

        policy_account_copy(&late->account, account);
        late->is_group = is_group;
        g_ptr_array_add(accounts, late);
}

static void add_unknown(GPtrArray *accounts, const PolicyAccount *account, bool is_group) {
        if (account->name && !account->known &&
            !late_accounts_find(accounts, account->name, is_group))
                add_copy(accounts, account, is_group);
}

GPtrArray *late_accounts_new(const Config *config) {
        GPtrArray *accounts = g_ptr_array_new_with_free_func(late_account_free);

        for (guint i = 0; i < config->rules->len; i++) {
                const PolicyRule *rule = config->rules->pdata[i];

                add_unknown(accounts, &rule->account, rule->kind == POLICY_RULE_GROUP);
                add_unknown(accounts, &rule->applies_to, rule->context == POLICY_CONTEXT_GROUP);
        }
        return accounts;
}

GPtrArray *late_accounts_copy(const GPtrArray *accounts) {
        GPtrArray *copy = g_ptr_array_new_with_free_func(late_account_free);

        for (guint i = 0; i < accounts->len; i++) {
                const LateAccount *late = accounts->pdata[i];

                add_copy(copy, &late->account, late->is_group);
        }
        return copy;
}

void late_accounts_look_up(GPtrArray *accounts) {
        for (guint i = 0; i < accounts->len; i++) {
                LateAccount *late = accounts->pdata[i];
                g_autofree char *name = g_strdup(late->account.name);

                if (late->is_group)
                        policy_account_set_group(&late->account, name);
                else
                        policy_account_set_user(&late->account, name);
        }
}

bool late_accounts_equal(const GPtrArray *a, const GPtrArray *b) {
        for (guint i = 0; i < a->len; i++) {
                const PolicyAccount *one = &((const LateAccount *)a->pdata[i])->account;
                const PolicyAccount *other = &((const LateAccount *)b->pdata[i])->account;

                if (one->known != other->known || (one->known && one->id != other->id))
                        return false;
        }
        return true;
}

bool late_accounts_have_groups(const GPtrArray *accounts) {
        for (guint i = 0; i < accounts->len; i++)
                if (((const LateAccount *)accounts->pdata[i])->is_group)
                        return true;
        return false;
}

const PolicyAccount *late_accounts_find(const GPtrArray *accounts, const char *name,
                                        bool is_group) {
        for (guint i = 0; i < accounts->len; i++) {
                const LateAccount *late = accounts->pdata[i];

                if (late->is_group == is_group && strcmp(late->account.name, name) == 0)
                        return &late->account;
        }
        return NULL;
}
