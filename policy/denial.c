/* SPDX-License-Identifier: MIT */
/*
 * The keys of a denial. One table serves the log and the signal, so that what a person reads in one
 * can be looked for in the other.
 */
#include "policy/denial.h"

#include "wire/protocol.h"
#include "wire/syntax.h"

#include <stddef.h>
#include <string.h>

typedef struct DenialKey {
        const char *name;
        size_t text;   /* offset of a const char * in Denial; 0: it is a number */
        size_t number; /* offset of a uint32_t */
        size_t has;    /* offset of a bool */
} DenialKey;

#define TEXT_KEY(key, member) { .name = (key), .text = offsetof(Denial, member) }
#define NUMBER_KEY(key, member, known) \
        { .name = (key), .number = offsetof(Denial, member), .has = offsetof(Denial, known) }

static const DenialKey keys[] = {
        TEXT_KEY("Sender", sender),
        NUMBER_KEY("PID", pid, has_pid),
        NUMBER_KEY("UID", uid, has_uid),
        TEXT_KEY("Label", label),
        TEXT_KEY("Type", type),
        TEXT_KEY("AppId", app_id),
        TEXT_KEY("InstanceId", instance_id),
        TEXT_KEY("Receiver", receiver),
        TEXT_KEY("MessageType", message_type),
        TEXT_KEY("Path", path),
        TEXT_KEY("Interface", interface),
        TEXT_KEY("Member", member),
        NUMBER_KEY("UnixFDs", n_fds, has_fds),
        TEXT_KEY("Rule", rule),
        TEXT_KEY("File", file),
        NUMBER_KEY("Line", line, has_line),
        NUMBER_KEY("Reported", reported, is_reported),
};

static const char *get_text(const Denial *denial, const DenialKey *key) {
        return *(const char *const *)(const void *)((const char *)denial + key->text);
}

static bool get_number(const Denial *denial, const DenialKey *key, uint32_t *ret_number) {
        if (!*(const bool *)((const char *)denial + key->has))
                return false;
        *ret_number = *(const uint32_t *)(const void *)((const char *)denial + key->number);
        return true;
}

const char *denial_message_type(uint8_t type) {
        switch (type) {
        case MESSAGE_TYPE_METHOD_CALL:
                return "method_call";
        case MESSAGE_TYPE_METHOD_RETURN:
                return "method_return";
        case MESSAGE_TYPE_ERROR:
                return "error";
        case MESSAGE_TYPE_SIGNAL:
                return "signal";
        default:
                return NULL;
        }
}

/* Labels and file names come from outside D-Bus and may be no UTF-8. */
static void write_text(Writer *writer, const char *key, const char *text) {
        g_autofree char *valid = NULL;

        if (!syntax_is_utf8(text, strlen(text)))
                text = valid = g_utf8_make_valid(text, -1);
        writer_add_entry_string(writer, key, text);
}

void denial_write(const Denial *denial, Writer *writer) {
        size_t mark = writer_open_array(writer, "{sv}");

        writer_add_entry_string(writer, "Layer", policy_layer_name(denial->layer));
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                const char *text = keys[i].text ? get_text(denial, &keys[i]) : NULL;
                uint32_t number;

                if (text)
                        write_text(writer, keys[i].name, text);
                if (!keys[i].text && get_number(denial, &keys[i], &number))
                        writer_add_entry_u32(writer, keys[i].name, number);
        }
        writer_close_array(writer, mark);
}

void denial_log(const Denial *denial, LogRecord *record) {
        log_record_add(record, "Layer", policy_layer_name(denial->layer));
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                uint32_t number;

                if (keys[i].text)
                        log_record_add(record, keys[i].name, get_text(denial, &keys[i]));
                else if (get_number(denial, &keys[i], &number))
                        log_record_add_number(record, keys[i].name, number);
        }
}
