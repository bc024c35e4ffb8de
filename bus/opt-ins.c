/* SPDX-License-Identifier: MIT */
/*
 * Compiles the X-Containers-Allow of all service files into one NamedGrants, which is replaced as
 * a whole: prepared first, then put in force in lines that cannot fail.
 *
 * Service files are also read in the middle of a turn, when somebody asks for a name that was not
 * there; the rules have to keep up with them, or a contained call would not start a service that
 * has just been installed, and would start one that no longer wants it.
 */
#include "bus/opt-ins.h"

#include "base/log.h"
#include "bus/activation.h"
#include "policy/container-policy.h"

struct OptIns {
        NamedGrants *grants; /* owned; in force */
        NamedGrants *told;   /* owned; that containers have heard of; NULL: those in force */
        uint64_t generation; /* of the service files that they are from */
        bool is_loaded;
};

OptIns *opt_ins_new(void) {
        return g_new0(OptIns, 1);
}

static void put_in_force(OptIns *opt_ins, NamedGrants *grants) {
        container_policy_set_named_grants(grants);
        policy_forget();
        if (opt_ins->told)
                named_grants_free(opt_ins->grants);
        else
                opt_ins->told = opt_ins->grants;
        opt_ins->grants = grants;
}

void opt_ins_free(OptIns *opt_ins) {
        if (!opt_ins)
                return;
        put_in_force(opt_ins, NULL);
        opt_ins_note_told(opt_ins);
        g_free(opt_ins);
}

static void report(const ServiceFile *file, const char *rule, const char *reason) {
        LogRecord *record =
                log_record_new(LOG_LEVEL_WARNING, "rule in X-Containers-Allow is not used");

        log_record_add(record, "Name", file->name);
        log_record_add(record, "Rule", rule);
        log_record_add(record, "Reason", reason);
        log_record_add(record, "File", file->path);
        log_record_add_number(record, "Line", file->containers_allow_line);
        log_record_submit(record);
}

/* What is done with the rules of service files. */
typedef struct Visit {
        OptInVisit rule;
        void (*wrong)(const ServiceFile *file, const char *rule, const char *reason);
        void *user;
} Visit;

static void visit_rule(const Visit *visit, const ServiceFile *file, const char *text) {
        g_auto(ContainerRule) rule = { 0 };
        g_autoptr(GError) error = NULL;

        if (container_rule_parse_nameless(text, &rule, &error) &&
            service_grants_check(&rule, &error))
                visit->rule(file, &rule, visit->user);
        else if (visit->wrong)
                visit->wrong(file, text, error->message);
}

static void visit_file(const ServiceFile *file, void *user) {
        g_auto(GStrv) rules = NULL;

        if (!file->containers_allow)
                return;
        rules = g_strsplit(file->containers_allow, ";", -1);
        /* A list may end in a semicolon, and be of several lines' worth of space. */
        for (char **rule = rules; *rule; rule++)
                if (g_strstrip(*rule)[0] != '\0')
                        visit_rule(user, file, *rule);
}

void opt_ins_foreach(Activation *activation, OptInVisit visit, void *user) {
        Visit all = { .rule = visit, .user = user };

        activation_foreach_file(activation, visit_file, &all);
}

static void add_rule(const ServiceFile *file, const ContainerRule *rule, void *user) {
        named_grants_add(user, file->name, rule);
}

void opt_ins_refresh(OptIns *opt_ins, Activation *activation) {
        if (opt_ins->is_loaded && opt_ins->generation == activation_get_generation(activation))
                return;
        NamedGrants *grants = named_grants_new();
        Visit all = { .rule = add_rule, .wrong = report, .user = grants };

        activation_foreach_file(activation, visit_file, &all);
        /* Looking at the files may have read them once more. */
        opt_ins->generation = activation_get_generation(activation);
        opt_ins->is_loaded = true;
        put_in_force(opt_ins, grants);
}

const NamedGrants *opt_ins_get_told(const OptIns *opt_ins) {
        return opt_ins->told ? opt_ins->told : opt_ins->grants;
}

void opt_ins_note_told(OptIns *opt_ins) {
        g_clear_pointer(&opt_ins->told, named_grants_free);
}
