/* SPDX-License-Identifier: MIT */
/*
 * One denial, of any layer, with all that helps to find it (containers1, section 8): the same keys
 * in the log and in the Denied signal.
 */
#pragma once

#include "base/log.h"
#include "policy/verdict.h"
#include "wire/writer.h"

/* Absent text: NULL. All borrowed. */
typedef struct Denial {
        PolicyLayer layer;
        const char *sender;       /* unique name */
        bool has_pid, has_uid, has_fds, has_line;
        bool is_reported;         /* nothing was denied; then reported is 1 */
        uint32_t pid, uid;        /* of the sender */
        const char *label;
        const char *type, *app_id, *instance_id; /* of the container */
        const char *receiver;     /* unique name, or the name that was asked for */
        const char *message_type; /* as denial_message_type(), or "own", "connect" */
        const char *path, *interface, *member;
        uint32_t n_fds;
        const char *rule, *file;
        uint32_t line, reported;
} Denial;

/** denial_message_type() - the word for a MESSAGE_TYPE_...; constant, NULL for unknown types */
const char *denial_message_type(uint8_t type);

/** denial_write() - appends @denial as `a{sv}` */
void denial_write(const Denial *denial, Writer *writer);

/**
 * denial_log() - adds @denial's keys to a record; NULL values and numbers that are not known are
 * left out
 */
void denial_log(const Denial *denial, LogRecord *record);
