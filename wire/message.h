/* SPDX-License-Identifier: MIT */
/*
 * A D-Bus message as the bus sees it: validated bytes and a view of offsets into them.
 *
 * The view copies nothing and allocates nothing. All text it points to lies inside the message and
 * is followed by a NUL there. The bytes of a Message live either for the current turn of the loop
 * only (payload NULL), or as long as a reference to its payload is held.
 */
#pragma once

#include "base/fdset.h"
#include "wire/protocol.h"
#include "wire/text.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A run of header fields that is forwarded; offsets from the start of the message. */
typedef struct FieldSpan {
        uint32_t start; /* multiple of 8 */
        uint32_t end;   /* end of the last field's value, without padding */
} FieldSpan;

/* Each known field occurs at most once, so what is cut lies between at most this many kept runs. */
#define MESSAGE_MAX_SPANS 10

/* Most bytes of the SENDER and CONTAINER fields, padding included. */
#define MESSAGE_MAX_STAMP 104

/* Longest LSM label that is put into a header, with its final NUL. */
#define MESSAGE_MAX_LABEL 256

/*
 * Most that stamping adds to a header, padding included: the stamp, two numbers, and a label behind
 * its code, signature and length. Messages that would then be too large are refused.
 */
#define MESSAGE_MAX_ADDED (MESSAGE_MAX_STAMP + 2 * 8 + 16 + MESSAGE_MAX_LABEL)

typedef struct MessageView {
        const uint8_t *bytes; /* the whole message, at any alignment */
        uint32_t n_bytes;
        uint32_t body_offset; /* multiple of 8 */
        uint32_t n_body;
        uint32_t serial, reply_serial; /* never 0 where required; reply_serial 0 when absent */
        uint32_t n_fds;                /* UNIX_FDS field, 0 when absent */
        uint8_t type, flags;
        bool big_endian;
        uint8_t n_spans;
        WireString path, interface, member, error_name, destination, sender, signature;
        /* Fields to forward: known ones without SENDER and CONTAINER, merged where adjacent. */
        FieldSpan spans[MESSAGE_MAX_SPANS];
} MessageView;

static inline const uint8_t *message_view_body(const MessageView *view) {
        return view->bytes + view->body_offset;
}

static inline bool message_view_expects_reply(const MessageView *view) {
        return view->type == MESSAGE_TYPE_METHOD_CALL &&
               !(view->flags & MESSAGE_FLAG_NO_REPLY_EXPECTED);
}

/* Reference counted memory of a message that is kept or shared. */
typedef struct Payload {
        unsigned n_refs;
        size_t n_bytes;
        uint64_t alignment[]; /* the bytes follow, 8-aligned */
} Payload;

/**
 * payload_new() - room for @n_bytes, which a peer may have chosen and the caller has charged; NULL:
 * no memory
 */
Payload *payload_new(size_t n_bytes);

/** payload_new_or_abort() - the same for what is small whatever peers do; ends the process if there is no memory */
Payload *payload_new_or_abort(size_t n_bytes);
Payload *payload_ref(Payload *payload);
void payload_unref(Payload *payload);

static inline uint8_t *payload_bytes(Payload *payload) {
        return (uint8_t *)payload->alignment;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Payload, payload_unref)

typedef struct Message {
        MessageView view;
        Payload *payload; /* ref; NULL: the bytes are borrowed for this turn */
        FdSet *fds;       /* ref; NULL: none */
} Message;

/** message_clear() - drops what @message holds, not the struct itself */
void message_clear(Message *message);

/**
 * message_copy() - a message that outlives the turn
 * @message: its bytes are copied unless they already have a payload; descriptors are shared
 *
 * Return: newly allocated, free with message_free(); NULL when there is no memory of that size.
 */
Message *message_copy(const Message *message);

/** message_free() - message_clear() and the struct; NULL is fine */
void message_free(Message *message);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Message, message_free)

/**
 * message_frame_size() - size of the message that starts at @bytes
 * @bytes:    at least PROTOCOL_FIXED_HEADER of them are there
 * @max_size: limit of the connection (max_message_size), at most PROTOCOL_MAX_MESSAGE
 *
 * Looks at byte order, version and the two lengths only.
 *
 * Return: bytes of the whole message, at least 16; 0 when it can be no message of at most @max_size
 * bytes.
 */
size_t message_frame_size(const uint8_t *bytes, size_t max_size);

/* Why a message was refused; for the log and tests, the peer is disconnected in any case. */
typedef enum MessageError {
        MESSAGE_OK,
        MESSAGE_BAD_HEADER,    /* type 0, serial 0, lengths, version */
        MESSAGE_BAD_FIELD,     /* a field's type, value, padding; twice; a required one missing */
        MESSAGE_BAD_BODY,      /* body does not fit its signature */
        MESSAGE_BAD_FDS,       /* UNIX_FDS says other than came */
        MESSAGE_RESERVED_NAME, /* path or interface of org.freedesktop.DBus.Local */
} MessageError;

/**
 * message_parse() - validates a whole message and fills a view of it
 * @bytes:    at any alignment (messages follow each other without padding); exactly one message of
 *            @n_bytes as message_frame_size() said
 * @ret_view: borrows @bytes; to be read on MESSAGE_OK only
 *
 * Validates all that the specification asks ("Message Format", "Marshaling", "Valid Names"): header
 * fields of known codes, required fields of each type, names, zero padding, booleans, UTF-8, array
 * and nesting limits, body against signature. Unknown message types (> 4) and unknown fields are
 * valid; unknown fields still must be well-formed. A header or message within MESSAGE_MAX_ADDED
 * bytes of the protocol's limits is refused: stamped it would break the connection of whoever
 * received it. One pass, no allocation. How many descriptors came is the caller's to compare with
 * view->n_fds.
 */
MessageError message_parse(const uint8_t *bytes, size_t n_bytes, MessageView *ret_view);

/**
 * message_view_own() - fills the view of a message that the bus has just written
 *
 * For the writer: reads, but does not check, what it has made sure of. Half the cost of
 * message_parse() for a signal of the driver.
 */
void message_view_own(const uint8_t *bytes, size_t n_bytes, MessageView *ret_view);

/* What is known of a sender, for the fields FIELD_SENDER_UID, _PID and _LABEL. */
typedef struct StampFacts {
        bool has_uid, has_pid;
        uint32_t uid, pid;
        uint32_t n_label; /* with its NUL, at most MESSAGE_MAX_LABEL; 0: none */
        char label[];
} StampFacts;

/*
 * Header fields that the bus adds: SENDER, then CONTAINER and facts for who asked. Each field starts
 * 8-aligned; the last one has no padding behind it.
 */
typedef struct MessageStamp {
        StampFacts *facts; /* owned; freed by whose stamp it is; NULL: nobody asked yet */
        uint8_t n_sender; /* bytes of the SENDER field, without padding behind it */
        uint8_t n_both;   /* bytes of SENDER and CONTAINER together */
        /* SENDER, zero padding, CONTAINER; little-endian */
        uint8_t bytes[MESSAGE_MAX_STAMP];
} MessageStamp;

/**
 * message_stamp_init() - makes the fields of one sender
 * @sender:    unique name or org.freedesktop.DBus
 * @container: path of the sender's container, "/" for none; both are the bus's own and fit
 *             MESSAGE_MAX_STAMP
 */
void message_stamp_init(MessageStamp *stamp, const char *sender, const char *container);

/* Which fields a receiver gets. */
typedef enum StampForm {
        STAMP_SENDER = 0,
        STAMP_SENDER_AND_CONTAINER = 1 << 0,
        STAMP_UID = 1 << 1,
        STAMP_PID = 1 << 2,
        STAMP_LABEL = 1 << 3,
} StampForm;

#define STAMP_FACTS (STAMP_UID | STAMP_PID | STAMP_LABEL)

/**
 * message_stamped_header_size() - bytes of header (multiple of 8) that message_write_header() will
 * write
 */
size_t message_stamped_header_size(const MessageView *view, const MessageStamp *stamp,
                                   StampForm form);

/**
 * message_write_header() - the header as receivers get it: kept fields, then the stamp, then
 * padding
 * @out: 8-aligned or not; room for message_stamped_header_size() bytes
 *
 * What the sender put into SENDER, CONTAINER and unknown fields is not written. The body follows
 * unchanged.
 *
 * Return: bytes written.
 */
size_t message_write_header(const MessageView *view, const MessageStamp *stamp, StampForm form,
                            uint8_t *out);
