/* SPDX-License-Identifier: MIT */
/*
 * dbus-container explain: whether a container may do something, who says so, and what would have
 * to be changed.
 */
#include "policy/config.h"
#include "tools/access-options.h"
#include "tools/bus-config.h"
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/explanation.h"
#include "tools/server-info.h"
#include "tools/server-stats.h"

#include <string.h>
#include <unistd.h>

/* As with grep(1): an answer is no failure. */
enum { ANSWER_ALLOWED = 0, ANSWER_DENIED = 1, ANSWER_NONE = 2 };

typedef struct ExplainOptions {
        AccessOptions access;
        BusOptions bus;
        char **rule_files, *config; /* owned, NULL if not given */
        gboolean no_config;
} ExplainOptions;

static void explain_options_clear(ExplainOptions *options) {
        access_options_clear(&options->access);
        bus_options_clear(&options->bus);
        g_clear_pointer(&options->rule_files, g_strfreev);
        g_clear_pointer(&options->config, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ExplainOptions, explain_options_clear)

static const char description[] =
        "QUESTION is one of\n"
        "  call NAME INTERFACE.METHOD [@PATH] [fds]      a method call to NAME\n"
        "  signal NAME INTERFACE.MEMBER [@PATH] [fds]    a signal to NAME alone\n"
        "  receive NAME INTERFACE.MEMBER [@PATH]         a broadcast signal of NAME\n"
        "  own NAME        to request NAME\n"
        "  see NAME        to know of NAME\n"
        "  start NAME      to start the service of NAME\n"
        "\n"
        "The exit status is 0 for allowed, 1 for denied, 2 if there is no answer.\n";

static int parse_options(ExplainOptions *options, char ***argv) {
        g_autoptr(GOptionContext) context = g_option_context_new("[CONTAINER] QUESTION...");
        GOptionEntry entries[] = {
                { "rules", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->rule_files,
                  "Ask about the rules in a file, not about a container of a bus", "FILE" },
                { "config", 0, 0, G_OPTION_ARG_FILENAME, &options->config,
                  "Configuration of the bus, for its XML rules [that of the bus asked]", "FILE" },
                { "no-config", 0, 0, G_OPTION_ARG_NONE, &options->no_config, "Do not ask XML rules",
                  NULL },
                G_OPTION_ENTRY_NULL,
        };

        g_option_context_set_summary(
                context, "Says whether a container may do something, and which layer and rule\n"
                         "decide that.");
        g_option_context_set_description(context, description);
        g_option_context_add_main_entries(context, entries, NULL);
        access_options_add(&options->access, context);
        return command_parse(context, &options->bus, argv);
}

/* All well-known names of who has @unique. */
static void load_names(GDBusConnection *connection, SceneEnd *end) {
        g_autoptr(GVariant) reply =
                bus_client_call_interface(connection, BUS_NAME, "ListNames", NULL, "(as)", NULL);
        g_autofree const char **names = NULL;

        if (!reply)
                return;
        g_variant_get(reply, "(^a&s)", &names);
        for (size_t i = 0; names[i]; i++) {
                g_autoptr(GVariant) owner = NULL;
                const char *unique;

                if (names[i][0] == ':')
                        continue;
                owner = bus_client_call_interface(connection, BUS_NAME, "GetNameOwner",
                                                  g_variant_new("(s)", names[i]), "(s)", NULL);
                if (!owner)
                        continue;
                g_variant_get(owner, "(&s)", &unique);
                if (strcmp(unique, end->unique) == 0)
                        g_ptr_array_add(end->names, g_strdup(names[i]));
        }
}

/* Who is at the other end of the question, as the bus says. */
static void load_end(GDBusConnection *connection, const char *name, const char *server,
                     SceneEnd *end) {
        g_auto(ServerInfo) info = { 0 };
        g_autoptr(GVariant) owner = NULL, uid = NULL;

        end->is_bus = strcmp(name, BUS_NAME) == 0;
        owner = bus_client_call_interface(connection, BUS_NAME, "GetNameOwner",
                                          g_variant_new("(s)", name), "(s)", NULL);
        if (!owner || end->is_bus)
                return;
        g_variant_get(owner, "(s)", &end->unique);
        load_names(connection, end);
        uid = bus_client_call_interface(connection, BUS_NAME, "GetConnectionUnixUser",
                                        g_variant_new("(s)", end->unique), "(u)", NULL);
        if (uid)
                g_variant_get(uid, "(u)", &end->uid);
        end->is_inside = server_info_load(connection, end->unique, &info, NULL) &&
                         strcmp(info.path, server) == 0;
}

/* Without a bus: somebody who has the name, runs, and is not in the container. */
static void imagine_end(const char *name, SceneEnd *end) {
        end->is_bus = strcmp(name, BUS_NAME) == 0;
        end->unique = g_strdup(name[0] == ':' ? name : ":0.2");
        end->uid = getuid();
        if (name[0] != ':')
                g_ptr_array_add(end->names, g_strdup(name));
}

/* The end that a question is about; what nobody has sends no signals, but somebody may. */
static void load_other(GDBusConnection *connection, const Question *question, const char *server,
                       SceneEnd *end) {
        load_end(connection, question->name, server, end);
        if (!end->unique && question->kind == QUESTION_RECEIVE)
                imagine_end(question->name, end);
        else if (!end->unique && question->name[0] != ':')
                g_ptr_array_add(end->names, g_strdup(question->name));
}

/* Return: @grants; NULL, with a message, when the bus does not tell. */
static const RuleList *load_grants(GDBusConnection *connection, const char *server,
                                   RuleList *grants) {
        g_autoptr(GError) error = NULL;

        if (server_info_load_grants(connection, server, grants, &error))
                return grants;
        (void)command_fail("what services allow by themselves is not known", error);
        return NULL;
}

/* What stands for the rule that allows something, when there is none. */
static const char *say_why(const Scene *scene, const Explanation *explanation) {
        if (explanation->needs_none)
                return "needs no rule";
        return scene->flags & CONTAINER_POLICY_PERMISSIVE
                       ? "no rule allows it, which a permissive container only has reported"
                       : "no rule allows it, but the container is unrestricted";
}

static ContainerPolicyFlags load_flags(GDBusConnection *connection, const char *server) {
        g_autofree char *mode = server_stats_load_mode(connection, server);

        if (g_strcmp0(mode, "permissive") == 0)
                return CONTAINER_POLICY_PERMISSIVE;
        return g_strcmp0(mode, "unrestricted") == 0 ? CONTAINER_POLICY_UNRESTRICTED : 0;
}

static void print_rule(const Scene *scene, const Explanation *explanation) {
        g_autofree char *text = NULL;

        if (!explanation->by) {
                g_print("  container: %s\n", say_why(scene, explanation));
                return;
        }
        text = container_rule_to_text(&explanation->by->rule);
        g_print("  container: %s%s (%s)\n",
                explanation->by_service ? "the service allows it by itself: " : "", text,
                explanation->by->source);
}

static void print_denial(const Scene *scene, const Question *question,
                         const Explanation *explanation) {
        bool by_container = strcmp(explanation->layer, "container") == 0;

        g_print("denied by %s\n", explanation->layer);
        if (!by_container && explanation->by)
                print_rule(scene, explanation);
        if (by_container && explanation->rule)
                g_print("  container: no rule allows it; this one would: %s\n", explanation->rule);
        else if (by_container)
                g_print("  container: no rule can allow it\n");
        else if (explanation->file)
                g_print("  %s: %s:%u: %s\n", explanation->layer, explanation->file,
                        explanation->line, explanation->rule ? explanation->rule : "");
        else
                g_print("  %s: no rule allows it\n", explanation->layer);
        if (explanation->is_hidden)
                g_print("  the program is told that nobody has this name\n");
        if (by_container && !scene->grants && question->kind != QUESTION_OWN)
                g_print("  not asked: what the service allows containers by itself\n");
}

static void print_xml(const Scene *scene, const char *config) {
        if (scene->policy)
                g_print("  xml: allowed by %s\n", config);
        else
                g_print("  xml: not asked; give the bus's configuration with --config FILE\n");
}

static int answer(const Scene *scene, const Question *question, const char *config) {
        g_auto(Explanation) explanation = { 0 };

        explanation_make(scene, question, &explanation);
        if (!explanation.allowed) {
                print_denial(scene, question, &explanation);
        } else {
                g_print("allowed\n");
                print_rule(scene, &explanation);
                print_xml(scene, config);
        }
        if (scene->module)
                g_print("  %s: mediates on this bus, and its verdict is not included; it logs what "
                        "it denies\n",
                        scene->module);
        return explanation.allowed ? ANSWER_ALLOWED : ANSWER_DENIED;
}

/* @found: the file of the bus that was asked, NULL if it is not known */
static int answer_with_config(const ExplainOptions *options, const char *found, Scene *scene,
                              const Question *question) {
        const char *file = options->config ? options->config : found;
        g_autoptr(Config) config = NULL;
        g_autoptr(Policy) policy = NULL;
        g_autoptr(GError) error = NULL;

        if (file && !options->no_config) {
                config = config_load(file, &error);
                if (!config) {
                        (void)command_fail(options->config ? "--config" : "see --no-config", error);
                        return ANSWER_NONE;
                }
                policy = policy_new(config);
        }
        scene->policy = policy;
        return answer(scene, question, file);
}

static int about_rules(const ExplainOptions *options, const AppAccess *access, char **words) {
        g_auto(Question) question = { 0 };
        g_autoptr(GError) error = NULL;
        g_auto(SceneEnd) other = { 0 };
        Scene scene = { .rules = access->rules[options->bus.system ? BUS_SYSTEM : BUS_SESSION],
                        .uid = getuid() };

        if (!question_parse(words, &question, &error))
                return command_usage("%s", error->message);
        scene_end_init(&other);
        imagine_end(question.name, &other);
        scene.other = other;
        return answer_with_config(options, NULL, &scene, &question);
}

static int about_server(const ExplainOptions *options, char **words) {
        g_autoptr(GDBusConnection) connection = NULL;
        g_autoptr(RuleList) rules = rule_list_new(), grants = rule_list_new();
        g_auto(Question) question = { 0 };
        g_autofree char *config = NULL, *uid = NULL, *module = NULL;
        g_auto(ServerInfo) info = { 0 };
        g_auto(SceneEnd) other = { 0 };
        g_autoptr(GError) error = NULL;
        Scene scene = { .rules = rules };

        scene_end_init(&other);
        if (!words[0] || !words[1])
                return command_usage("explain needs a CONTAINER, or --rules FILE, and a question "
                                     "such as: call org.example.Service org.example.Iface.Method");
        if (!question_parse(words + 1, &question, &error))
                return command_usage("%s", error->message);
        connection = bus_client_connect(&options->bus, &error);
        if (!connection || !server_info_find(connection, words[0], &info, &error) ||
            !server_info_load_rules(connection, info.path, rules, &error)) {
                (void)command_fail(connection ? words[0] : "", error);
                return ANSWER_NONE;
        }
        load_other(connection, &question, info.path, &other);
        uid = server_info_get_uid(&info);
        scene.uid = (uid_t)g_ascii_strtoull(uid, NULL, 10);
        scene.other = other;
        config = bus_config_find(connection);
        scene.module = module = bus_client_find_module(connection);
        scene.grants = load_grants(connection, info.path, grants);
        scene.flags = load_flags(connection, info.path);
        return answer_with_config(options, config, &scene, &question);
}

int command_explain(char **argv) {
        g_auto(ExplainOptions) options = { 0 };
        g_auto(GStrv) arguments = g_strdupv(argv);
        g_auto(AppAccess) access = { 0 };
        g_autoptr(GError) error = NULL;

        app_access_init(&access);
        if (parse_options(&options, &arguments) != 0)
                return ANSWER_NONE;
        if (!access_options_load(&options.access, &access, &error))
                return command_usage("%s", error->message);
        for (char **file = options.rule_files; file && *file; file++)
                for (size_t i = 0; i < N_BUSES; i++)
                        if (!rule_list_add_file(access.rules[i], *file, &error))
                                return command_usage("%s", error->message);
        if (options.rule_files || access_options_given(&options.access))
                return about_rules(&options, &access, arguments + 1);
        return about_server(&options, arguments + 1);
}
