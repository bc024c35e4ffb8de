/* SPDX-License-Identifier: MIT */
/*
 * What the bus changes in a message that it forwards: the header, and of that only the fields.
 *
 *     fixed | PATH MEMBER DESTINATION | SENDER (forged) | SIGNATURE | padding | body
 *             span                                        span
 *     fixed | PATH MEMBER DESTINATION SIGNATURE | stamp | padding | body
 *
 * Fields start 8-aligned, so that a span can move by any multiple of eight without a look inside.
 * The stamp of a sender is made once, for both byte orders.
 */
#include "wire/message.h"

#include "wire/bytes.h"

#define OFFSET_FIELDS_LENGTH 12

/* Writes a field whose value is text, behind zero padding. Return: offset behind it. */
static size_t put_field(uint8_t *out, size_t offset, uint8_t code, char type, const char *text) {
        size_t length = strlen(text);

        offset = bytes_align(offset, 8);
        g_assert(offset + 8 + length + 1 <= MESSAGE_MAX_STAMP);
        out[offset] = code;
        out[offset + 1] = 1;
        out[offset + 2] = (uint8_t)type;
        out[offset + 3] = 0;
        bytes_put_u32(out + offset + 4, (uint32_t)length, false);
        memcpy(out + offset + 8, text, length + 1);
        return offset + 8 + length + 1;
}

void message_stamp_init(MessageStamp *stamp, const char *sender, const char *container) {
        memset(stamp, 0, sizeof(*stamp));
        stamp->n_sender = (uint8_t)put_field(stamp->bytes, 0, FIELD_SENDER, 's', sender);
        stamp->n_both =
                (uint8_t)put_field(stamp->bytes, stamp->n_sender, FIELD_CONTAINER, 'o', container);
}

static void swap_length(uint8_t *field) {
        bytes_put_u32(field + 4, bytes_get_u32(field + 4, false), true);
}

/* --- facts, which few receivers ask for --- */

static size_t facts_end(const StampFacts *facts, StampForm form, size_t offset) {
        if ((form & STAMP_UID) && facts->has_uid)
                offset = bytes_align(offset, 8) + 8;
        if ((form & STAMP_PID) && facts->has_pid)
                offset = bytes_align(offset, 8) + 8;
        if ((form & STAMP_LABEL) && facts->n_label > 0)
                offset = bytes_align(offset, 8) + 12 + facts->n_label;
        return offset;
}

static size_t put_padding(uint8_t *out, size_t offset) {
        size_t end = bytes_align(offset, 8);

        memset(out + offset, 0, end - offset);
        return end;
}

static size_t put_number(uint8_t *out, size_t offset, uint8_t code, uint32_t value,
                         bool big_endian) {
        const uint8_t field[] = { code, 1, 'u', 0 };

        offset = put_padding(out, offset);
        memcpy(out + offset, field, sizeof field);
        bytes_put_u32(out + offset + 4, value, big_endian);
        return offset + 8;
}

static void put_label(uint8_t *out, size_t offset, const StampFacts *facts, bool big_endian) {
        const uint8_t field[8] = { FIELD_SENDER_LABEL, 2, 'a', 'y' };

        offset = put_padding(out, offset);
        memcpy(out + offset, field, sizeof field);
        bytes_put_u32(out + offset + 8, facts->n_label, big_endian);
        memcpy(out + offset + 12, facts->label, facts->n_label);
}

static void put_facts(uint8_t *out, size_t offset, const StampFacts *facts, StampForm form,
                      bool big_endian) {
        if ((form & STAMP_UID) && facts->has_uid)
                offset = put_number(out, offset, FIELD_SENDER_UID, facts->uid, big_endian);
        if ((form & STAMP_PID) && facts->has_pid)
                offset = put_number(out, offset, FIELD_SENDER_PID, facts->pid, big_endian);
        if ((form & STAMP_LABEL) && facts->n_label > 0)
                put_label(out, offset, facts, big_endian);
}

/* --- all fields of a stamp --- */

static inline size_t names_size(const MessageStamp *stamp, StampForm form) {
        return form & STAMP_SENDER_AND_CONTAINER ? stamp->n_both : stamp->n_sender;
}

/* @n: names_size() */
static inline void put_names(uint8_t *out, const MessageStamp *stamp, size_t n, bool big_endian) {
        memcpy(out, stamp->bytes, n);
        if (G_LIKELY(!big_endian))
                return;
        swap_length(out);
        if (n > stamp->n_sender)
                swap_length(out + bytes_align(stamp->n_sender, 8));
}

/* Apart, so that receivers without facts pay one comparison for them. */
static G_GNUC_NO_INLINE size_t size_with_facts(const MessageStamp *stamp, StampForm form) {
        size_t n = names_size(stamp, form);

        return stamp->facts ? facts_end(stamp->facts, form, n) : n;
}

static G_GNUC_NO_INLINE void put_with_facts(uint8_t *out, const MessageStamp *stamp, StampForm form,
                                            bool big_endian) {
        size_t n = names_size(stamp, form);

        put_names(out, stamp, n, big_endian);
        if (stamp->facts)
                put_facts(out, n, stamp->facts, form, big_endian);
}

static inline size_t stamp_size(const MessageStamp *stamp, StampForm form) {
        if (G_UNLIKELY(form > STAMP_SENDER_AND_CONTAINER))
                return size_with_facts(stamp, form);
        return names_size(stamp, form);
}

size_t message_stamped_header_size(const MessageView *view, const MessageStamp *stamp,
                                   StampForm form) {
        size_t n = PROTOCOL_FIXED_HEADER;

        for (unsigned i = 0; i < view->n_spans; i++)
                n += bytes_align(view->spans[i].end - view->spans[i].start, 8);
        return bytes_align(n + stamp_size(stamp, form), 8);
}

/* Copies bytes [start, end) of @view and pads with zeros. Return: offset behind the padding. */
static inline size_t put_span(uint8_t *out, size_t offset, const MessageView *view, size_t start,
                              size_t end) {
        size_t n = end - start, padded = bytes_align(n, 8);

        memcpy(out + offset, view->bytes + start, n);
        memset(out + offset + n, 0, padded - n);
        return offset + padded;
}

size_t message_write_header(const MessageView *view, const MessageStamp *stamp, StampForm form,
                            uint8_t *out) {
        size_t offset, end, n_stamp = stamp_size(stamp, form);
        unsigned i = 0;

        if (view->n_spans > 0 && view->spans[0].start == PROTOCOL_FIXED_HEADER)
                offset = put_span(out, 0, view, 0, view->spans[i++].end);
        else
                offset = put_span(out, 0, view, 0, PROTOCOL_FIXED_HEADER);
        for (; i < view->n_spans; i++)
                offset = put_span(out, offset, view, view->spans[i].start, view->spans[i].end);

        if (G_UNLIKELY(form > STAMP_SENDER_AND_CONTAINER))
                put_with_facts(out + offset, stamp, form, view->big_endian);
        else
                put_names(out + offset, stamp, n_stamp, view->big_endian);
        end = offset + n_stamp;
        bytes_put_u32(out + OFFSET_FIELDS_LENGTH, (uint32_t)(end - PROTOCOL_FIXED_HEADER),
                      view->big_endian);
        offset = bytes_align(end, 8);
        memset(out + end, 0, offset - end);
        return offset;
}
