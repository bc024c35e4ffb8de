/* SPDX-License-Identifier: MIT */
/*
 * Bounds-checked decoding of message bodies.
 *
 * A Reader walks over values in the order of a signature. Every getter checks type and bounds;
 * after the first failure the reader stays failed and every further getter fails, so that a handler
 * may check once at the end.
 */
#pragma once

#include "wire/message.h"

typedef struct Reader {
        const uint8_t *bytes; /* start of the body: alignment counts from here */
        size_t offset, end;   /* current value, end of this container */
        const char *type;     /* current position in the signature */
        const char *type_end;
        const char *element_type; /* inside an array: where type goes back to for each element */
        unsigned depth;           /* containers entered */
        bool big_endian, failed;
} Reader;

/** reader_init() - at the first argument of @view's body; borrows the view's bytes */
void reader_init(Reader *reader, const MessageView *view);

/**
 * reader_init_bytes() - at the first value of @bytes (padding counts from here, any alignment),
 * whose types are @signature (borrowed)
 */
void reader_init_bytes(Reader *reader, const uint8_t *bytes, size_t n_bytes, WireString signature,
                       bool big_endian);

/**
 * reader_peek() - type code of the next value: '\0' at the end of a struct, message or array, or
 * after a failure
 */
char reader_peek(const Reader *reader);

bool reader_get_byte(Reader *reader, uint8_t *ret_value);
bool reader_get_bool(Reader *reader, bool *ret_value);
bool reader_get_u32(Reader *reader, uint32_t *ret_value);
bool reader_get_u64(Reader *reader, uint64_t *ret_value);

/** reader_get_fd() - a 'h' value: an index into the descriptors of the message */
bool reader_get_fd(Reader *reader, uint32_t *ret_index);

/** reader_get_string(), _path(), _signature() - 's', 'o' and 'g'; borrowed from the body */
bool reader_get_string(Reader *reader, WireString *ret_value);
bool reader_get_path(Reader *reader, WireString *ret_value);
bool reader_get_signature(Reader *reader, WireString *ret_value);

/**
 * reader_enter() - opens the array ('a'), struct ('('), dict entry ('{') or variant ('v') that is
 * next
 * @ret_inside: reader over its contents; @reader is already behind it. A failure inside does not
 *              make @reader fail.
 */
bool reader_enter(Reader *reader, char container, Reader *ret_inside);

/** reader_skip() - goes behind the next value, whatever it is */
bool reader_skip(Reader *reader);

/**
 * reader_raw() - skips the next value and gives its bytes, without padding before them, and its
 * signature
 *
 * The bytes are in the message's byte order, and padding inside depends on where they are: they
 * make sense only here.
 * For a value that is kept use writer_add_value().
 */
bool reader_raw(Reader *reader, const uint8_t **ret_bytes, size_t *ret_n_bytes,
                WireString *ret_signature);

/** reader_finish() - whether all went well and nothing is left in this message or container */
bool reader_finish(const Reader *reader);
