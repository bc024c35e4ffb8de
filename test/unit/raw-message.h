/* SPDX-License-Identifier: MIT */
/* Messages for tests, put together field by field, so that they may be wrong in any way. */
#pragma once

#include "wire/bytes.h"
#include "wire/message.h"

#include <glib.h>

typedef struct RawMessage {
        GByteArray *bytes; /* owned */
        bool big_endian;
} RawMessage;

static inline void raw_clear(RawMessage *raw) {
        g_clear_pointer(&raw->bytes, g_byte_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RawMessage, raw_clear)

static inline void raw_pad(RawMessage *raw, size_t alignment) {
        while (raw->bytes->len % alignment != 0)
                g_byte_array_append(raw->bytes, (const uint8_t *)"", 1);
}

static inline void raw_u32(RawMessage *raw, uint32_t value) {
        uint8_t bytes[4];

        raw_pad(raw, 4);
        bytes_put_u32(bytes, value, raw->big_endian);
        g_byte_array_append(raw->bytes, bytes, sizeof(bytes));
}

static inline void raw_bytes(RawMessage *raw, const char *bytes, size_t n) {
        g_byte_array_append(raw->bytes, (const uint8_t *)bytes, (guint)n);
}

/* raw_start() - the fixed header, with serial 7 */
static inline void raw_start(RawMessage *raw, uint8_t type, bool big_endian) {
        uint8_t start[] = { big_endian ? 'B' : 'l', type, 0, PROTOCOL_VERSION };

        *raw = (RawMessage){ .bytes = g_byte_array_new(), .big_endian = big_endian };
        g_byte_array_append(raw->bytes, start, sizeof(start));
        raw_u32(raw, 0);
        raw_u32(raw, 7);
        raw_u32(raw, 0);
}

static inline void raw_field(RawMessage *raw, uint8_t code, const char *signature) {
        uint8_t start[] = { code, (uint8_t)strlen(signature) };

        raw_pad(raw, 8);
        g_byte_array_append(raw->bytes, start, sizeof(start));
        raw_bytes(raw, signature, strlen(signature) + 1);
}

static inline void raw_text_field(RawMessage *raw, uint8_t code, const char *signature,
                                  const char *text) {
        uint8_t length = (uint8_t)strlen(text);

        raw_field(raw, code, signature);
        if (*signature == 'g')
                g_byte_array_append(raw->bytes, &length, 1);
        else
                raw_u32(raw, (uint32_t)strlen(text));
        raw_bytes(raw, text, strlen(text) + 1);
}

static inline void raw_u32_field(RawMessage *raw, uint8_t code, uint32_t value) {
        raw_field(raw, code, "u");
        raw_u32(raw, value);
}

/* raw_end() - sets the lengths and appends the body */
static inline void raw_end(RawMessage *raw, const char *body, size_t n_body) {
        bytes_put_u32(raw->bytes->data + 12, raw->bytes->len - 16, raw->big_endian);
        bytes_put_u32(raw->bytes->data + 4, (uint32_t)n_body, raw->big_endian);
        raw_pad(raw, 8);
        raw_bytes(raw, body, n_body);
}

static inline MessageError raw_parse(const RawMessage *raw, MessageView *ret_view) {
        return message_parse(raw->bytes->data, raw->bytes->len, ret_view);
}
