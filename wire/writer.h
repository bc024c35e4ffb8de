/* SPDX-License-Identifier: MIT */
/*
 * The only encoder: values of a body, and whole messages of the bus itself, in native byte order.
 */
#pragma once

#include "wire/message.h"
#include "wire/reader.h"

/*
 * A body under construction. Zero padding is written as the types ask; the signature is collected
 * beside it.
 */
typedef struct Writer {
        GByteArray *body;   /* owned */
        GString *signature; /* owned; of the top level, kept up by the caller's calls */
        /* > 0: inside a container, whose signature was given when it was opened */
        unsigned depth;
        GArray *fds; /* owned; int descriptors to send, each owned; NULL: none */
        /* Size or depth is beyond the protocol's limits; what comes then is dropped */
        bool too_large;
} Writer;

void writer_init(Writer *writer);

/** writer_clear() - frees everything, closes descriptors that were added and not taken */
void writer_clear(Writer *writer);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Writer, writer_clear)

void writer_add_byte(Writer *writer, uint8_t value);
void writer_add_bool(Writer *writer, bool value);
void writer_add_u16(Writer *writer, uint16_t value);
void writer_add_u32(Writer *writer, uint32_t value);
void writer_add_i32(Writer *writer, int32_t value);
void writer_add_u64(Writer *writer, uint64_t value);

/**
 * writer_add_string() - text that is not UTF-8 gets replacement characters, as it may come from
 * anywhere
 */
void writer_add_string(Writer *writer, const char *value);
void writer_add_string_n(Writer *writer, WireString value);
void writer_add_path(Writer *writer, const char *value);
void writer_add_signature(Writer *writer, const char *value);

/** writer_add_fd() - adds a 'h' value; ownership of @fd passes to the writer */
void writer_add_fd(Writer *writer, int fd);

/**
 * writer_open_array() - starts an array
 * @element: signature of the elements
 *
 * Return: mark for writer_close_array().
 */
size_t writer_open_array(Writer *writer, const char *element);
void writer_close_array(Writer *writer, size_t mark);

/**
 * writer_open_struct() - starts a struct or, inside an array, dict entry; @signature with its
 * brackets ("(so)", "{sv}")
 */
void writer_open_struct(Writer *writer, const char *signature);
void writer_close_struct(Writer *writer);

/** writer_open_variant() - starts a variant that holds one value of type @signature */
void writer_open_variant(Writer *writer, const char *signature);
void writer_close_variant(Writer *writer);

/**
 * writer_add_value() - copies the next value of @reader, whatever type it has, to this place and
 * byte order
 *
 * Return: false when @reader fails; part of the value may have been written.
 */
bool writer_add_value(Writer *writer, Reader *reader);

/**
 * writer_add_raw() - appends stored values, which are those of the body of another Writer; @bytes
 * 8-aligned
 */
void writer_add_raw(Writer *writer, const uint8_t *bytes, size_t n_bytes, const char *signature);

/* Convenience for a{sv}: one entry each. */
void writer_add_entry_string(Writer *writer, const char *key, const char *value);
void writer_add_entry_path(Writer *writer, const char *key, const char *value);
void writer_add_entry_u32(Writer *writer, const char *key, uint32_t value);
void writer_add_entry_u64(Writer *writer, const char *key, uint64_t value);

/* Header of a message that the bus sends. Absent text: NULL, absent numbers: 0. */
typedef struct MessageHeader {
        uint8_t type, flags;
        uint32_t serial, reply_serial;
        const char *path, *interface, *member, *error_name, *destination;
} MessageHeader;

/**
 * writer_finish() - makes a message of @header and the body, with SIGNATURE and UNIX_FDS fields as
 * needed
 *
 * A body that no message can hold, which only a listing of very much can be, makes it the error
 * LimitsExceeded, one for which there is no memory NoMemory.
 *
 * @writer:      NULL for an empty body; its descriptors pass to the message; it is empty afterwards
 *               and can be used again
 * @ret_message: caller owns it (message_clear()); has a payload. SENDER is not in it:
 *               message_write_header() stamps it.
 */
void writer_finish(Writer *writer, const MessageHeader *header, Message *ret_message);
