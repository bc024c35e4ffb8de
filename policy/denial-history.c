/* SPDX-License-Identifier: MIT */
/*
 * A short array that is searched from the front: who is denied something mostly tries the same
 * again. What makes it large is a client's text, so that number and length are bounded.
 */
#include "policy/denial-history.h"

#include <string.h>

static void clear_past(PastDenial *past) {
        g_free(past->rule);
        g_free(past->file);
}

void denial_history_clear(DenialHistory *history) {
        for (unsigned i = 0; i < history->n_past; i++)
                clear_past(&history->past[i]);
        g_clear_pointer(&history->past, g_free);
        history->n_past = 0;
}

/* The words that Denial has are constants; others would have to be kept. */
static const char *constant_type(const char *type) {
        static const char *const types[] = { "method_call", "method_return", "error",
                                             "signal",      "own",           "connect" };

        for (size_t i = 0; type && i < G_N_ELEMENTS(types); i++)
                if (strcmp(types[i], type) == 0)
                        return types[i];
        return "";
}

static const char *file_of(const Denial *denial) {
        return denial->file ? denial->file : "";
}

static unsigned line_of(const Denial *denial) {
        return denial->has_line ? denial->line : 0;
}

static unsigned find(const DenialHistory *history, const Denial *denial, const char *rule) {
        const char *type = constant_type(denial->message_type);
        unsigned i;

        for (i = 0; i < history->n_past; i++) {
                const PastDenial *past = &history->past[i];

                if (past->layer == denial->layer && past->message_type == type &&
                    past->line == line_of(denial) && strcmp(past->rule, rule) == 0 &&
                    strcmp(past->file, file_of(denial)) == 0)
                        break;
        }
        return i;
}

/* A new one at the end, in place of the oldest if there is no more room. */
static unsigned make_room(DenialHistory *history) {
        if (!history->past)
                history->past = g_new(PastDenial, DENIAL_HISTORY_SIZE);
        if (history->n_past < DENIAL_HISTORY_SIZE)
                return history->n_past++;
        clear_past(&history->past[DENIAL_HISTORY_SIZE - 1]);
        return DENIAL_HISTORY_SIZE - 1;
}

void denial_history_add(DenialHistory *history, const Denial *denial) {
        const char *rule = denial->rule ? denial->rule : "";
        PastDenial newest;
        unsigned i;

        history->n_denials++;
        if (strlen(rule) > DENIAL_HISTORY_MAX_RULE)
                return;
        i = find(history, denial, rule);
        if (i == history->n_past) {
                i = make_room(history);
                history->past[i] =
                        (PastDenial){ .layer = denial->layer,
                                      .message_type = constant_type(denial->message_type),
                                      .rule = g_strdup(rule),
                                      .file = g_strdup(file_of(denial)),
                                      .line = line_of(denial) };
        }
        newest = history->past[i];
        newest.count++;
        memmove(history->past + 1, history->past, i * sizeof *history->past);
        history->past[0] = newest;
}

void denial_history_write(const DenialHistory *history, Writer *writer) {
        size_t mark = writer_open_array(writer, "(ssssut)");

        for (unsigned i = 0; i < history->n_past; i++) {
                const PastDenial *past = &history->past[i];
                g_autofree char *file = g_utf8_make_valid(past->file, -1);

                writer_open_struct(writer, "(ssssut)");
                writer_add_string(writer, policy_layer_name(past->layer));
                writer_add_string(writer, past->message_type);
                writer_add_string(writer, past->rule);
                writer_add_string(writer, file);
                writer_add_u32(writer, past->line);
                writer_add_u64(writer, past->count);
                writer_close_struct(writer);
        }
        writer_close_array(writer, mark);
}
