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

static LateAccount *find(const GPtrArray *accounts, const char *name, bool is_group) {
        for (guint i = 0; i < accounts->len; i++) {
                LateAccount *late = accounts->pdata[i];

                if (late->is_group == is_group && strcmp(late->account.name, name) == 0)
                        return late;
        }
        return NULL;
}

const PolicyAccount *late_accounts_find(const GPtrArray *accounts, const char *name,
                                        bool is_group) {
        const LateAccount *late = find(accounts, name, is_group);

        return late ? &late->account : NULL;
}

/* The same name is looked up once for each rule; of different answers the worst one counts. */
static void add_unknown(GPtrArray *accounts, const PolicyAccount *account, bool is_group) {
        LateAccount *late;

        if (!account->name || account->known)
                return;
        late = find(accounts, account->name, is_group);
        if (!late)
                add_copy(accounts, account, is_group);
        else if (account->answer > late->account.answer)
                late->account.answer = account->answer;
}

/* The two places of a rule where a name can stand. */
static const PolicyAccount *find_in_rule(const PolicyRule *rule, const char *name, bool is_group) {
        const PolicyAccount *account = &rule->account, *context = &rule->applies_to;

        if (account->known && (rule->kind == POLICY_RULE_GROUP) == is_group &&
            strcmp(account->name, name) == 0)
                return account;
        if (context->known && (rule->context == POLICY_CONTEXT_GROUP) == is_group &&
            strcmp(context->name, name) == 0)
                return context;
        return NULL;
}

static const PolicyAccount *find_in_config(const Config *config, const char *name, bool is_group) {
        const PolicyAccount *account = NULL;

        for (guint i = 0; config && !account && i < config->rules->len; i++)
                account = find_in_rule(config->rules->pdata[i], name, is_group);
        return account;
}

static void take_id(PolicyAccount *account, const PolicyAccount *from) {
        account->known = from && from->known;
        account->id = from ? from->id : 0;
}

static void remember(LateAccount *late, const Config *config, const Config *before,
                     const GPtrArray *known) {
        const char *name = late->account.name;
        const PolicyAccount *account;

        if (late->account.answer == POLICY_ANSWER_GIVEN)
                return;
        /* for another of the rules there was an answer */
        account = find_in_config(config, name, late->is_group);
        if (!account)
                account = find_in_config(before, name, late->is_group);
        if (!account && known)
                account = late_accounts_find(known, name, late->is_group);
        take_id(&late->account, account);
}

GPtrArray *late_accounts_new(const Config *config, const Config *before, const GPtrArray *late) {
        GPtrArray *accounts = g_ptr_array_new_with_free_func(late_account_free);

        for (guint i = 0; i < config->rules->len; i++) {
                const PolicyRule *rule = config->rules->pdata[i];

                add_unknown(accounts, &rule->account, rule->kind == POLICY_RULE_GROUP);
                add_unknown(accounts, &rule->applies_to, rule->context == POLICY_CONTEXT_GROUP);
        }
        for (guint i = 0; i < accounts->len; i++)
                remember(accounts->pdata[i], config, before, late);
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

                policy_account_look_up(&late->account, late->is_group);
        }
}

PolicyAnswer late_accounts_get_answer(const GPtrArray *accounts) {
        PolicyAnswer worst = POLICY_ANSWER_GIVEN;

        for (guint i = 0; i < accounts->len; i++)
                worst = MAX(worst, ((const LateAccount *)accounts->pdata[i])->account.answer);
        return worst;
}

void late_accounts_keep(GPtrArray *accounts, const GPtrArray *before) {
        for (guint i = 0; i < accounts->len; i++) {
                PolicyAccount *account = &((LateAccount *)accounts->pdata[i])->account;

                if (account->answer != POLICY_ANSWER_GIVEN)
                        take_id(account, &((const LateAccount *)before->pdata[i])->account);
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
