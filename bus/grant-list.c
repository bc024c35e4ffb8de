/* SPDX-License-Identifier: MIT */
/*
 * The two sources of opt-ins, one after the other: service files, which say the same to all
 * containers, and connections. A listing that no message can hold is refused where all are, in
 * writer_finish().
 */
#include "bus/grant-list.h"

#include "bus/connection.h"
#include "bus/opt-ins.h"
#include "containers/instance.h"
#include "policy/container-policy.h"

/* Where a rule is from. */
typedef struct Source {
        Writer *writer;   /* borrowed */
        const char *name; /* borrowed */
        const char *file; /* borrowed; empty: none */
        unsigned line;
} Source;

static void write_rule(const ContainerRule *rule, void *user) {
        const Source *source = user;

        writer_open_struct(source->writer, "(usossu)");
        writer_add_u32(source->writer, rule->flags);
        writer_add_string(source->writer, source->name);
        writer_add_path(source->writer, rule->object_path);
        writer_add_string(source->writer, rule->interface);
        writer_add_string(source->writer, source->file);
        writer_add_u32(source->writer, source->line);
        writer_close_struct(source->writer);
}

/* Names of files need not be UTF-8. */
static void write_rule_of_file(const ServiceFile *file, const ContainerRule *rule, void *user) {
        g_autofree char *path = g_utf8_make_valid(file->path, -1);
        Source source = { .writer = user,
                          .name = file->name,
                          .file = path,
                          .line = file->containers_allow_line };

        write_rule(rule, &source);
}

void grant_list_write(Bus *bus, const Instance *instance, Writer *writer) {
        size_t mark = writer_open_array(writer, "(usossu)");

        bus->hooks.refresh_services(bus);
        opt_ins_foreach(bus->activation, write_rule_of_file, writer);
        LIST_FOREACH(node, &bus->all) {
                const Connection *connection = CONTAINER_OF(node, Connection, all);
                Source source = { .writer = writer, .name = connection->unique, .file = "" };

                if (connection_is_active(connection))
                        service_grants_foreach(connection->subject.grants, instance->policy->number,
                                               write_rule, &source);
        }
        writer_close_array(writer, mark);
}
