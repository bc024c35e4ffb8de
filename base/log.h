/* SPDX-License-Identifier: MIT */
/*
 * One record per event, as text for people and as key=value fields for programs.
 *
 * Where it goes: standard error in the foreground, syslog or the journal as configured. Values are
 * escaped, so that no text of a peer can forge a line or a field. Logging never fails and never
 * blocks for long.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum LogLevel {
        LOG_LEVEL_ERROR,
        LOG_LEVEL_WARNING,
        LOG_LEVEL_NOTICE,
        LOG_LEVEL_DEBUG
} LogLevel;

typedef enum LogTargets {
        LOG_TO_STDERR = 1 << 0,
        LOG_TO_SYSLOG = 1 << 1, /* the journal where it runs, it reads the syslog socket */
} LogTargets;

/** log_init() - sets where records go; until then standard error. @ident is borrowed for good */
void log_init(const char *ident, LogTargets targets);

/** log_get_targets() - where records go */
LogTargets log_get_targets(void);

/** log_set_verbose() - whether debug records are written */
void log_set_verbose(bool verbose);

/** log_is_verbose() - whether debug records are written */
bool log_is_verbose(void);

/** log_message() - one record that is only a sentence; printf-like, at most 4 KiB */
void log_message(LogLevel level, const char *format, ...) G_GNUC_PRINTF(2, 3);

typedef struct LogRecord LogRecord;

/**
 * log_record_new() - starts a record
 * @text: constant sentence without peer text; printed before the fields
 */
LogRecord *log_record_new(LogLevel level, const char *text);

/** log_record_add() - adds KEY=value; NULL @value: left out. Values are quoted and escaped when
 * needed */
void log_record_add(LogRecord *record, const char *key, const char *value);

/** log_record_add_number() - adds KEY=number */
void log_record_add_number(LogRecord *record, const char *key, uint64_t value);

/** log_record_submit() - writes and frees @record */
void log_record_submit(LogRecord *record);

/* How many records of one kind somebody may cause; zeroed at the start. */
typedef struct LogRate {
        uint64_t window_usec; /* start of the current window */
        unsigned n_written;   /* in it */
        unsigned n_left_out;  /* since the last one that was written */
} LogRate;

/**
 * log_rate_allow() - whether one more record may be written now; 20 in 10 seconds may
 * @now_usec:       CLOCK_MONOTONIC
 * @ret_n_left_out: set on true: how many were not written since the last one
 */
bool log_rate_allow(LogRate *rate, uint64_t now_usec, unsigned *ret_n_left_out);

/**
 * log_escape() - @value as it stands in a record: as it is when it is printable ASCII without
 * spaces, quotes, backslashes and `=`, else in double quotes with \\n, \\", \\\\ and \\xHH; cut
 * after 1 KiB
 *
 * Return: newly allocated.
 */
char *log_escape(const char *value);
