/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a bus, this is its security module: what the bus uses of libapparmor, libselinux and
 * libaudit. Everything is in the folder that FAKE_LSM names:
 *
 *      rules     lines, read at every question; see below
 *      queries   each question, a line appended
 *      audit     each record for the audit log, appended; when it is not there the log does not open
 *      features/dbus/mask, revision    what AppArmor has below its mount point
 *
 *      module apparmor | selinux
 *      default LABEL                   of peers whose socket has no name
 *      aa ALLOWED AUDITED LABEL WORD   answer to a question of LABEL that has WORD in it; * is any
 *      se ALLOWED AUDITED SOURCE TARGET PERMISSION
 *      permissive, noclass, noperm, denyunknown
 *      invalid CONTEXT                 is none
 *      policy NUMBER                   another one than before: a policy was loaded
 *
 * A peer's label is in the abstract name of its socket, "lsm:LABEL" up to a newline.
 */
#include <errno.h>
#include <selinux/avc.h>
#include <selinux/selinux.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_LABEL 512

static FILE *open_file(const char *name, const char *mode) {
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", getenv("FAKE_LSM"), name);
        return fopen(path, mode);
}

static bool matches(const char *word, const char *text) {
        return strcmp(word, "*") == 0 || strcmp(word, text) == 0;
}

/* The first line that starts with @key: its rest. */
static bool find_line(const char *key, char *rest, size_t n_rest) {
        FILE *file = open_file("rules", "re");
        char line[512];
        bool found = false;

        while (file && !found && fgets(line, sizeof line, file)) {
                size_t n = strlen(key);

                line[strcspn(line, "\n")] = '\0';
                found = strncmp(line, key, n) == 0 && (line[n] == ' ' || line[n] == '\0');
                if (found && rest)
                        snprintf(rest, n_rest, "%s", line[n] ? line + n + 1 : "");
        }
        if (file)
                fclose(file);
        return found;
}

static bool has_line(const char *key) {
        return find_line(key, NULL, 0);
}

static bool is_module(const char *name) {
        char module[32] = "";

        return find_line("module", module, sizeof module) && strcmp(module, name) == 0;
}

static void note(const char *text) {
        FILE *file = open_file("queries", "ae");

        if (!file)
                return;
        fprintf(file, "%s\n", text);
        fclose(file);
}

/* --- labels --- */

int getsockopt(int fd, int level, int option, void *value, socklen_t *length) {
        struct sockaddr_un peer = { 0 };
        socklen_t n_peer = sizeof peer;
        char label[MAX_LABEL] = "";

        if (level != SOL_SOCKET || option != SO_PEERSEC)
                return (int)syscall(SYS_getsockopt, fd, level, option, value, length);
        if (getpeername(fd, (struct sockaddr *)&peer, &n_peer) == 0 &&
            memcmp(peer.sun_path, "\0lsm:", 5) == 0)
                snprintf(label, sizeof label, "%.*s", (int)strcspn(peer.sun_path + 5, "\n"),
                         peer.sun_path + 5);
        else if (!find_line("default", label, sizeof label)) {
                errno = ENOPROTOOPT;
                return -1;
        }
        if (*length < strlen(label) + 1) {
                *length = (socklen_t)strlen(label) + 1;
                errno = ERANGE;
                return -1;
        }
        *length = (socklen_t)strlen(label) + 1;
        memcpy(value, label, *length);
        return 0;
}

/* --- libapparmor --- */

#define N_RESERVED 6 /* AA_QUERY_CMD_LABEL_SIZE */

int aa_is_enabled(void) {
        return is_module("apparmor");
}

int aa_find_mountpoint(char **mount) {
        *mount = strdup(getenv("FAKE_LSM"));
        return 0;
}

int aa_getcon(char **label, char **mode) {
        if (has_line("nocon")) {
                errno = EPERM;
                return -1;
        }
        *label = strdup("bus");
        *mode = NULL;
        return 0;
}

static const char *mask_word(unsigned mask) {
        switch (mask) {
        case 1u << 1:
                return "send";
        case 1u << 2:
                return "receive";
        case 1u << 5:
                return "eavesdrop";
        default:
                return "bind";
        }
}

int aa_query_label(unsigned mask, char *query, size_t size, int *allowed, int *audited) {
        FILE *file = open_file("rules", "re");
        char text[8192], line[512], label[MAX_LABEL], word[256];
        int n = snprintf(text, sizeof text, "%s ", mask_word(mask));

        for (size_t i = N_RESERVED; i < size && n < (int)sizeof text - 1; i++)
                text[n++] = query[i] ? query[i] : '|';
        text[n] = '\0';
        note(text);
        *allowed = 1;
        *audited = 0;
        while (file && fgets(line, sizeof line, file))
                if (sscanf(line, "aa %d %d %127s %255s", allowed, audited, label, word) == 4 &&
                    matches(label, query + N_RESERVED) && (word[0] == '*' || strstr(text, word)))
                        break;
                else
                        *allowed = 1, *audited = 0;
        if (file)
                fclose(file);
        if (*allowed >= 0)
                return 0;
        errno = ENOENT;
        return -1;
}

/* --- libselinux --- */

static union selinux_callback callbacks[8];
static struct security_id contexts[64];
static int policy_number = -1;

int is_selinux_enabled(void) {
        return is_module("selinux");
}

const char *selinux_policy_root(void) {
        return getenv("FAKE_LSM");
}

void selinux_set_callback(int type, union selinux_callback callback) {
        callbacks[type] = callback;
}

int avc_open(struct selinux_opt *options, unsigned n_options) {
        (void)options;
        (void)n_options;
        errno = EACCES;
        return has_line("noavc") ? -1 : 0;
}

void avc_destroy(void) {
        for (size_t i = 0; i < 64; i++)
                free(contexts[i].ctx);
        memset(contexts, 0, sizeof contexts);
}

int getcon_raw(char **context) {
        *context = strdup("bus");
        return 0;
}

void freecon(char *context) {
        free(context);
}

int avc_context_to_sid_raw(const char *context, security_id_t *sid) {
        char invalid[MAX_LABEL];

        if (find_line("invalid", invalid, sizeof invalid) && strcmp(invalid, context) == 0) {
                errno = EINVAL;
                return -1;
        }
        for (size_t i = 0; i < 64; i++) {
                if (!contexts[i].ctx)
                        contexts[i].ctx = strdup(context);
                if (strcmp(contexts[i].ctx, context) == 0) {
                        *sid = &contexts[i];
                        return 0;
                }
        }
        abort();
}

security_class_t string_to_security_class(const char *name) {
        return strcmp(name, "dbus") == 0 && !has_line("noclass") ? 1 : 0;
}

static const char *const permissions[] = { "", "acquire_svc", "send_msg" };

access_vector_t string_to_av_perm(security_class_t class, const char *name) {
        (void)class;
        if (has_line("noperm"))
                return 0;
        return strcmp(name, "acquire_svc") == 0 ? 1 : strcmp(name, "send_msg") == 0 ? 2 : 0;
}

int security_deny_unknown(void) {
        return has_line("denyunknown");
}

int avc_has_perm_noaudit(security_id_t source, security_id_t target, security_class_t class,
                         access_vector_t wanted, struct avc_entry_ref *entry,
                         struct av_decision *decision) {
        FILE *file = open_file("rules", "re");
        char line[512], from[MAX_LABEL], to[MAX_LABEL], permission[32], text[512];
        int allowed = 1, audited = 0;

        (void)class;
        (void)entry;
        snprintf(text, sizeof text, "%s %s %s", permissions[wanted], source->ctx, target->ctx);
        note(text);
        while (file && fgets(line, sizeof line, file))
                if (sscanf(line, "se %d %d %127s %127s %31s", &allowed, &audited, from, to,
                           permission) == 5 &&
                    matches(from, source->ctx) && matches(to, target->ctx) &&
                    matches(permission, permissions[wanted]))
                        break;
                else
                        allowed = 1, audited = 0;
        if (file)
                fclose(file);
        *decision = (struct av_decision){ .allowed = allowed ? wanted : 0,
                                          .auditallow = audited ? wanted : 0,
                                          .auditdeny = audited ? wanted : 0 };
        if (allowed || has_line("permissive"))
                return 0;
        errno = EACCES;
        return -1;
}

void avc_audit(security_id_t source, security_id_t target, security_class_t class,
               access_vector_t wanted, struct av_decision *decision, int result, void *data) {
        bool denied = !(decision->allowed & wanted);
        char details[1024] = "";

        if (!(wanted & (denied ? decision->auditdeny : decision->auditallow)))
                return;
        callbacks[SELINUX_CB_AUDIT].func_audit(data, class, details, sizeof details);
        callbacks[SELINUX_CB_LOG].func_log(
                SELINUX_AVC, "avc:  %s  { %s } for  %s scontext=%s tcontext=%s tclass=dbus permissive=%d\n",
                denied ? "denied" : "granted", permissions[wanted], details, source->ctx,
                target->ctx, denied && result == 0);
}

int selinux_status_updated(void) {
        char number[32] = "0";
        int now, before = policy_number;

        find_line("policy", number, sizeof number);
        now = atoi(number);
        policy_number = now;
        if (before < 0 || before == now)
                return 0;
        callbacks[SELINUX_CB_SETENFORCE].func_setenforce(1);
        callbacks[SELINUX_CB_POLICYLOAD].func_policyload(now);
        return 1;
}

/* --- libaudit --- */

int audit_open(void) {
        FILE *file = open_file("audit", "r+e");

        if (!file)
                return -1;
        fclose(file);
        return dup(STDERR_FILENO);
}

void audit_close(int fd) {
        close(fd);
}

int audit_log_user_avc_message(int fd, int type, const char *message, const char *host,
                               const char *address, const char *terminal, uid_t uid) {
        FILE *file = open_file("audit", "ae");

        (void)fd, (void)host, (void)address, (void)terminal, (void)uid;
        if (!file)
                return -1;
        fprintf(file, "type=%d %s\n", type, message);
        fclose(file);
        return 1;
}
