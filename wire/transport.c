/* SPDX-License-Identifier: MIT */
/*
 * One socket: its life and its input. Output is in transport-output.c.
 *
 * The kernel copies into the arena, messages are cut out where they lie. A cut-off rest goes to a
 * small allocation and comes back in front of the next read; a message over LARGE bytes gets its
 * own memory at once and is received into it.
 */
#include "wire/transport.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define LARGE (32u << 10) /* messages over this are received into memory of their own */

/*
 * After a large message only this much is read before it is known how large the next one is: more
 * would have to be copied to where that belongs.
 */
#define BEFORE_LARGE 512

#define ARENA_ALIGN 64

/* --- arena --- */

void input_arena_init(InputArena *arena) {
        void *bytes = mmap(NULL, INPUT_ARENA_SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (bytes == MAP_FAILED)
                g_error("out of memory");
        *arena = (InputArena){ .bytes = bytes, .size = INPUT_ARENA_SIZE };
}

void input_arena_clear(InputArena *arena) {
        if (arena->bytes)
                munmap(arena->bytes, arena->size);
        *arena = (InputArena){ 0 };
}

void input_arena_reset(InputArena *arena) {
        arena->used = 0;
}

bool input_arena_has_room(const InputArena *arena) {
        return arena->size - arena->used >= INPUT_READ_MAX + LARGE;
}

/* --- life --- */

void transport_init(Transport *transport, int fd, Quota *quota) {
        *transport = (Transport){
                .fd = fd, .quota = quota, .max_message = PROTOCOL_MAX_MESSAGE, .max_fds = FDSET_MAX
        };
        list_init(&transport->charged);
}

static void drop_large(Transport *transport) {
        if (!transport->large)
                return;
        quota_refund(transport->quota, QUOTA_INCOMING_BYTES, transport->large->n_bytes);
        g_clear_pointer(&transport->large, payload_unref);
}

void transport_clear(Transport *transport) {
        transport_drop_output(transport);
        drop_large(transport);
        g_clear_pointer(&transport->rest, g_free);
        for (unsigned i = 0; i < transport->n_in_fds; i++)
                close(transport->in_fds[i]);
        transport->n_in_fds = 0;
        g_clear_pointer(&transport->in_fds, g_free);
        if (transport->fd >= 0)
                close(transport->fd);
        transport->fd = -1;
}

/* --- input --- */

/* Keeps descriptors that came until the message that they belong to is complete. */
static TransportResult keep_fds(Transport *transport, const struct cmsghdr *control) {
        unsigned n = (unsigned)((control->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        const int *fds = (const int *)(const void *)CMSG_DATA(control);
        bool keep = transport->reads_fds && transport->n_in_fds + n <= transport->max_fds;

        if (!keep) {
                for (unsigned i = 0; i < n; i++)
                        close(fds[i]);
                return transport->reads_fds ? TRANSPORT_INVALID : TRANSPORT_OK;
        }
        transport->in_fds = g_renew(int, transport->in_fds, transport->n_in_fds + n);
        memcpy(transport->in_fds + transport->n_in_fds, fds, n * sizeof(int));
        transport->n_in_fds += (uint8_t)n;
        return TRANSPORT_OK;
}

/* Return: bytes that came, 0 for end of file, -errno; TRANSPORT_INVALID through @ret_fds. */
static ssize_t receive(Transport *transport, struct iovec *iov, unsigned n_iov,
                       TransportResult *ret_fds, bool *ret_had_fds) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(FDSET_MAX * sizeof(int))];
        } control;
        struct msghdr msg = { .msg_iov = iov,
                              .msg_iovlen = n_iov,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };
        ssize_t n = recvmsg(transport->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        *ret_fds = TRANSPORT_OK;
        *ret_had_fds = false;
        if (n < 0)
                return -errno;
        if (G_LIKELY(msg.msg_controllen == 0))
                return n;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
                        *ret_had_fds = true;
                        if (keep_fds(transport, c) != TRANSPORT_OK)
                                *ret_fds = TRANSPORT_INVALID;
                }
        if (msg.msg_flags & MSG_CTRUNC)
                *ret_fds = TRANSPORT_INVALID;
        return n;
}

static TransportResult receive_into(Transport *transport, struct iovec *iov, unsigned n_iov,
                                    size_t *ret_n) {
        TransportResult fds;
        bool had_fds;
        size_t n_max = iov[0].iov_len + (n_iov > 1 ? iov[1].iov_len : 0);
        ssize_t n = receive(transport, iov, n_iov, &fds, &had_fds);

        *ret_n = 0;
        if (n == -EAGAIN || n == -EWOULDBLOCK) {
                transport->is_busy = false;
                return TRANSPORT_MORE;
        }
        /* not the peer's fault, and nothing will tell when to try again */
        if (n == -EINTR || n == -ENOMEM || n == -ENOBUFS) {
                transport->is_busy = true;
                return TRANSPORT_MORE;
        }
        if (n <= 0)
                return TRANSPORT_CLOSED;
        if (fds != TRANSPORT_OK)
                return fds;
        /* the kernel ends a read behind descriptors even if there is more */
        transport->is_busy = (size_t)n == n_max || had_fds;
        *ret_n = (size_t)n;
        transport->traffic.n_in_bytes += (size_t)n;
        return TRANSPORT_OK;
}

static void open_window(Transport *transport, InputArena *arena, uint8_t *bytes, size_t n_bytes) {
        transport->window = bytes;
        transport->n_window = n_bytes;
        arena->used += (n_bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
}

/* What was held comes again as if it had just been received; it may be more than a rest, which is
 * what room is for. */
static TransportResult read_held(Transport *transport, InputArena *arena) {
        uint8_t *to = arena->bytes + arena->used;

        memcpy(to, transport->rest, transport->n_rest);
        open_window(transport, arena, to, transport->n_rest);
        transport->n_rest = 0;
        g_clear_pointer(&transport->rest, g_free);
        transport->is_held = false;
        transport->is_busy = true;
        return TRANSPORT_OK;
}

/* The rest of a large message goes where it belongs, what follows it into the arena: so a short
 * read is seen as one. */
static TransportResult read_large(Transport *transport, InputArena *arena) {
        Payload *large = transport->large;
        size_t n, n_missing = large->n_bytes - transport->n_large;
        struct iovec iov[2] = { { payload_bytes(large) + transport->n_large, n_missing },
                                { arena->bytes + arena->used, BEFORE_LARGE } };
        TransportResult result = receive_into(transport, iov, 2, &n);

        transport->n_large += (uint32_t)MIN(n, n_missing);
        if (n > n_missing)
                open_window(transport, arena, iov[1].iov_base, n - n_missing);
        return result;
}

TransportResult transport_read(Transport *transport, InputArena *arena) {
        size_t n;

        transport->window = NULL;
        transport->n_window = 0;
        if (G_UNLIKELY(transport->is_held))
                return read_held(transport, arena);
        if (transport->large)
                return read_large(transport, arena);
        uint8_t *to = arena->bytes + arena->used;
        size_t n_max = transport->expects_large ? BEFORE_LARGE : INPUT_READ_MAX;
        struct iovec iov = { to + transport->n_rest, n_max };
        TransportResult result = receive_into(transport, &iov, 1, &n);
        if (result != TRANSPORT_OK)
                return result;
        if (transport->n_rest > 0) {
                memcpy(to, transport->rest, transport->n_rest);
                n += transport->n_rest;
                transport->n_rest = 0;
                g_clear_pointer(&transport->rest, g_free);
        }
        open_window(transport, arena, to, n);
        return TRANSPORT_OK;
}

/* Takes the descriptors that belong to a message from those that have come. */
static TransportResult take_fds(Transport *transport, Message *message) {
        unsigned n = message->view.n_fds;

        if (G_LIKELY(n == 0))
                return TRANSPORT_OK;
        if (n > transport->n_in_fds || n > transport->max_fds)
                return TRANSPORT_INVALID;
        message->fds = fdset_new(transport->in_fds, n);
        transport->n_in_fds -= (uint8_t)n;
        memmove(transport->in_fds, transport->in_fds + n, transport->n_in_fds * sizeof(int));
        if (transport->n_in_fds == 0)
                g_clear_pointer(&transport->in_fds, g_free);
        return TRANSPORT_OK;
}

static TransportResult next_large(Transport *transport, Message *ret_message) {
        Payload *large = transport->large;
        Message message = { 0 };

        if (transport->n_large < large->n_bytes)
                return TRANSPORT_MORE;
        if (message_parse(payload_bytes(large), large->n_bytes, &message.view) != MESSAGE_OK)
                return TRANSPORT_INVALID;
        TransportResult result = take_fds(transport, &message);
        if (result != TRANSPORT_OK)
                return result;
        quota_refund(transport->quota, QUOTA_INCOMING_BYTES, large->n_bytes);
        message.payload = g_steal_pointer(&transport->large);
        transport->traffic.n_in_messages++;
        *ret_message = message;
        return TRANSPORT_OK;
}

TransportResult transport_next(Transport *transport, Message *ret_message) {
        if (transport->large)
                return next_large(transport, ret_message);
        if (transport->n_window < PROTOCOL_FIXED_HEADER)
                return TRANSPORT_MORE;
        size_t size = message_frame_size(transport->window, transport->max_message);
        if (size == 0)
                return TRANSPORT_INVALID;
        if (size > transport->n_window)
                return TRANSPORT_MORE;
        ret_message->payload = NULL;
        ret_message->fds = NULL;
        if (message_parse(transport->window, size, &ret_message->view) != MESSAGE_OK)
                return TRANSPORT_INVALID;
        transport->window += size;
        transport->n_window -= size;
        transport->traffic.n_in_messages++;
        return take_fds(transport, ret_message);
}

const uint8_t *transport_peek(const Transport *transport, size_t *ret_n_bytes) {
        *ret_n_bytes = transport->n_window;
        return transport->window;
}

void transport_consume(Transport *transport, size_t n_used) {
        transport->window += n_used;
        transport->n_window -= n_used;
}

/* A message that is on its way in counts as held for its sender; a container's share is a hard
 * limit. */
static TransportResult start_large(Transport *transport, size_t size) {
        Quota *quota = transport->quota;

        if (quota->parent && !quota_has_room(quota->parent, QUOTA_INCOMING_BYTES, size))
                return TRANSPORT_LIMIT;
        Payload *large = payload_new(size);
        if (!large)
                return TRANSPORT_LIMIT;
        quota_charge_over(quota, QUOTA_INCOMING_BYTES, size);
        memcpy(payload_bytes(large), transport->window, transport->n_window);
        transport->large = large;
        transport->n_large = (uint32_t)transport->n_window;
        transport->n_window = 0;
        transport->expects_large = true;
        return TRANSPORT_OK;
}

static void keep_rest(Transport *transport) {
        if (transport->n_window == 0)
                return;
        transport->rest = g_memdup2(transport->window, transport->n_window);
        transport->n_rest = (uint32_t)transport->n_window;
        transport->n_window = 0;
}

TransportResult transport_keep_bytes(Transport *transport, size_t n_max) {
        if (transport->n_window > n_max)
                return TRANSPORT_INVALID;
        keep_rest(transport);
        return TRANSPORT_OK;
}

TransportResult transport_read_done(Transport *transport) {
        size_t size = 0;

        if (transport->n_window >= PROTOCOL_FIXED_HEADER)
                size = message_frame_size(transport->window, transport->max_message);
        if (size > LARGE && size > transport->n_window)
                return start_large(transport, size);
        transport->expects_large = false;
        return transport_keep_bytes(transport, LARGE);
}

void transport_hold(Transport *transport) {
        transport->is_busy = true;
        transport->is_held = transport->n_window > 0;
        keep_rest(transport);
}
