/* SPDX-License-Identifier: MIT */
/*
 * dbus-container denials: what containers were denied, how often, and what would have to be
 * changed.
 *
 * The bus keeps the last ones of each container; what comes while we look is counted on top of
 * that. On a terminal the table is drawn again when something comes, elsewhere each one is a
 * line.
 */
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/denial-record.h"
#include "tools/printable.h"
#include "tools/server-info.h"
#include "tools/server-stats.h"
#include "tools/table.h"
#include "tools/terminal.h"

#include <stdio.h>
#include <string.h>

static const char *const titles[] = {
        "COUNT", "CONTAINER", "LAYER", "MESSAGE", "MISSING RULE, OR DENYING ONE", NULL
};

/* Rows while following: an app can be denied something else each time, for as long as we look. */
#define MAX_ROWS 1000

/* Denials that differ in nothing that is shown. Strings are owned. */
typedef struct Row {
        char *container, *layer, *message, *what;
        guint64 count;
} Row;

typedef struct View {
        GDBusConnection *connection; /* owned */
        char *only;                  /* owned; object path; NULL: all containers */
        GPtrArray *rows;             /* owned; of Row *, owned, the newest last */
        GMainLoop *loop;             /* owned */
        bool is_loading;             /* what comes is known already */
} View;

static void row_free(void *data) {
        Row *row = data;

        g_free(row->container);
        g_free(row->layer);
        g_free(row->message);
        g_free(row->what);
        g_free(row);
}

static void view_clear(View *view) {
        g_clear_object(&view->connection);
        g_clear_pointer(&view->only, g_free);
        g_clear_pointer(&view->rows, g_ptr_array_unref);
        g_clear_pointer(&view->loop, g_main_loop_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(View, view_clear)

/* Takes over the strings of @given. Return: the row that counts it, which is the last one then. */
static const Row *view_add(View *view, const Row *given) {
        Row *row = g_memdup2(given, sizeof *given);

        for (guint i = 0; i < view->rows->len; i++) {
                Row *known = view->rows->pdata[i];

                if (!g_str_equal(known->container, row->container) ||
                    !g_str_equal(known->layer, row->layer) ||
                    !g_str_equal(known->message, row->message) ||
                    !g_str_equal(known->what, row->what))
                        continue;
                row->count += known->count;
                g_ptr_array_remove_index(view->rows, i);
                break;
        }
        g_ptr_array_add(view->rows, row);
        return row;
}

/* One that has gone meanwhile, or of which the bus does not tell, has nothing to add. */
static void view_add_past(View *view, const ServerInfo *info) {
        g_autoptr(GVariant) past = server_stats_load_denials(view->connection, info->path);

        /* the newest comes first */
        for (gsize i = past ? g_variant_n_children(past) : 0; i-- > 0;) {
                Row row = { .container = server_info_get_label(info) };

                const char *rule, *file;
                guint32 line;

                g_variant_get_child(past, i, "(ss&s&sut)", &row.layer, &row.message, &rule, &file,
                                    &line, &row.count);
                row.what = denial_rule_with_place(rule, file, line);
                view_add(view, &row);
        }
}

static bool view_load(View *view, GError **error) {
        g_autoptr(GPtrArray) servers = server_info_list(view->connection, error);

        for (guint i = 0; servers && i < servers->len; i++) {
                const ServerInfo *info = servers->pdata[i];

                if (!view->only || g_str_equal(view->only, info->path))
                        view_add_past(view, info);
        }
        return servers != NULL;
}

static char *view_to_text(const View *view) {
        g_autoptr(Table) table = table_new(titles);

        for (guint i = view->rows->len; i-- > 0;) {
                const Row *row = view->rows->pdata[i];
                g_autofree char *count = g_strdup_printf("%" G_GUINT64_FORMAT, row->count);
                g_autoptr(GStrvBuilder) cells = g_strv_builder_new();

                g_strv_builder_add_many(cells, count, row->container, row->layer, row->message,
                                        row->what, NULL);
                table_add(table, g_strv_builder_end(cells));
        }
        return table_to_text(table, terminal_get_width());
}

static void view_show(const View *view, const Row *newest) {
        g_autofree char *container = printable_text(newest->container);
        g_autofree char *what = printable_text(newest->what);
        g_autofree char *text = NULL;

        if (terminal_is_screen()) {
                text = view_to_text(view);
                terminal_draw(text);
                return;
        }
        g_print("%s\t%s\t%s\t%s\t%" G_GUINT64_FORMAT "\n", container, newest->layer,
                newest->message, what, newest->count);
        fflush(stdout);
}

static Row row_of(const DenialRecord *record) {
        const char *label = record->app_id && *record->app_id ? record->app_id : record->type;

        return (Row){
                .container = g_strdup_printf("%s %s", label ? label : "?",
                                             strrchr(record->server, '/') + 1),
                .layer = g_strdup(record->layer ? record->layer : ""),
                .message = g_strdup(record->message_type ? record->message_type : ""),
                .what = denial_rule_with_place(record->rule, record->file, record->line),
                .count = 1,
        };
}

static void on_denied(GDBusConnection *connection G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                      const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                      const char *member G_GNUC_UNUSED, GVariant *parameters, void *user_data) {
        View *view = user_data;
        g_auto(DenialRecord) record = { 0 };
        const Row *newest;
        Row row;

        if (view->is_loading || !denial_record_read(parameters, &record))
                return;
        if (view->only && !g_str_equal(view->only, record.server))
                return;
        row = row_of(&record);
        newest = view_add(view, &row);
        if (view->rows->len > MAX_ROWS)
                g_ptr_array_remove_range(view->rows, 0, view->rows->len - MAX_ROWS);
        view_show(view, newest);
}

static void follow(View *view) {
        g_autofree char *text = view_to_text(view);

        view->loop = command_loop_new(view->connection);
        if (terminal_is_screen())
                terminal_draw(text);
        else
                g_printerr("dbus-container: waiting for denials\n");
        g_main_loop_run(view->loop);
}

/*
 * Signals are asked for first, so that none is missed; those that come meanwhile are in the
 * figures.
 */
static int show(View *view, gboolean do_follow) {
        guint subscription = denial_record_subscribe(view->connection, on_denied, view);
        g_autoptr(GError) error = NULL;
        bool loaded;

        view->is_loading = true;
        loaded = view_load(view, &error);
        while (g_main_context_iteration(NULL, FALSE))
                ;
        view->is_loading = false;
        if (loaded && do_follow) {
                follow(view);
        } else if (loaded) {
                g_autofree char *text = view_to_text(view);

                g_print("%s", text);
        }
        g_dbus_connection_signal_unsubscribe(view->connection, subscription);
        return loaded ? 0 : command_fail("", error);
}

int command_denials(char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new("[CONTAINER]");
        g_auto(GStrv) arguments = g_strdupv(argv);
        g_auto(ServerInfo) info = { 0 };
        g_autoptr(GError) error = NULL;
        g_auto(View) view = { 0 };
        gboolean do_follow = FALSE;
        GOptionEntry entries[] = {
                { "follow", 'f', 0, G_OPTION_ARG_NONE, &do_follow,
                  "Go on and show those that come, until interrupted", NULL },
                G_OPTION_ENTRY_NULL,
        };
        int status;

        g_option_context_set_summary(context,
                                     "Prints what containers, or one of them, were denied last.");
        g_option_context_add_main_entries(context, entries, NULL);
        view.connection = command_open(context, &arguments, &status);
        if (!view.connection)
                return status;
        if (g_strv_length(arguments) > 2)
                return command_usage("denials takes one CONTAINER, not '%s'", arguments[2]);
        if (arguments[1] && !server_info_find(view.connection, arguments[1], &info, &error))
                return command_fail_about(arguments[1], error);
        view.only = g_strdup(info.path);
        view.rows = g_ptr_array_new_with_free_func(row_free);
        return show(&view, do_follow);
}
