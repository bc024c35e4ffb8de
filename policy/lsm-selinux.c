/* SPDX-License-Identifier: MIT */
/*
 * SELinux's say: class "dbus", permission "send_msg" from a sender to each receiver, or to the bus,
 * and "acquire_svc" from an owner to the context that <associate> gives to the name, or to the bus.
 *
 * libselinux keeps answers in its access vector cache, and shares a page with the kernel that says
 * when they hold no longer. What is remembered above depends on the same page.
 */
#include "policy/lsm.h"
#include "policy/lsm-module.h"

#include "base/log.h"
#include "policy/audit-trail.h"

#include <errno.h>
#include <selinux/avc.h>
#include <selinux/selinux.h>
#include <stdarg.h>
#include <string.h>

#define CLASS "dbus"
#define SEND "send_msg"
#define ACQUIRE "acquire_svc"

static struct {
        bool enabled;
        security_id_t self; /* of the bus; borrowed from the library */
        struct avc_entry_ref entry;
        GHashTable *contexts; /* owned; name -> context of <associate> */
        char *rule;           /* owned; text of the last question, for its verdict */
} selinux;

/* What an audit record says beside the contexts; formatted when there is one. */
typedef struct Details {
        const PolicyQuery *query; /* NULL: it is about a name */
        const PolicySubject *owner;
        WireString name;
} Details;

/* A question: contexts as text, NULL: the bus itself. */
typedef struct Access {
        const char *source, *target, *permission;
        Details details;
} Access;

/* --- audit --- */

static void add_text(GString *text, const char *key, WireString value) {
        if (value.data)
                g_string_append_printf(text, " %s=%.*s", key, (int)value.length, value.data);
}

static void add_pid(GString *text, const char *key, const PolicySubject *subject) {
        if (subject && subject->identity && subject->identity->pid > 0)
                g_string_append_printf(text, " %s=%d", key, (int)subject->identity->pid);
}

static const char *type_word(uint8_t type) {
        static const char *const words[] = { "", "method_call", "method_return", "error",
                                             "signal" };

        return type < G_N_ELEMENTS(words) ? words[type] : "";
}

static void add_message(GString *text, const PolicyQuery *query) {
        const MessageView *view = &query->message->view;

        g_string_append_printf(text, "msgtype=%s", type_word(view->type));
        add_text(text, "interface", view->interface);
        add_text(text, "path", view->path);
        add_text(text, "member", view->member);
        add_text(text, "error_name", view->error_name);
        add_text(text, "dest", view->destination);
        add_pid(text, "spid", query->sender);
        add_pid(text, "tpid", query->receiver);
}

static int write_details(void *data, G_GNUC_UNUSED security_class_t class, char *buffer,
                         size_t n_buffer) {
        const Details *details = data;
        g_autoptr(GString) text = g_string_new(NULL);

        if (details->query) {
                add_message(text, details->query);
        } else {
                g_string_append_printf(text, "service=%.*s", (int)details->name.length,
                                       details->name.data);
                add_pid(text, "spid", details->owner);
        }
        g_strlcpy(buffer, text->str, n_buffer);
        return 0;
}

G_GNUC_PRINTF(2, 3) static int write_log(int type, const char *format, ...) {
        g_autofree char *text = NULL;
        va_list args;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        g_strchomp(text);
        if (type == SELINUX_AVC)
                audit_trail_record(AUDIT_KIND_AVC, text);
        else if (type == SELINUX_POLICYLOAD)
                audit_trail_record(AUDIT_KIND_POLICY_LOAD, text);
        else if (type == SELINUX_SETENFORCE)
                audit_trail_record(AUDIT_KIND_STATUS, text);
        else
                log_message(type == SELINUX_ERROR ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG,
                            "SELinux: %s", text);
        return 0;
}

static int policy_loaded(G_GNUC_UNUSED int number) {
        lsm_policy_changed();
        return 0;
}

static int enforcing_set(G_GNUC_UNUSED int enforcing) {
        policy_forget();
        return 0;
}

/* --- life --- */

static void reload(const Config *config) {
        g_clear_pointer(&selinux.contexts, g_hash_table_unref);
        selinux.contexts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        for (guint i = 0; i < config->selinux->len; i++) {
                const SelinuxAssociation *association = config->selinux->pdata[i];

                g_hash_table_insert(selinux.contexts, g_strdup(association->own),
                                    g_strdup(association->context));
        }
}

static void set_callbacks(void) {
        selinux_set_callback(SELINUX_CB_LOG, (union selinux_callback){ .func_log = write_log });
        selinux_set_callback(SELINUX_CB_AUDIT,
                             (union selinux_callback){ .func_audit = write_details });
        selinux_set_callback(SELINUX_CB_POLICYLOAD,
                             (union selinux_callback){ .func_policyload = policy_loaded });
        selinux_set_callback(SELINUX_CB_SETENFORCE,
                             (union selinux_callback){ .func_setenforce = enforcing_set });
}

static bool find_self(void) {
        char *context = NULL;
        int r;

        if (getcon_raw(&context) < 0)
                return false;
        r = avc_context_to_sid_raw(context, &selinux.self);
        freecon(context);
        return r == 0;
}

static LsmState init(const Config *config, GError **error) {
        if (!lsm_has_selinux())
                return LSM_ABSENT;
        set_callbacks();
        selinux.enabled = avc_open(NULL, 0) == 0;
        if (!selinux.enabled || !find_self()) {
                g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_INVALID,
                            "SELinux is enabled, but cannot be asked: %s", g_strerror(errno));
                return LSM_FAILED;
        }
        avc_entry_ref_init(&selinux.entry);
        reload(config);
        audit_trail_open();
        return LSM_ACTIVE;
}

static void clear(void) {
        if (selinux.enabled) {
                avc_destroy();
                audit_trail_close();
        }
        g_clear_pointer(&selinux.contexts, g_hash_table_unref);
        g_clear_pointer(&selinux.rule, g_free);
        selinux.self = NULL;
        selinux.enabled = false;
}

/* --- questions --- */

static bool deny(const Access *access, PolicyVerdict *ret_verdict) {
        g_free(selinux.rule);
        selinux.rule = g_strdup_printf(CLASS " { %s } scontext=%s tcontext=%s", access->permission,
                                       access->source ? access->source : "?",
                                       access->target ? access->target : "bus");
        ret_verdict->layer = POLICY_LAYER_SELINUX;
        ret_verdict->rule = selinux.rule;
        return false;
}

static bool find_sids(const Access *access, security_id_t *ret_source, security_id_t *ret_target) {
        *ret_target = selinux.self;
        if (!access->source || avc_context_to_sid_raw(access->source, ret_source) < 0)
                return false;
        return !access->target || avc_context_to_sid_raw(access->target, ret_target) == 0;
}

/* A policy that does not know the class says itself whether that is a denial. */
static bool unknown_is_allowed(void) {
        return security_deny_unknown() == 0;
}

/* An error is a denial: nothing is known of what such a context may do. */
static bool ask(const Access *access, PolicyVerdict *ret_verdict) {
        security_class_t class = string_to_security_class(CLASS);
        access_vector_t wanted = class ? string_to_av_perm(class, access->permission) : 0;
        security_id_t source, target;
        struct av_decision decision;
        int r;

        if (wanted == 0)
                return unknown_is_allowed() || deny(access, ret_verdict);
        if (!find_sids(access, &source, &target))
                return deny(access, ret_verdict);
        r = avc_has_perm_noaudit(source, target, class, wanted, &selinux.entry, &decision);
        avc_audit(source, target, class, wanted, &decision, r, (void *)&access->details);
        if (r < 0)
                return deny(access, ret_verdict);
        /* What is audited although it is allowed must be asked each time. */
        if ((decision.allowed & wanted) != wanted || (decision.auditallow & wanted)) {
                deny(access, ret_verdict);
                ret_verdict->log = true;
        }
        return true;
}

static const char *context_of(const PolicySubject *subject) {
        return subject->identity ? identity_get_label(subject->identity) : NULL;
}

/* A service that is still to be started has no context yet, and is asked about when it has. */
static bool decide(const PolicyQuery *query, PolicyVerdict *ret_verdict) {
        Access access = { .source = context_of(query->sender),
                          .permission = SEND,
                          .details = { .query = query } };

        if (query->activation)
                return true;
        if (query->receiver) {
                access.target = context_of(query->receiver);
                if (!access.target)
                        return deny(&access, ret_verdict);
        }
        return ask(&access, ret_verdict);
}

static bool decide_own(const PolicySubject *subject, WireString name, PolicyVerdict *ret_verdict) {
        const Access access = { .source = context_of(subject),
                                .target = g_hash_table_lookup(selinux.contexts, name.data),
                                .permission = ACQUIRE,
                                .details = { .owner = subject, .name = name } };

        return ask(&access, ret_verdict);
}

/* Each message that is watched is sent to who watches, and asked about then. */
static bool decide_eavesdrop(G_GNUC_UNUSED const PolicySubject *subject,
                             G_GNUC_UNUSED PolicyVerdict *ret_verdict) {
        return true;
}

/* Reads the page that is shared with the kernel, and calls back when it is another policy. */
static bool can_remember(void) {
        return selinux_status_updated() >= 0;
}

static int get_fd(void) {
        return -1;
}

static void dispatch(void) {
}

const LsmModule lsm_selinux = { .feature = "SELinux",
                                .init = init,
                                .reload = reload,
                                .decide = decide,
                                .decide_own = decide_own,
                                .decide_eavesdrop = decide_eavesdrop,
                                .can_remember = can_remember,
                                .get_fd = get_fd,
                                .dispatch = dispatch,
                                .clear = clear };

bool lsm_has_selinux(void) {
        return is_selinux_enabled() > 0;
}

const char *lsm_get_selinux_root(void) {
        return selinux_policy_root();
}
