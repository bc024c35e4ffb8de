/* SPDX-License-Identifier: MIT */
/*
 * dbus-container learn: runs a program in a permissive container, and tells which rules would
 * have let it work.
 */
#include "tools/child.h"
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/contained-run.h"
#include "tools/flatpak-writer.h"
#include "tools/rule-learner.h"

#define NO_APP_ID "org.example.App"

typedef struct LearnOptions {
        RunOptions run;
        char *output, *metadata; /* owned, NULL if not given */
} LearnOptions;

static void learn_options_clear(LearnOptions *options) {
        run_options_clear(&options->run);
        g_clear_pointer(&options->output, g_free);
        g_clear_pointer(&options->metadata, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LearnOptions, learn_options_clear)

/* What is learned about one bus. */
typedef struct Lesson {
        const Container *container; /* borrowed; NULL: the program has no such bus */
        RuleLearner *learner;       /* owned */
        guint subscription;
} Lesson;

static const char description[] =
        "Nothing that rules could allow is denied to the program; what would have been is turned\n"
        "into rules when it ends. Rules that are given are taken for granted. The more the "
        "program\n"
        "does, the more is learned.\n"
        "\n"
        "The exit status is as with dbus-container run.\n";

static char **parse_options(LearnOptions *options, char ***argv, GError **error) {
        g_autoptr(GOptionContext) context = g_option_context_new("[--] COMMAND [ARGUMENT...]");
        GOptionEntry entries[] = {
                { "output", 0, 0, G_OPTION_ARG_FILENAME, &options->output,
                  "Write the rules to a file, for run --allow-file", "FILE" },
                { "metadata", 0, 0, G_OPTION_ARG_FILENAME, &options->metadata,
                  "Write Flatpak metadata to a file, for run --flatpak-metadata", "FILE" },
                G_OPTION_ENTRY_NULL,
        };

        g_option_context_set_summary(context, "Runs a program, and prints the rules it needs.");
        g_option_context_set_description(context, description);
        g_option_context_add_main_entries(context, entries, NULL);
        run_options_add(&options->run, context);
        options->run.permissive = TRUE;
        if (!g_option_context_parse_strv(context, argv, error))
                return NULL;
        return run_options_find_command(&options->run, *argv, error);
}

static void on_denied(GDBusConnection *connection G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                      const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                      const char *member G_GNUC_UNUSED, GVariant *parameters, void *user_data) {
        const Lesson *lesson = user_data;
        g_auto(DenialRecord) record = { 0 };

        if (denial_record_read(parameters, &record) &&
            g_strcmp0(record.server, lesson->container->path) == 0)
                rule_learner_add(lesson->learner, &record);
}

static void lesson_start(Lesson *lesson, const Container *container) {
        lesson->container = container;
        lesson->subscription = denial_record_subscribe(container->connection, on_denied, lesson);
}

static void append_list(GString *text, const RuleLearner *learner, const RuleList *rules) {
        const GPtrArray *notes = rule_learner_get_notes(learner), *all = rule_list_get(rules);

        for (guint i = 0; i < all->len; i++) {
                g_autofree char *line =
                        container_rule_to_text(&((const SourcedRule *)all->pdata[i])->rule);

                g_string_append_printf(text, "%s\n", line);
        }
        for (guint i = 0; i < notes->len; i++)
                g_string_append_printf(text, "# not to be had by rules: %s\n",
                                       (const char *)notes->pdata[i]);
}

/* To a file, or to standard output under a title. */
static bool deliver(const char *text, const char *file, const char *title, GError **error) {
        if (file)
                return g_file_set_contents(file, text, -1, error);
        g_print("# %s\n%s", title, text);
        return true;
}

static bool report(const LearnOptions *options, const Lesson *lessons, const char *app_id,
                   GError **error) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_auto(AppAccess) learned = { 0 };
        g_autofree char *metadata = NULL;

        app_access_init(&learned);
        for (size_t i = 0; i < N_BUSES; i++) {
                rule_learner_finish(lessons[i].learner, learned.rules[i]);
                if (options->run.bus.both)
                        g_string_append_printf(text, "# %s bus\n", bus_kind_get_name((BusKind)i));
                append_list(text, lessons[i].learner, learned.rules[i]);
        }
        /* metadata needs the name of an app, which an app id need not be */
        if (!g_dbus_is_name(app_id) || g_dbus_is_unique_name(app_id))
                app_id = NO_APP_ID;
        metadata = flatpak_writer_write(app_id, learned.rules[BUS_SESSION],
                                        learned.rules[BUS_SYSTEM]);
        if (!deliver(text->str, options->output, "Rules, for --allow-file:", error))
                return false;
        if (!options->output && !options->metadata)
                g_print("\n");
        return deliver(metadata, options->metadata,
                       "Flatpak metadata, for --flatpak-metadata:", error);
}

static int learn(const LearnOptions *options, ContainedRun *run, char **command, Lesson *lessons,
                 GError **error) {
        int status;

        if (!contained_run_prepare(run, &options->run, error))
                return CHILD_EXIT_FAILED;
        for (unsigned i = 0; i < run->n_containers; i++)
                lesson_start(&lessons[run->containers[i].bus], &run->containers[i]);
        if (!contained_run_add(run, error))
                return CHILD_EXIT_FAILED;
        status = contained_run_command(run, command, error);
        contained_run_end(run);
        /* the answer to the last call came after all signals, which wait in the main context */
        while (g_main_context_iteration(NULL, FALSE))
                ;
        if (*error)
                return status;
        return report(options, lessons, run->settings.app_id, error) ? status : CHILD_EXIT_FAILED;
}

int command_learn(char **argv) {
        g_auto(LearnOptions) options = { 0 };
        g_auto(ContainedRun) run = { 0 };
        Lesson lessons[N_BUSES] = { 0 };
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) arguments = g_strdupv(argv);
        char **command = parse_options(&options, &arguments, &error);
        int status = CHILD_EXIT_FAILED;

        for (size_t i = 0; i < N_BUSES; i++)
                lessons[i].learner = rule_learner_new();
        if (command)
                status = learn(&options, &run, command, lessons, &error);
        for (size_t i = 0; i < N_BUSES; i++) {
                if (lessons[i].subscription > 0)
                        g_dbus_connection_signal_unsubscribe(lessons[i].container->connection,
                                                             lessons[i].subscription);
                rule_learner_free(lessons[i].learner);
        }
        if (error)
                command_tell(error->message);
        return status;
}
