/* SPDX-License-Identifier: MIT */
/*
 * dbus-container top: containers by traffic, with what they hold of the bus, again and again on a
 * terminal.
 */
#include "tools/command-line.h"
#include "tools/commands.h"
#include "tools/server-info.h"
#include "tools/server-stats.h"
#include "tools/table.h"
#include "tools/terminal.h"

#include <stdio.h>

static const char *const titles[] = { "CONTAINER",   "MSG/S", "KB/S",    "MESSAGES",
                                      "CONNECTIONS", "NAMES", "MATCHES", "CALLS",
                                      "QUEUED",      "FDS",   "DENIALS", NULL };

/* One container as it was looked at last. */
typedef struct Row {
        char *path, *label; /* owned */
        ServerStats stats;
        double messages_per_second, bytes_per_second;
} Row;

typedef struct Top {
        GDBusConnection *connection; /* owned */
        GPtrArray *rows;             /* owned; of Row *, owned; NULL before the first look */
        GMainLoop *loop;             /* owned */
        gint64 usec;                 /* of the last look */
        unsigned n_left;             /* looks to take; 0: until interrupted */
        int status;
} Top;

static void row_free(void *data) {
        Row *row = data;

        g_free(row->path);
        g_free(row->label);
        g_free(row);
}

static void top_clear(Top *top) {
        g_clear_object(&top->connection);
        g_clear_pointer(&top->rows, g_ptr_array_unref);
        g_clear_pointer(&top->loop, g_main_loop_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Top, top_clear)

static const Row *find_row(const GPtrArray *rows, const char *path) {
        for (guint i = 0; rows && i < rows->len; i++) {
                const Row *row = rows->pdata[i];

                if (g_str_equal(row->path, path))
                        return row;
        }
        return NULL;
}

/* One that was not there before has sent all it has since then. */
static void set_rates(Row *row, const Row *before, double seconds) {
        const ServerStats none = { 0 };
        const ServerStats *past = before ? &before->stats : &none;

        if (seconds <= 0)
                return;
        row->messages_per_second = (double)(row->stats.n_messages - past->n_messages) / seconds;
        row->bytes_per_second = (double)(row->stats.n_bytes - past->n_bytes) / seconds;
}

static int compare_rows(const void *a, const void *b) {
        const Row *left = *(Row *const *)a, *right = *(Row *const *)b;

        if (left->messages_per_second != right->messages_per_second)
                return left->messages_per_second > right->messages_per_second ? -1 : 1;
        if (left->stats.n_messages != right->stats.n_messages)
                return left->stats.n_messages > right->stats.n_messages ? -1 : 1;
        return g_strcmp0(left->path, right->path);
}

static bool top_look(Top *top, GError **error) {
        g_autoptr(GPtrArray) servers = server_info_list(top->connection, error);
        g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
        gint64 now = g_get_monotonic_time();
        double seconds = top->rows ? (double)(now - top->usec) / G_USEC_PER_SEC : 0;

        for (guint i = 0; servers && i < servers->len; i++) {
                const ServerInfo *info = servers->pdata[i];
                Row *row = g_new0(Row, 1);
                g_autoptr(GError) failed = NULL;

                row->path = g_strdup(info->path);
                row->label = server_info_get_label(info);
                g_ptr_array_add(rows, row);
                if (server_stats_load(top->connection, info->path, &row->stats, &failed)) {
                        set_rates(row, find_row(top->rows, info->path), seconds);
                } else if (bus_client_error_is(failed, ERROR_NOT_CONTAINER)) {
                        g_ptr_array_set_size(rows, (int)rows->len - 1);
                } else {
                        g_propagate_error(error, g_steal_pointer(&failed));
                        return false;
                }
        }
        if (!servers)
                return false;
        g_ptr_array_sort(rows, compare_rows);
        g_clear_pointer(&top->rows, g_ptr_array_unref);
        top->rows = g_steal_pointer(&rows);
        top->usec = now;
        return true;
}

static void add_number(GStrvBuilder *cells, guint64 number) {
        g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, number);

        g_strv_builder_add(cells, text);
}

static void add_rate(GStrvBuilder *cells, double rate) {
        g_autofree char *text = g_strdup_printf("%.1f", rate);

        g_strv_builder_add(cells, text);
}

static void add_row(Table *table, const Row *row) {
        g_autoptr(GStrvBuilder) cells = g_strv_builder_new();

        g_strv_builder_add(cells, row->label);
        add_rate(cells, row->messages_per_second);
        add_rate(cells, row->bytes_per_second / 1000);
        add_number(cells, row->stats.n_messages);
        add_number(cells, row->stats.n_connections);
        add_number(cells, row->stats.n_names);
        add_number(cells, row->stats.n_matches);
        add_number(cells, row->stats.n_pending_replies);
        add_number(cells, row->stats.n_queued_bytes);
        add_number(cells, row->stats.n_queued_fds);
        add_number(cells, row->stats.n_denials);
        table_add(table, g_strv_builder_end(cells));
}

static void top_show(const Top *top) {
        g_autoptr(Table) table = table_new(titles);
        g_autofree char *text = NULL;

        for (guint i = 0; i < top->rows->len; i++)
                add_row(table, top->rows->pdata[i]);
        text = table_to_text(table, terminal_get_width());
        if (terminal_is_screen())
                terminal_draw(text);
        else
                g_print("%s", text);
        fflush(stdout);
}

static gboolean on_look(void *user_data) {
        g_autoptr(GError) error = NULL;
        Top *top = user_data;

        if (!top_look(top, &error)) {
                top->status = command_fail("", error);
                g_main_loop_quit(top->loop);
                return G_SOURCE_CONTINUE;
        }
        top_show(top);
        if (top->n_left > 0 && --top->n_left == 0)
                g_main_loop_quit(top->loop);
        return G_SOURCE_CONTINUE;
}

static int run(Top *top, double delay) {
        bool is_once = top->n_left == 1;

        top->loop = command_loop_new(top->connection);
        g_timeout_add((guint)(delay * 1000), on_look, top);
        (void)on_look(top);
        if (!is_once && top->status == 0)
                g_main_loop_run(top->loop);
        return top->status;
}

int command_top(char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new(NULL);
        g_auto(GStrv) arguments = g_strdupv(argv);
        g_auto(Top) top = { 0 };
        double delay = 2;
        int count = 0;
        GOptionEntry entries[] = {
                { "delay", 'd', 0, G_OPTION_ARG_DOUBLE, &delay, "Time between two looks [2]",
                  "SECONDS" },
                { "count", 'n', 0, G_OPTION_ARG_INT, &count,
                  "Looks to take [1, and on a terminal until interrupted]", "N" },
                G_OPTION_ENTRY_NULL,
        };
        int status;

        g_option_context_set_summary(
                context, "Shows containers by traffic, with what they hold of the bus.");
        g_option_context_add_main_entries(context, entries, NULL);
        top.connection = command_open(context, &arguments, &status);
        if (!top.connection)
                return status;
        if (g_strv_length(arguments) > 1)
                return command_usage("top takes no '%s'", arguments[1]);
        if (!(delay >= 0.1 && delay <= 86400))
                return command_usage("--delay: expected 0.1 seconds to a day");
        if (count < 0)
                return command_usage("--count %d: expected a number from 1", count);
        top.n_left = count > 0 ? (unsigned)count : !terminal_is_screen();
        return run(&top, delay);
}
