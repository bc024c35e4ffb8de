/* SPDX-License-Identifier: MIT */
/*
 * A question is put to policy_decide() and its like as the router would put it, with subjects
 * that stand for the two ends. Which rule allows is found by asking again with each rule alone.
 */
#include "tools/explanation.h"

#include "base/hash.h"
#include "policy/container-policy.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

/* Not a name that the bus gives, but one in its form. */
#define UNIQUE_OF_APP ":0.1"
#define DRIVER_NAME "org.freedesktop.DBus"

/* One end as policy/ looks at it. */
typedef struct Cast {
        PolicySubject subject;
        NameSet set;
        OwnedName *names;      /* owned array; borrows text */
        ServiceGrants *grants; /* owned */
} Cast;

void scene_end_init(SceneEnd *end) {
        *end = (SceneEnd){ .names = g_ptr_array_new_with_free_func(g_free) };
}

void scene_end_clear(SceneEnd *end) {
        g_clear_pointer(&end->unique, g_free);
        g_clear_pointer(&end->names, g_ptr_array_unref);
}

void explanation_clear(Explanation *explanation) {
        g_clear_pointer(&explanation->rule, g_free);
        g_clear_pointer(&explanation->file, g_free);
}

static int compare_gids(const void *a, const void *b) {
        const gid_t *left = a, *right = b;

        return *left < *right ? -1 : *left > *right;
}

/* What a process of this user has, as far as the user data base knows. */
static Identity *identity_of(uid_t uid) {
        const struct passwd *account = getpwuid(uid);
        Identity *identity = identity_new(uid, account ? account->pw_gid : (gid_t)-1, 0);
        int n_groups = 256;

        if (!account)
                return identity;
        identity->groups = g_new(gid_t, (size_t)n_groups);
        if (getgrouplist(account->pw_name, account->pw_gid, identity->groups, &n_groups) < 0)
                n_groups = 0;
        qsort(identity->groups, (size_t)n_groups, sizeof(gid_t), compare_gids);
        identity->n_groups = (size_t)n_groups;
        identity->asked_groups = true;
        return identity;
}

static void cast_init(Cast *cast, const Scene *scene, const SceneEnd *end,
                      ContainerPolicy *container) {
        size_t n = end->names->len;

        *cast = (Cast){ .names = g_new0(OwnedName, n + 1) };
        for (size_t i = 0; i < n; i++) {
                WireString name = wire_string(end->names->pdata[i]);

                cast->names[i] = (OwnedName){ .name = name,
                                              .hash = hash_bytes(name.data, name.length),
                                              .primary = true };
        }
        cast->set = (NameSet){ .unique = end->unique ? wire_string(end->unique) : (WireString){ 0 },
                               .names = cast->names,
                               .n_names = (unsigned)n,
                               .generation = name_generation_next() };
        cast->subject = (PolicySubject){ .identity = identity_of(end->uid),
                                         .names = &cast->set,
                                         .container = container,
                                         .id = name_generation_next() };
        if (scene->policy)
                cast->subject.snapshot =
                        policy_get_snapshot(scene->policy, cast->subject.identity, false);
}

/* What the connection at the other end has granted. */
static void cast_grant(Cast *cast, const GPtrArray *grants) {
        for (guint i = 0; i < grants->len; i++) {
                const ContainerRule *rule = &((const SourcedRule *)grants->pdata[i])->rule;

                if (!wire_string_is(cast->set.unique, rule->bus_name))
                        continue;
                if (!cast->grants)
                        cast->grants = service_grants_new(NULL);
                service_grants_add(cast->grants, GRANTS_FOR_ALL, rule);
        }
        cast->subject.grants = cast->grants;
}

static void cast_clear(Cast *cast) {
        g_clear_pointer(&cast->grants, service_grants_free);
        g_clear_pointer(&cast->subject.snapshot, policy_snapshot_unref);
        g_clear_pointer(&cast->subject.identity, identity_unref);
        g_clear_pointer(&cast->names, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Cast, cast_clear)

static Message message_of(const Question *question) {
        bool is_call = question->kind == QUESTION_CALL;

        return (Message){ .view = {
                                  .type = is_call ? MESSAGE_TYPE_METHOD_CALL : MESSAGE_TYPE_SIGNAL,
                                  .serial = 1,
                                  .n_fds = question->has_fds,
                                  .path = wire_string(question->path),
                                  .interface =
                                          question->interface ? wire_string(question->interface)
                                                              : (WireString){ 0 },
                                  .member = wire_string(question->member),
                                  .destination = question->kind == QUESTION_RECEIVE
                                                         ? (WireString){ 0 }
                                                         : wire_string(question->name),
                          } };
}

static void decide_message(const Scene *scene, const Question *question, const PolicySubject *app,
                           const PolicySubject *other, PolicyVerdict *ret_verdict) {
        bool receives = question->kind == QUESTION_RECEIVE;
        const Message message = message_of(question);
        PolicyQuery query = { .sender = app, .message = &message };

        if (receives) {
                query.sender = other;
                query.receiver = app;
        } else {
                query.receiver = query.addressed = other;
                query.to_driver = scene->other.is_bus;
                query.activation = !other && !scene->other.is_bus;
        }
        if (scene->policy)
                (void)policy_decide(&query, ret_verdict);
        else
                (void)container_policy_decide(&query, ret_verdict);
}

/* @other: NULL for the bus, and for somebody who does not run */
static void decide(const Scene *scene, const Question *question, const PolicySubject *app,
                   const PolicySubject *other, PolicyVerdict *ret_verdict) {
        WireString name = wire_string(question->name);

        *ret_verdict = (PolicyVerdict){ .allowed = true };
        switch (question->kind) {
        case QUESTION_CALL:
        case QUESTION_SIGNAL:
        case QUESTION_RECEIVE:
                decide_message(scene, question, app, other, ret_verdict);
                return;
        case QUESTION_OWN:
                if (scene->policy)
                        (void)policy_decide_own(app, name, ret_verdict);
                else
                        (void)container_policy_decide_own(app, name, ret_verdict);
                return;
        case QUESTION_START:
                (void)container_policy_decide_start(app, name, ret_verdict);
                return;
        case QUESTION_SEE:
                if (other)
                        (void)container_policy_decide_see(app, name, other, ret_verdict);
                return;
        }
        g_assert_not_reached();
}

/* Those of service files, which count for whoever has the name. */
static NamedGrants *named_grants_of(const GPtrArray *grants) {
        NamedGrants *named = named_grants_new();

        for (guint i = 0; i < grants->len; i++) {
                const ContainerRule *rule = &((const SourcedRule *)grants->pdata[i])->rule;

                if (rule->bus_name[0] != ':')
                        named_grants_add(named, rule->bus_name, rule);
        }
        return named;
}

/* The app with these rules, and the other end; then the question. */
static void ask(const Scene *scene, const Question *question, ContainerPolicy *container,
                PolicyVerdict *ret_verdict) {
        const RuleList *given = scene->grants;
        g_autoptr(NamedGrants) named = given ? named_grants_of(rule_list_get(given)) : NULL;
        g_auto(SceneEnd) app = { 0 };
        g_auto(Cast) cast_app = { 0 }, cast_other = { 0 };
        /* a message to somebody who does not run has no other end, what comes from him has */
        bool must_run = question->kind == QUESTION_CALL || question->kind == QUESTION_SIGNAL;
        bool has_other = !scene->other.is_bus && (scene->other.unique || !must_run);

        scene_end_init(&app);
        app.unique = g_strdup(UNIQUE_OF_APP);
        app.uid = scene->uid;
        cast_init(&cast_app, scene, &app, container);
        if (has_other)
                cast_init(&cast_other, scene, &scene->other,
                          scene->other.is_inside ? container : NULL);
        if (has_other && given)
                cast_grant(&cast_other, rule_list_get(given));
        (void)container_policy_set_named_grants(named);
        decide(scene, question, &cast_app.subject, has_other ? &cast_other.subject : NULL,
               ret_verdict);
        (void)container_policy_set_named_grants(NULL);
}

/* Whether the container layer allows it with these rules, and nothing else. */
static bool is_enough(const Scene *scene, const Question *question, const RuleList *rules,
                      const RuleList *grants) {
        const Scene container_only = { .grants = grants, .uid = scene->uid, .other = scene->other };
        g_autoptr(ContainerPolicy) container = container_policy_new(1, 0);
        const GPtrArray *array = rules ? rule_list_get(rules) : NULL;
        PolicyVerdict verdict;

        for (guint i = 0; array && i < array->len; i++)
                container_policy_add_rule(container, &((const SourcedRule *)array->pdata[i])->rule);
        ask(&container_only, question, container, &verdict);
        return verdict.allowed;
}

/* The first rule that is enough alone; NULL: there is none. */
static const SourcedRule *find_among(const Scene *scene, const Question *question,
                                     const RuleList *list, bool are_grants) {
        const GPtrArray *rules = rule_list_get(list);

        for (guint i = 0; i < rules->len; i++) {
                const SourcedRule *sourced = rules->pdata[i];
                g_autoptr(RuleList) alone = rule_list_new();

                rule_list_add(alone, &sourced->rule, sourced->source);
                if (are_grants ? is_enough(scene, question, NULL, alone)
                               : is_enough(scene, question, alone, NULL))
                        return sourced;
        }
        return NULL;
}

/* Rules of the container come first, as with the bus. */
static void find_rule(const Scene *scene, const Question *question, Explanation *explanation) {
        explanation->needs_none = is_enough(scene, question, NULL, NULL);
        if (explanation->needs_none)
                return;
        explanation->by = find_among(scene, question, scene->rules, false);
        if (explanation->by || !scene->grants)
                return;
        explanation->by = find_among(scene, question, scene->grants, true);
        explanation->by_service = explanation->by != NULL;
}

/* The suggestion for a broadcast that is filtered, which the bus does not make. */
static char *missing_rule(const Scene *scene, const Question *question) {
        g_autoptr(ContainerPolicy) permissive =
                container_policy_new(1, CONTAINER_POLICY_PERMISSIVE);
        const Scene container_only = { .rules = scene->rules,
                                       .uid = scene->uid,
                                       .other = scene->other };
        PolicyVerdict verdict;

        ask(&container_only, question, permissive, &verdict);
        return g_strdup(verdict.rule);
}

void explanation_make(const Scene *scene, const Question *question, Explanation *ret_explanation) {
        const GPtrArray *rules = rule_list_get(scene->rules);
        g_autoptr(ContainerPolicy) container = container_policy_new(1, scene->flags);
        PolicyVerdict verdict;

        for (guint i = 0; i < rules->len; i++)
                container_policy_add_rule(container, &((const SourcedRule *)rules->pdata[i])->rule);
        ask(scene, question, container, &verdict);
        *ret_explanation = (Explanation){
                .allowed = verdict.allowed,
                .is_hidden = verdict.hidden,
                .layer = policy_layer_name(verdict.layer),
                .rule = g_strdup(verdict.rule),
                .file = g_strdup(verdict.file),
                .line = verdict.line,
        };
        if (!verdict.allowed && verdict.filtered && !verdict.rule)
                ret_explanation->rule = missing_rule(scene, question);
        find_rule(scene, question, ret_explanation);
}
