/* SPDX-License-Identifier: MIT */
/* Text with its length, as it lies in messages and is compared everywhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Text inside a message. Absent: data NULL. Never contains a NUL, always followed by one. */
typedef struct WireString {
        const char *data;
        uint32_t length; /* bytes, without the NUL */
} WireString;

#define WIRE_STRING_LITERAL(text) ((WireString){ .data = (text), .length = sizeof(text) - 1 })

static inline WireString wire_string(const char *text) {
        return (WireString){ .data = text, .length = text ? (uint32_t)strlen(text) : 0 };
}

static inline bool wire_string_equal(WireString a, WireString b) {
        return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/** wire_string_is() - whether @a is present and says @text */
static inline bool wire_string_is(WireString a, const char *text) {
        return a.data && strlen(text) == a.length && memcmp(a.data, text, a.length) == 0;
}
