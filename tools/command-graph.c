/* SPDX-License-Identifier: MIT */
/*
 * dbus-container graph: containers, names and who may reach whom, for Graphviz.
 *
 * Names that nobody in a container may reach are left out: with them a graph of a desktop is a
 * page of dots. What a rule says of paths and interfaces is not drawn.
 */
#include "policy/container-rules.h"
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/name-map.h"
#include "tools/printable.h"
#include "tools/server-info.h"

#include <string.h>

/* What may be done with a name; of several the first one is drawn. */
static const struct {
        uint32_t verb;
        const char *attributes;
} ways[] = {
        { CONTAINER_RULE_OWN, "label=\"own\", style=bold" },
        { CONTAINER_RULE_CALL, "label=\"call\"" },
        { CONTAINER_RULE_RECEIVE, "label=\"receive\", dir=back, style=dashed" },
        { CONTAINER_RULE_SEE, "label=\"see\", style=dotted" },
};

/* What a service allows by itself, in colour: no manager has decided it. */
static const struct {
        uint32_t verb;
        const char *attributes;
} opt_ins[] = {
        { CONTAINER_RULE_CALL, "label=\"call, opted in\", color=blue" },
        { CONTAINER_RULE_RECEIVE,
          "label=\"receive, opted in\", color=blue, dir=back, style=dashed" },
};

typedef struct Graph {
        GString *text;     /* owned */
        NameMap *names;    /* borrowed */
        GHashTable *drawn; /* owned; names that are in it, borrowed or owned by names_of_rules */
        bool has_told;     /* that opt-ins cannot be drawn */
        GPtrArray *all; /* owned; of char *, owned: names that there are, or that rules speak of */
} Graph;

/* A quoted string of the DOT language; newly allocated. */
static char *quote(const char *text) {
        g_autofree char *shown = printable_text(text);
        GString *quoted = g_string_new("\"");

        for (const char *c = shown; *c; c++) {
                if (*c == '"' || *c == '\\')
                        g_string_append_c(quoted, '\\');
                g_string_append_c(quoted, *c);
        }
        g_string_append_c(quoted, '"');
        return g_string_free(quoted, FALSE);
}

/* Those rules that let a container do one thing, so that any question about names is about that. */
static ContainerRules *rules_with(const RuleList *list, uint32_t verb) {
        const GPtrArray *rules = rule_list_get(list);
        ContainerRules *chosen = container_rules_new();

        for (guint i = 0; i < rules->len; i++) {
                const SourcedRule *sourced = rules->pdata[i];

                if (sourced->rule.flags & verb)
                        container_rules_add(chosen, &sourced->rule);
        }
        return chosen;
}

static void add_edges(Graph *graph, const ServerInfo *info, const RuleList *list) {
        g_autoptr(GHashTable) reached = g_hash_table_new(g_str_hash, g_str_equal);
        g_autofree char *from = quote(info->path);

        for (size_t way = 0; way < G_N_ELEMENTS(ways); way++) {
                g_autoptr(ContainerRules) rules = rules_with(list, ways[way].verb);

                for (guint i = 0; i < graph->all->len; i++) {
                        char *name = graph->all->pdata[i];
                        g_autofree char *to = quote(name);

                        if (!container_rules_see_name(rules, wire_string(name)) ||
                            !g_hash_table_add(reached, name))
                                continue;
                        g_hash_table_add(graph->drawn, name);
                        g_string_append_printf(graph->text, "        %s -> %s [%s];\n", from, to,
                                               ways[way].attributes);
                }
        }
}

/* To each name of the service, or to its connection if it has none. */
static void add_opt_in(Graph *graph, const ServerInfo *info, const char *service,
                       const char *attributes) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        g_autofree char *from = quote(info->path);

        if (g_strcmp0(name_map_get_container(graph->names, service), info->path) == 0)
                return;
        for (guint i = 0; i < graph->all->len; i++) {
                char *name = graph->all->pdata[i];

                if (strcmp(name, service) == 0 ||
                    g_strcmp0(name_map_get_owner(graph->names, name), service) == 0)
                        g_ptr_array_add(names, name);
        }
        if (names->len == 0) {
                g_ptr_array_add(names, g_strdup(service));
                g_ptr_array_add(graph->all, names->pdata[0]);
        }
        for (guint i = 0; i < names->len; i++) {
                g_autofree char *to = quote(names->pdata[i]);

                g_hash_table_add(graph->drawn, names->pdata[i]);
                g_string_append_printf(graph->text, "        %s -> %s [%s];\n", from, to,
                                       attributes);
        }
}

/* One edge for each service and verb, however many objects it is about. */
static void add_opt_ins(Graph *graph, const ServerInfo *info, const RuleList *grants) {
        const GPtrArray *rules = rule_list_get(grants);

        for (size_t way = 0; way < G_N_ELEMENTS(opt_ins); way++) {
                g_autoptr(GHashTable) done = g_hash_table_new(g_str_hash, g_str_equal);

                for (guint i = 0; i < rules->len; i++) {
                        const ContainerRule *rule = &((const SourcedRule *)rules->pdata[i])->rule;

                        if ((rule->flags & opt_ins[way].verb) &&
                            g_hash_table_add(done, rule->bus_name))
                                add_opt_in(graph, info, rule->bus_name, opt_ins[way].attributes);
                }
        }
}

/* Names that exact rules are about belong into the picture also while nobody has them. */
static void add_names_of(Graph *graph, const RuleList *list) {
        const GPtrArray *rules = rule_list_get(list);

        for (guint i = 0; i < rules->len; i++) {
                const ContainerRule *rule = &((const SourcedRule *)rules->pdata[i])->rule;

                if (rule->bus_name[0] != '\0' && rule->bus_name[0] != ':' &&
                    !(rule->flags & CONTAINER_RULE_NAME_IS_NAMESPACE) &&
                    !g_ptr_array_find_with_equal_func(graph->all, rule->bus_name, g_str_equal,
                                                      NULL))
                        g_ptr_array_add(graph->all, g_strdup(rule->bus_name));
        }
}

/* A unique name comes from the bus, which has just told that somebody has it. */
static bool is_owned(const Graph *graph, const char *name) {
        g_autoptr(GPtrArray) owned = name_map_get_names(graph->names);

        return name[0] == ':' || g_ptr_array_find_with_equal_func(owned, name, g_str_equal, NULL);
}

/* The container with the names that its connections have, in one frame. */
static void add_container(Graph *graph, const ServerInfo *info) {
        g_autofree char *label = server_info_get_label(info);
        g_autofree char *quoted = quote(label), *node = quote(info->path);

        g_string_append_printf(graph->text,
                               "        subgraph \"cluster_%s\" {\n"
                               "                style=rounded;\n"
                               "                %s [shape=box, label=%s];\n",
                               strrchr(info->path, '/') + 1, node, quoted);
        for (guint i = 0; i < graph->all->len; i++) {
                char *name = graph->all->pdata[i];
                const char *container = name_map_get_container(graph->names, name);
                g_autofree char *shown = quote(name);

                if (g_strcmp0(container, info->path) != 0)
                        continue;
                g_string_append_printf(graph->text, "                %s;\n", shown);
                g_hash_table_remove(graph->drawn, name);
        }
        g_string_append(graph->text, "        }\n");
}

static void add_outside(Graph *graph) {
        for (guint i = 0; i < graph->all->len; i++) {
                char *name = graph->all->pdata[i];
                g_autofree char *shown = quote(name);

                if (g_hash_table_contains(graph->drawn, name))
                        g_string_append_printf(graph->text, "        %s%s;\n", shown,
                                               is_owned(graph, name) ? "" : " [style=dashed]");
        }
}

static void list_free(void *list) {
        rule_list_free(list);
}

/* Not everybody may ask for them, and one container may have gone. */
static void load_opt_ins(GDBusConnection *connection, Graph *graph, const ServerInfo *info) {
        g_autoptr(RuleList) grants = rule_list_new();
        g_autoptr(GError) error = NULL;

        if (server_info_load_grants(connection, info->path, grants, &error)) {
                add_opt_ins(graph, info, grants);
        } else if (!graph->has_told && !bus_client_error_is(error, ERROR_NOT_CONTAINER)) {
                graph->has_told = true;
                (void)command_fail("what services allow by themselves is not drawn", error);
        }
}

static bool draw(GDBusConnection *connection, Graph *graph, GError **error) {
        g_autoptr(GPtrArray) lists = g_ptr_array_new_with_free_func(list_free);
        g_autoptr(GPtrArray) servers = server_info_list(connection, error);
        g_autoptr(GPtrArray) names = NULL;

        if (!servers || !name_map_load(graph->names, connection, error))
                return false;
        names = name_map_get_names(graph->names);
        for (guint i = 0; i < names->len; i++)
                g_ptr_array_add(graph->all, g_strdup(names->pdata[i]));
        for (guint i = 0; i < servers->len; i++) {
                const ServerInfo *info = servers->pdata[i];
                RuleList *list = rule_list_new();

                g_ptr_array_add(lists, list);
                /* one that has gone meanwhile has no rules */
                (void)server_info_load_rules(connection, info->path, list, NULL);
                add_names_of(graph, list);
        }
        g_string_append(graph->text, "digraph containers {\n        rankdir=LR;\n");
        for (guint i = 0; i < servers->len; i++)
                add_edges(graph, servers->pdata[i], lists->pdata[i]);
        for (guint i = 0; i < servers->len; i++)
                load_opt_ins(connection, graph, servers->pdata[i]);
        for (guint i = 0; i < servers->len; i++)
                add_container(graph, servers->pdata[i]);
        add_outside(graph);
        g_string_append(graph->text, "}\n");
        return true;
}

/* The picture that dot(1) makes of @text. */
static char *to_svg(const char *text, GError **error) {
        g_autoptr(GSubprocess) dot =
                g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                                 error, "dot", "-Tsvg", NULL);
        g_autofree char *svg = NULL;

        if (!dot) {
                g_prefix_error(error, "--svg needs dot of Graphviz; without --svg the graph is "
                                      "written as text for it: ");
                return NULL;
        }
        if (!g_subprocess_communicate_utf8(dot, text, NULL, &svg, NULL, error))
                return NULL;
        if (g_subprocess_get_if_exited(dot) && g_subprocess_get_exit_status(dot) == 0)
                return g_steal_pointer(&svg);
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "dot could not draw the graph");
        return NULL;
}

static int write_graph(GDBusConnection *connection, gboolean svg, const char *file) {
        g_autoptr(GHashTable) drawn = g_hash_table_new(g_str_hash, g_str_equal);
        g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(NameMap) names = name_map_new();
        Graph graph = { .text = text, .names = names, .drawn = drawn, .all = all };
        g_autofree char *picture = NULL;
        g_autoptr(GError) error = NULL;

        if (!draw(connection, &graph, &error))
                return command_fail("", error);
        picture = svg ? to_svg(text->str, &error) : g_strdup(text->str);
        if (!picture || (file && !g_file_set_contents(file, picture, -1, &error)))
                return command_fail("", error);
        if (!file)
                g_print("%s", picture);
        return 0;
}

int command_graph(char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new(NULL);
        g_autoptr(GDBusConnection) connection = NULL;
        g_auto(GStrv) arguments = g_strdupv(argv);
        g_autofree char *file = NULL;
        gboolean svg = FALSE;
        GOptionEntry entries[] = {
                { "svg", 0, 0, G_OPTION_ARG_NONE, &svg, "Let dot(1) make a picture of it", NULL },
                { "output", 0, 0, G_OPTION_ARG_FILENAME, &file, "Write to a file", "FILE" },
                G_OPTION_ENTRY_NULL,
        };
        int status;

        g_option_context_set_summary(context,
                                     "Writes a graph of containers, names and who may reach whom.");
        g_option_context_add_main_entries(context, entries, NULL);
        connection = command_open(context, &arguments, &status);
        if (!connection)
                return status;
        if (g_strv_length(arguments) > 1)
                return command_usage("graph takes no '%s'", arguments[1]);
        return write_graph(connection, svg || (file && g_str_has_suffix(file, ".svg")), file);
}
