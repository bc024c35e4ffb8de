/* SPDX-License-Identifier: MIT */
/*
 * AppArmor's say: confined senders need `dbus send`, confined receivers `dbus receive`, confined
 * owners `dbus bind` in their profile. Peers that are not confined cost a comparison of text.
 *
 * Replies that are waited for pass without a question: who may call may be answered. Profiles may
 * change at any time; the kernel tells by a file that becomes readable. Where it has none it is
 * asked each time.
 */
#include "policy/lsm-module.h"

#include "policy/apparmor-query.h"
#include "policy/audit-trail.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/apparmor.h>
#include <unistd.h>

#define UNCONFINED "unconfined"

static struct {
        bool enabled;
        int revision_fd; /* owned; readable when profiles have changed; -1: none */
        char *bus;       /* owned; type of the bus, NULL: none */
        char *label;     /* owned; of the bus itself */
        char *rule;      /* owned; text of the last question, for its verdict */
} apparmor = { .revision_fd = -1 };

/* One end of a message. */
typedef struct Subject {
        char *label; /* owned; NULL: not known */
        pid_t pid;   /* 0: not known */
        bool complains;
} Subject;

static void subject_clear(Subject *subject) {
        g_free(subject->label);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Subject, subject_clear)

/* Return: where the kernel's files are, newly allocated; NULL when it does not mediate D-Bus. */
static char *find_mediation(void) {
        g_autofree char *folder = NULL, *path = NULL, *mask = NULL;
        char *mount = NULL;

        if (!aa_is_enabled() || aa_find_mountpoint(&mount) != 0)
                return NULL;
        folder = g_strdup(mount);
        free(mount);
        path = g_build_filename(folder, "features/dbus/mask", NULL);
        if (!g_file_get_contents(path, &mask, NULL, NULL))
                return NULL;
        if (!strstr(mask, "acquire") || !strstr(mask, "send") || !strstr(mask, "receive"))
                return NULL;
        return g_steal_pointer(&folder);
}

/* What has been read is no news. */
static void read_revision(void) {
        char text[32];

        while (read(apparmor.revision_fd, text, sizeof text) > 0)
                ;
}

static void open_revision(const char *folder) {
        g_autofree char *path = g_build_filename(folder, "revision", NULL);

        apparmor.revision_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (apparmor.revision_fd >= 0)
                read_revision();
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

static LsmState init(const Config *config, GError **error) {
        g_autofree char *folder = NULL;

        if (config->apparmor == APPARMOR_DISABLED)
                return LSM_ABSENT;
        folder = find_mediation();
        if (!folder && config->apparmor != APPARMOR_REQUIRED)
                return LSM_ABSENT;
        if (!folder) {
                g_set_error_literal(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                                    "AppArmor is required by the configuration, but the kernel "
                                    "does not mediate D-Bus");
                return LSM_FAILED;
        }
        apparmor.label = get_own_label();
        if (!apparmor.label) {
                g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "AppArmor label of the bus: %s", g_strerror(errno));
                return LSM_FAILED;
        }
        apparmor.bus = g_strdup(config->type);
        apparmor.enabled = true;
        open_revision(folder);
        audit_trail_open();
        return LSM_ACTIVE;
}

/* "The AppArmor mediation mode of the bus cannot be changed after the bus starts" (dbus-daemon(1)) */
static void reload(G_GNUC_UNUSED const Config *config) {
}

static bool can_remember(void) {
        return apparmor.revision_fd >= 0;
}

static int get_fd(void) {
        return apparmor.revision_fd;
}

static void dispatch(void) {
        read_revision();
        policy_forget();
}

static Subject subject_of(const PolicySubject *peer) {
        const char *context = peer->identity ? identity_get_label(peer->identity) : NULL;
        Subject subject = { .label = NULL };

        if (context)
                subject.complains = apparmor_label_split(context, &subject.label);
        if (peer->identity)
                subject.pid = peer->identity->pid;
        return subject;
}

static bool deny(const ApparmorQuery *query, PolicyVerdict *ret_verdict) {
        g_free(apparmor.rule);
        apparmor.rule = apparmor_query_to_text(query);
        ret_verdict->layer = POLICY_LAYER_APPARMOR;
        ret_verdict->rule = apparmor.rule;
        return false;
}

static void record(const ApparmorQuery *query, bool allowed) {
        g_autofree char *text = apparmor_query_to_record(query, allowed);

        audit_trail_record(AUDIT_KIND_AVC, text);
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
        query->pid = subject->pid;
        query->bus = apparmor.bus;
        bytes = apparmor_query_build(query, AA_QUERY_CMD_LABEL_SIZE);
        if (aa_query_label(permissions[query->action], (char *)bytes->data, bytes->len, &allowed,
                           &audited) < 0) {
                allowed = 0;
                audited = 1;
        }
        if (allowed && !audited)
                return true;
        allowed = allowed || subject->complains;
        if (audited)
                record(query, allowed);
        deny(query, ret_verdict);
        /* Audited, or denied by a profile that only complains: somebody wants to know. */
        ret_verdict->log = allowed;
        return allowed;
}

/*
 * Who would get it; of a service that does not run yet the label that it is said to get. Return:
 * false if nobody knows.
 */
static bool get_receiver(const PolicyQuery *query, Subject *ret_subject) {
        if (query->receiver) {
                *ret_subject = subject_of(query->receiver);
                return true;
        }
        *ret_subject = (Subject){ .label = g_strdup(query->activation ? query->assumed_label
                                                                      : apparmor.label) };
        if (!query->activation)
                ret_subject->pid = getpid();
        return ret_subject->label != NULL;
}

static bool decide(const PolicyQuery *query, PolicyVerdict *ret_verdict) {
        const MessageView *view = &query->message->view;
        ApparmorQuery question = {
                .action = APPARMOR_SEND,
                .name = view->destination,
                .path = view->path,
                .interface = view->interface,
                .member = view->member,
                .error = view->error_name,
                .type = view->type,
        };
        g_auto(Subject) sender = subject_of(query->sender);
        g_auto(Subject) receiver = { .label = NULL };

        if (view->reply_serial != 0 && query->reply_expected && query->receiver == query->addressed)
                return true;
        /* A service whose label nobody knows yet is asked about when it is there. */
        if (!get_receiver(query, &receiver))
                return true;
        question.peer_label = receiver.label;
        question.peer_pid = receiver.pid;
        if (!ask(&sender, &question, ret_verdict))
                return false;
        question.action = APPARMOR_RECEIVE;
        question.name = query->sender->names->unique;
        question.peer_label = sender.label;
        question.peer_pid = sender.pid;
        return ask(&receiver, &question, ret_verdict);
}

static bool decide_own(const PolicySubject *subject, WireString name, PolicyVerdict *ret_verdict) {
        g_auto(Subject) owner = subject_of(subject);
        ApparmorQuery question = { .action = APPARMOR_BIND, .name = name };

        return ask(&owner, &question, ret_verdict);
}

static bool decide_eavesdrop(const PolicySubject *subject, PolicyVerdict *ret_verdict) {
        g_auto(Subject) watcher = subject_of(subject);
        ApparmorQuery question = { .action = APPARMOR_EAVESDROP };

        return ask(&watcher, &question, ret_verdict);
}

static void clear(void) {
        if (apparmor.enabled)
                audit_trail_close();
        if (apparmor.revision_fd >= 0)
                close(apparmor.revision_fd);
        apparmor.revision_fd = -1;
        g_clear_pointer(&apparmor.bus, g_free);
        g_clear_pointer(&apparmor.label, g_free);
        g_clear_pointer(&apparmor.rule, g_free);
        apparmor.enabled = false;
}

const LsmModule lsm_apparmor = { .feature = "AppArmor",
                                 .init = init,
                                 .reload = reload,
                                 .decide = decide,
                                 .decide_own = decide_own,
                                 .decide_eavesdrop = decide_eavesdrop,
                                 .can_remember = can_remember,
                                 .get_fd = get_fd,
                                 .dispatch = dispatch,
                                 .clear = clear };
