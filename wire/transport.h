/* SPDX-License-Identifier: MIT */
/*
 * One socket: input cut into messages, output queued, both without copying more than once.
 *
 * Input is received into the arena that all transports share for one turn of the loop. Only the
 * cut-off rest of a message is kept per transport, and a large message is received straight into
 * memory of its own.
 *
 * Output of a turn is collected in blocks and sent by one system call. Small messages are copied
 * in, bodies of large ones are referenced. What the kernel does not take is kept, copied out of the
 * arena where needed, and charged to the receiver and, message by message, to its sender.
 */
#pragma once

#include "base/hash.h"
#include "base/quota.h"
#include "wire/message.h"
#include "wire/shares.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Memory for what all transports receive in one turn. */
typedef struct InputArena {
        uint8_t *bytes; /* owned; page-aligned */
        size_t size, used;
} InputArena;

#define INPUT_ARENA_SIZE (1u << 20)
#define INPUT_READ_MAX (64u << 10) /* bytes one transport reads in one turn */
#define TRANSPORT_TURN_MAX                                                                         \
        (64u << 10) /* bytes that may be queued without asking the kernel to take them */

void input_arena_init(InputArena *arena);
void input_arena_clear(InputArena *arena);

/** input_arena_reset() - everything received before is over; at the end of a turn */
void input_arena_reset(InputArena *arena);

/** input_arena_has_room() - whether one more read may be made before the turn must end */
bool input_arena_has_room(const InputArena *arena);

typedef struct OutBlock OutBlock;

/* What a transport has carried, authentication included in bytes; for statistics. */
typedef struct Traffic {
        uint64_t n_in_messages, n_in_bytes, n_out_messages, n_out_bytes;
} Traffic;

static inline void traffic_add(Traffic *sum, const Traffic *more) {
        sum->n_in_messages += more->n_in_messages;
        sum->n_in_bytes += more->n_in_bytes;
        sum->n_out_messages += more->n_out_messages;
        sum->n_out_bytes += more->n_out_bytes;
}

typedef struct Transport {
        int fd;         /* owned */
        bool reads_fds; /* descriptor passing was agreed on; else any that comes is a fault */
        bool congested; /* the kernel would not take all: wait for EPOLLOUT */
        bool has_eof;
        bool is_broken;   /* sending failed: it is to be closed, and takes no more output */
        bool wants_rearm; /* congested for want of kernel memory: no event tells when there is some
                           */
        bool gets_much;   /* its last turn's output did not fit in one small block */
        bool is_busy;     /* the last read filled its buffer: there may be more */
        bool expects_large; /* the last message was one */
        bool is_held; /* rest has whole messages: they come first, before anything is received */
        uint8_t n_in_fds;     /* descriptors that belong to messages not complete yet */
        uint32_t max_message; /* max_message_size */
        uint32_t max_fds;     /* max_message_unix_fds */
        uint8_t *rest;        /* owned; cut-off start of the next message; NULL: none */
        uint32_t n_rest;
        uint32_t n_large;      /* bytes of large that are there */
        Payload *large;        /* ref; a large message on its way in */
        int *in_fds;           /* owned array of owned descriptors; NULL while there are none */
        const uint8_t *window; /* what is still to be cut into messages, only while reading */
        size_t n_window;
        OutBlock *head, *tail; /* owned; output in order */
        Quota *quota;          /* borrowed; of this connection */
        ListNode charged;      /* OutBlock.of_sender: what others hold that this one has sent */
        uint32_t n_turn;       /* bytes queued since the last flush, while not congested */
        uint64_t n_of_bus;     /* bytes that wait, charged to no sender: what the bus has said */
        uint64_t
                *n_of_user; /* borrowed; bytes that wait for all of its user's; NULL: not counted */
        HashTable shares;      /* Share.node: what others have waiting; empty unless congested */
        ShareAccount account;  /* as a sender */
        Traffic traffic;       /* messages as cut out and queued, bytes as the kernel took them */
} Transport;

/** transport_init() - takes over @fd, a connected non-blocking AF_UNIX stream socket */
void transport_init(Transport *transport, int fd, Quota *quota);

/** transport_set_user() - from now on what waits is counted in @n_bytes, too; NULL: no more */
void transport_set_user(Transport *transport, uint64_t *n_bytes);

/** transport_clear() - closes everything; queued output is dropped and refunded, what others hold
 * of it is theirs now */
void transport_clear(Transport *transport);

typedef enum TransportResult {
        TRANSPORT_OK,
        TRANSPORT_MORE,    /* no complete message is there */
        TRANSPORT_CLOSED,  /* the peer is gone; what it sent before was delivered */
        TRANSPORT_INVALID, /* the peer broke the protocol */
        TRANSPORT_LIMIT, /* a limit of this peer does not let the message in, or there is no memory
                            for it */
} TransportResult;

/**
 * transport_read() - one recvmsg(); then transport_next() until it says MORE, then
 * transport_read_done()
 *
 * Never blocks. TRANSPORT_OK when bytes came.
 */
TransportResult transport_read(Transport *transport, InputArena *arena);

/**
 * transport_next() - cuts out and validates the next message
 * @ret_message: valid until the end of the turn unless it has a payload; message_clear() it
 */
TransportResult transport_next(Transport *transport, Message *ret_message);

/**
 * transport_hold() - to be called between messages: those that are not cut out yet wait for the
 * next read
 *
 * is_busy is set: there is something to read, though the socket will not say so.
 */
void transport_hold(Transport *transport);

/** transport_peek() - raw input for authentication: all that is in the window; then
 * transport_consume() what was used */
const uint8_t *transport_peek(const Transport *transport, size_t *ret_n_bytes);
void transport_consume(Transport *transport, size_t n_used);

/** transport_keep_bytes() - keeps what is left of raw input; more than @n_max bytes are
 * TRANSPORT_INVALID */
TransportResult transport_keep_bytes(Transport *transport, size_t n_max);

/** transport_read_done() - keeps what is left of the window for the next turn */
TransportResult transport_read_done(Transport *transport);

/**
 * transport_append() - queues one message for sending
 * @stamp:  fields of its sender
 * @sender: charged while the message waits; NULL: the bus
 *
 * Copies small messages; large bodies are referenced until the end of the turn, when
 * transport_flush() sends or keeps them. A message that is too much for a queue which has room left
 * is still taken, as the reference does.
 *
 * Room is the receiver's limit and, while it is congested, the share that the sender may have of it
 * (wire/shares.h).
 *
 * A broadcast is also refused when all connections of the receiver's user together have more waiting
 * than one may, unless this one has little.
 *
 * Return: false when the queue of the receiver has no room already, or there is no memory; nothing
 * is queued then.
 */
bool transport_append(Transport *transport, const Message *message, const MessageStamp *stamp,
                      StampForm form, Transport *sender) G_GNUC_WARN_UNUSED_RESULT;

/** transport_append_bytes() - queues raw bytes of authentication */
void transport_append_bytes(Transport *transport, const void *bytes, size_t n_bytes);

/**
 * transport_flush() - sends what is queued; one sendmsg() unless descriptors must go separately
 *
 * Sets congested when the kernel did not take all. On return nothing refers to the arena any more.
 *
 * Return: TRANSPORT_OK; TRANSPORT_CLOSED when the peer is gone.
 */
TransportResult transport_flush(Transport *transport);

/** transport_queue_is_full() - whether the queue holds its limit; a message for it would be
 * refused. Cheap */
bool transport_queue_is_full(const Transport *transport);

/**
 * transport_find_full() - which limit of the queue a message of @sender, that was not taken, ran
 * into, itself or with its share of it: QUOTA_OUTGOING_BYTES or QUOTA_OUTGOING_FDS
 */
QuotaKind transport_find_full(const Transport *transport, const Message *message,
                              ShareAccount sender);

bool transport_owes(const Transport *transport);

/**
 * transport_owes_too_much() - whether no more may be read from it for now
 *
 * More of its messages wait for others than max_incoming_bytes or _fds allow, or it does not read
 * what the bus answers. Costs nothing for those that have nothing waiting.
 */
static inline bool transport_owes_too_much(const Transport *transport) {
        return (transport->congested || !list_is_empty(&transport->charged)) &&
               transport_owes(transport);
}

/** transport_wants_flush() - whether so much was queued that it must not wait for the end of the
 * turn */
static inline bool transport_wants_flush(const Transport *transport) {
        return transport->n_turn > TRANSPORT_TURN_MAX;
}

/** transport_has_output() - whether anything waits to be sent */
static inline bool transport_has_output(const Transport *transport) {
        return transport->head != NULL;
}

/**
 * transport_drop_output() - drops and refunds what is queued; what others hold of it is theirs from
 * now on
 *
 * A part of transport_clear().
 */
void transport_drop_output(Transport *transport);

/**
 * transport_trim() - frees pooled blocks beyond a few; for idle times and for leak checks at exit
 */
void transport_trim(void);
