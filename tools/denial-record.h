/* SPDX-License-Identifier: MIT */
/*
 * The bus's signal Denied, as it comes.
 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

/* What a signal says. Text is borrowed from keys; what it does not say is NULL or 0. */
typedef struct DenialRecord {
        GVariant *keys; /* ref; a{sv} */
        char *server;   /* owned; object path */
        const char *layer, *sender, *type, *app_id, *instance_id, *receiver, *message_type;
        const char *path, *interface, *member, *rule, *file;
        guint32 pid, line;
        bool is_reported; /* nothing was denied: the container is permissive */
} DenialRecord;

/**
 * denial_record_read() - @parameters: of the signal
 *
 * Return: whether they are those of Denied; @ret_record is set then, and the caller clears it.
 */
bool denial_record_read(GVariant *parameters, DenialRecord *ret_record);
void denial_record_clear(DenialRecord *record);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DenialRecord, denial_record_clear)

/**
 * denial_rule_with_place() - "RULE (FILE:LINE)", or what there is of it; newly allocated
 * @rule, @file: NULL or empty: none
 */
char *denial_rule_with_place(const char *rule, const char *file, guint32 line);

/**
 * denial_record_describe() - what has to be changed so that it is not denied, as one line: the
 * missing rule, or the denying one with its place; newly allocated
 */
char *denial_record_describe(const DenialRecord *record);

/**
 * denial_record_subscribe() - asks for the signals; @callback gets them in the thread's main
 * context
 */
guint denial_record_subscribe(GDBusConnection *connection, GDBusSignalCallback callback,
                              void *user_data);
