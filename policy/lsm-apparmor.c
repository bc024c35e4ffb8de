/* SPDX-License-Identifier: MIT */
/*
 * AppArmor's say: confined senders need `dbus send`, confined receivers `dbus receive`, confined owners `dbus bind` in
 * their profile. The kernel is asked each time, because profiles may change at any time; peers that are not
 * confined cost a comparison of text.
 *
 * Replies that are waited for pass without a question: who may call may be answered.
 */
#include "policy/lsm.h"

#include "policy/apparmor-query.h"

#include <errno.h>
#include <sys/apparmor.h>

#define UNCONFINED "unconfined"

static struct {
        bool enabled;
        char *bus;   /* owned; type of the bus, NULL: none */
        char *label; /* owned; of the bus itself */
        char *rule;  /* owned; text of the last question, for its verdict */
} apparmor;

/* One end of a message. */
typedef struct Subject {
        char *label; /* owned; NULL: not known */
        bool complains;
} Subject;

static void subject_clear(Subject *subject) {
        g_free(subject->label);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Subject, subject_clear)

static bool kernel_mediates(void) {
        char *mount = NULL;
        g_autofree char *path = NULL;
        g_autofree char *mask = NULL;

        if (!aa_is_enabled() || aa_find_mountpoint(&mount) != 0)
                return false;
        path = g_build_filename(mount, "features/dbus/mask", NULL);
        free(mount);
        if (!g_file_get_contents(path, &mask, NULL, NULL))
                return false;
        return strstr(mask, "acquire") && strstr(mask, "send") && strstr(mask, "receive");
}

static char *get_own_label(void) {
        char *context = NULL;
        char *mode = NULL;
        char *label = NULL;

        if (aa_getcon(&context, &mode) < 0)
                return NULL;
        /* @mode points into @context. */
        label = g_strdup(context);
        free(context);
        return label;
}

bool lsm_init(const Config *config, GError **error) {
        lsm_clear();
        if (config->apparmor == APPARMOR_DISABLED)
                return true;
        if (!kernel_mediates()) {
                if (config->apparmor != APPARMOR_REQUIRED)
                        return true;
                g_set_error_literal(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                                    "AppArmor is required by the configuration, but the kernel does not mediate D-Bus");
                return false;
        }
        apparmor.label = get_own_label();
        if (!apparmor.label) {
                g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID, "AppArmor label of the bus: %s",
                            g_strerror(errno));
                return false;
        }
        apparmor.bus = g_strdup(config->type);
        apparmor.enabled = true;
        return true;
}

/* "The AppArmor mediation mode of the bus cannot be changed after the bus starts" (dbus-daemon(1)). */
void lsm_reload(G_GNUC_UNUSED const Config *config) {
}

bool lsm_is_enabled(void) {
        return apparmor.enabled;
}

const char *lsm_get_feature(void) {
        return lsm_is_enabled() ? "AppArmor" : NULL;
}

bool lsm_can_remember(void) {
        return false;
}

static Subject subject_of(const PolicySubject *peer) {
        const char *context = peer->identity ? identity_get_label(peer->identity) : NULL;
        Subject subject = { .label = NULL };

        if (context)
                subject.complains = apparmor_label_split(context, &subject.label);
        return subject;
}

static bool deny(const ApparmorQuery *query, PolicyVerdict *ret_verdict) {
        g_free(apparmor.rule);
        apparmor.rule = apparmor_query_to_text(query);
        ret_verdict->layer = POLICY_LAYER_APPARMOR;
        ret_verdict->rule = apparmor.rule;
        return false;
}

/* An error is a denial: its label may be gone, and nothing is known of what it may do. */
static bool ask(const Subject *subject, ApparmorQuery *query, PolicyVerdict *ret_verdict) {
        static const uint32_t permissions[] = {
                [APPARMOR_SEND] = AA_DBUS_SEND,
                [APPARMOR_RECEIVE] = AA_DBUS_RECEIVE,
                [APPARMOR_BIND] = AA_DBUS_BIND,
                [APPARMOR_EAVESDROP] = AA_DBUS_EAVESDROP,
        };
        g_autoptr(GByteArray) bytes = NULL;
        int allowed = 0, audited = 0;

        if (!subject->label)
                return deny(query, ret_verdict);
        if (strcmp(subject->label, UNCONFINED) == 0)
                return true;
        query->label = subject->label;
        query->bus = apparmor.bus;
        bytes = apparmor_query_build(query, AA_QUERY_CMD_LABEL_SIZE);
        if (aa_query_label(permissions[query->action], (char *)bytes->data, bytes->len, &allowed, &audited) < 0)
                allowed = 0;
        if (allowed && !audited)
                return true;
        deny(query, ret_verdict);
        /* Audited, or denied by a profile that only complains: it passes, but somebody wants to know. */
        ret_verdict->log = allowed || subject->complains;
        return ret_verdict->log;
}

/* Who would get it; of a service that does not run yet the label that it is said to get. Return: false if nobody knows. */
static bool get_receiver(const PolicyQuery *query, Subject *ret_subject) {
        if (query->receiver) {
                *ret_subject = subject_of(query->receiver);
                return true;
        }
        *ret_subject = (Subject){ .label = g_strdup(query->activation ? query->assumed_label : apparmor.label) };
        return ret_subject->label != NULL;
}

bool lsm_decide(const PolicyQuery *query, PolicyVerdict *ret_verdict) {
        const MessageView *view = &query->message->view;
        ApparmorQuery question = {
                .action = APPARMOR_SEND,
                .name = view->destination,
                .path = view->path,
                .interface = view->interface,
                .member = view->member,
        };
        g_auto(Subject) sender = subject_of(query->sender);
        g_auto(Subject) receiver = { .label = NULL };

        if (view->reply_serial != 0 && query->reply_expected && query->receiver == query->addressed)
                return true;
        /* A service that will be started with a label that nobody knows is asked about when it is there. */
        if (!get_receiver(query, &receiver))
                return true;
        question.peer_label = receiver.label;
        if (!ask(&sender, &question, ret_verdict))
                return false;
        question.action = APPARMOR_RECEIVE;
        question.name = query->sender->names->unique;
        question.peer_label = sender.label;
        return ask(&receiver, &question, ret_verdict);
}

bool lsm_decide_own(const PolicySubject *subject, WireString name, PolicyVerdict *ret_verdict) {
        g_auto(Subject) owner = subject_of(subject);
        ApparmorQuery question = { .action = APPARMOR_BIND, .name = name };

        return ask(&owner, &question, ret_verdict);
}

bool lsm_decide_eavesdrop(const PolicySubject *subject, PolicyVerdict *ret_verdict) {
        g_auto(Subject) watcher = subject_of(subject);
        ApparmorQuery question = { .action = APPARMOR_EAVESDROP };

        return ask(&watcher, &question, ret_verdict);
}

void lsm_clear(void) {
        g_clear_pointer(&apparmor.bus, g_free);
        g_clear_pointer(&apparmor.label, g_free);
        g_clear_pointer(&apparmor.rule, g_free);
        apparmor.enabled = false;
}
