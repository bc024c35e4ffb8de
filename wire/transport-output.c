/* SPDX-License-Identifier: MIT */
/*
 * What a transport sends: a list of blocks. While the socket takes everything ("turn mode") a block
 * collects messages of all senders:
 *
 *      head -> [ hdr body hdr body hdr ] -> [ref: large body] -> [ hdr body ... ] <- tail
 *
 * One system call sends them all, and the blocks go back to a pool. When the kernel takes less,
 * what is left is charged to the receiver, its references into the arena become copies, and the
 * transport is congested: from then on each block belongs to one sender, is charged to it as well
 * and counts for its share, until the queue has drained. A block with descriptors starts a system
 * call of its own, since they arrive with the first byte of one; it holds no other message, so that
 * it can be dropped as a whole when the kernel refuses the descriptors.
 */
#include "wire/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define COPY_MAX (8u << 10) /* bodies over this are referenced, not copied into a block */
#define SMALL_BLOCK 768u /* bytes of a block, its struct included, for who gets little in a turn   \
                          */
#define LARGE_BLOCK (16u << 10) /* and for who gets more */
#define POOL_BYTES (256u << 10) /* of each kind, kept for the next turns */
#define IOV_MAX_PER_SEND 64
#define FEW_OF_MAX 64 /* this part of its limit is little for a queue */
#define OF_BUS_MAX                                                                                 \
        (4u << 20) /* unread answers of the bus beyond which a connection is not read either */

struct OutBlock {
        OutBlock *next;
        const uint8_t *data; /* what is still to be sent */
        size_t n;            /* bytes of it */
        size_t room;         /* bytes that may be appended behind it, in own[] */
        Payload *payload;    /* ref; data lies in it; NULL: in own[] or in the arena */
        FdSet *fds;          /* ref; go with the first byte */
        ListNode of_sender;  /* in sender->charged */
        Transport *sender;   /* charged for n_charged bytes; NULL: the bus, gone, or turn mode */
        Share *share; /* counted, of that sender; stays when it goes; NULL: the bus, or turn mode */
        size_t n_charged;  /* charged to the receiver (and the sender); 0 in turn mode */
        Transport *from;   /* turn mode: sender of all that is in it; NULL: several, or the bus */
        struct Pool *pool; /* where it goes to be used again; NULL: freed */
        bool is_reference; /* data is not in own[] */
        bool continues;    /* goes on with the message of the block before it */
        bool is_owed; /* also counts as held for its sender: what is addressed to the receiver */
        uint8_t own[];
};

/*
 * Blocks of one size that wait to be used again. A broadcast takes one for each receiver at once.
 */
typedef struct Pool {
        OutBlock *first;
        size_t block_size;
        unsigned n_blocks;
} Pool;

static Pool small_pool = { .block_size = SMALL_BLOCK }, large_pool = { .block_size = LARGE_BLOCK };

static void block_refund(Transport *receiver, OutBlock *block, size_t n_bytes, unsigned n_fds) {
        if (receiver->n_of_user)
                *receiver->n_of_user -= n_bytes;
        quota_refund(receiver->quota, QUOTA_OUTGOING_BYTES, n_bytes);
        quota_refund(receiver->quota, QUOTA_OUTGOING_FDS, n_fds);
        if (block->share)
                share_refund(block->share, n_bytes, n_fds);
        else
                receiver->n_of_bus -= n_bytes;
        if (!block->sender || !block->is_owed)
                return;
        quota_refund(block->sender->quota, QUOTA_INCOMING_BYTES, n_bytes);
        quota_refund(block->sender->quota, QUOTA_INCOMING_FDS, n_fds);
}

static unsigned block_n_fds(const OutBlock *block) {
        return block->fds ? block->fds->n_fds : 0;
}

static void block_free(Transport *receiver, OutBlock *block) {
        if (block->n_charged > 0)
                block_refund(receiver, block, block->n_charged, block_n_fds(block));
        if (block->share)
                share_put(&receiver->shares, block->share);
        list_remove(&block->of_sender);
        payload_unref(block->payload);
        fdset_unref(block->fds);
        Pool *pool = block->pool;
        if (pool && pool->n_blocks * pool->block_size < POOL_BYTES) {
                block->next = pool->first;
                pool->first = block;
                pool->n_blocks++;
                return;
        }
        g_free(block);
}

static void pop_block(Transport *transport) {
        OutBlock *block = transport->head;

        transport->head = block->next;
        if (!transport->head)
                transport->tail = NULL;
        block_free(transport, block);
}

/* The sender goes: what others still hold of it is counted against them only. */
static void disown_sent(Transport *sender) {
        LIST_FOREACH(node, &sender->charged) {
                OutBlock *block = CONTAINER_OF(node, OutBlock, of_sender);

                if (block->is_owed) {
                        quota_refund(sender->quota, QUOTA_INCOMING_BYTES, block->n_charged);
                        quota_refund(sender->quota, QUOTA_INCOMING_FDS, block_n_fds(block));
                }
                block->sender = NULL;
                list_remove(node);
        }
}

void transport_drop_output(Transport *transport) {
        while (transport->head)
                pop_block(transport);
        disown_sent(transport);
}

static void pool_clear(Pool *pool) {
        while (pool->first) {
                OutBlock *block = pool->first;

                pool->first = block->next;
                g_free(block);
        }
        pool->n_blocks = 0;
}

void transport_trim(void) {
        pool_clear(&small_pool);
        pool_clear(&large_pool);
}

static OutBlock *push(Transport *transport, OutBlock *block) {
        block->next = NULL;
        if (transport->tail)
                transport->tail->next = block;
        else
                transport->head = block;
        transport->tail = block;
        return block;
}

static OutBlock *push_pooled(Transport *transport, Pool *pool) {
        OutBlock *block = pool->first;

        if (block) {
                pool->first = block->next;
                pool->n_blocks--;
        } else
                block = g_malloc(pool->block_size);
        *block = (OutBlock){ .room = pool->block_size - sizeof *block, .pool = pool };
        block->data = block->own;
        return push(transport, block);
}

/*
 * A signal to whoever wants it is dropped where the queue is full: it cannot make a receiver hold
 * too much, and must not count against its sender once for each receiver that is slow.
 */
static bool is_owed(const Message *message) {
        return message->view.destination.data != NULL;
}

static OutBlock *push_reference(Transport *transport, const Message *message, Transport *from) {
        OutBlock *block = g_new0(OutBlock, 1);

        block->is_reference = block->continues = true;
        block->from = from;
        block->is_owed = is_owed(message);
        block->data = message_view_body(&message->view);
        block->n = message->view.n_body;
        if (message->payload)
                block->payload = payload_ref(message->payload);
        return push(transport, block);
}

/* Writes header and, if @with_body, body behind what is in @block, which has room for it. */
static void write_message(OutBlock *block, const Message *message, const MessageStamp *stamp,
                          StampForm form, bool with_body) {
        uint8_t *to = (uint8_t *)block->data + block->n;
        size_t n = message_write_header(&message->view, stamp, form, to);

        if (with_body) {
                memcpy(to + n, message_view_body(&message->view), message->view.n_body);
                n += message->view.n_body;
        }
        block->n += n;
        block->room -= n;
}

/* A block of its own for what fits in no pooled one: a message with a very long header. */
static OutBlock *push_sized(Transport *transport, size_t n_bytes) {
        OutBlock *block = g_try_malloc(sizeof *block + n_bytes);

        if (!block)
                return NULL;
        *block = (OutBlock){ .room = n_bytes };
        block->data = block->own;
        return push(transport, block);
}

/*
 * A block with room for @n bytes behind the last one. The first of a turn is small, unless the
 * receiver got more in the turn before.
 */
static OutBlock *push_in_turn(Transport *transport, size_t n) {
        if (n > LARGE_BLOCK - sizeof(OutBlock))
                return push_sized(transport, n);
        if (transport->tail)
                transport->gets_much = true;
        if (transport->gets_much || n > SMALL_BLOCK - sizeof(OutBlock))
                return push_pooled(transport, &large_pool);
        return push_pooled(transport, &small_pool);
}

static bool append_in_turn(Transport *transport, const Message *message, const MessageStamp *stamp,
                           StampForm form, Transport *sender) {
        bool with_body = message->view.n_body <= COPY_MAX;
        size_t n = message_stamped_header_size(&message->view, stamp, form) +
                   (with_body ? message->view.n_body : 0);
        OutBlock *block = transport->tail;

        if (!block || block->room < n || message->fds) {
                block = push_in_turn(transport, n);
                if (!block)
                        return false;
        }
        write_message(block, message, stamp, form, with_body);
        transport->n_turn += (uint32_t)n;
        if (message->fds) {
                block->fds = fdset_ref(message->fds);
                block->from = sender;
                block->is_owed = is_owed(message);
                block->room = 0;
        }
        if (!with_body) {
                push_reference(transport, message, sender);
                transport->n_turn += message->view.n_body;
        }
        return true;
}

static void charge(Transport *transport, OutBlock *block, size_t n_bytes, unsigned n_fds,
                   Transport *sender) {
        if (sender && !block->sender) {
                block->sender = sender;
                block->share = share_get(&transport->shares, sender->account);
                list_append(&sender->charged, &block->of_sender);
        }
        if (block->share)
                share_charge(block->share, n_bytes, n_fds);
        else
                transport->n_of_bus += n_bytes;
        if (transport->n_of_user)
                *transport->n_of_user += n_bytes;
        quota_charge_over(transport->quota, QUOTA_OUTGOING_BYTES, n_bytes);
        quota_charge_over(transport->quota, QUOTA_OUTGOING_FDS, n_fds);
        if (sender && block->is_owed) {
                quota_charge_over(sender->quota, QUOTA_INCOMING_BYTES, n_bytes);
                quota_charge_over(sender->quota, QUOTA_INCOMING_FDS, n_fds);
        }
        block->n_charged += n_bytes;
}

bool transport_queue_is_full(const Transport *transport) {
        return transport->congested &&
               (!quota_has_room(transport->quota, QUOTA_OUTGOING_BYTES, 0) ||
                !quota_has_room(transport->quota, QUOTA_OUTGOING_FDS, 0));
}

static bool share_is_full(const Transport *transport, ShareAccount sender, ShareKind kind) {
        QuotaKind counted = kind == SHARE_BYTES ? QUOTA_OUTGOING_BYTES : QUOTA_OUTGOING_FDS;
        const Quota *quota = transport->quota;

        return !share_has_room(&transport->shares, sender, kind, quota->limits->max[counted],
                               quota->used[counted]);
}

QuotaKind transport_find_full(const Transport *transport, const Message *message,
                              ShareAccount sender) {
        if (!quota_has_room(transport->quota, QUOTA_OUTGOING_BYTES, 0))
                return QUOTA_OUTGOING_BYTES;
        if (!quota_has_room(transport->quota, QUOTA_OUTGOING_FDS, 0))
                return QUOTA_OUTGOING_FDS;
        if (message->fds && !share_is_full(transport, sender, SHARE_BYTES))
                return QUOTA_OUTGOING_FDS;
        return QUOTA_OUTGOING_BYTES;
}

void transport_set_user(Transport *transport, uint64_t *n_bytes) {
        uint64_t waiting = transport->quota->used[QUOTA_OUTGOING_BYTES];

        if (transport->n_of_user)
                *transport->n_of_user -= waiting;
        transport->n_of_user = n_bytes;
        if (n_bytes)
                *n_bytes += waiting;
}

/*
 * Nobody pays for a broadcast but its receivers: a user with many connections that do not read must
 * not hold a queue of the full size for each. One that is only slow for a moment keeps its signals.
 */
static bool user_has_enough(const Transport *transport) {
        uint64_t max = transport->quota->limits->max[QUOTA_OUTGOING_BYTES];

        return transport->n_of_user && *transport->n_of_user > max &&
               transport->quota->used[QUOTA_OUTGOING_BYTES] > max / FEW_OF_MAX;
}

/* Whether the sender's share of a congested queue has room. The bus has no share; only the whole
 * limit binds it. */
static bool may_add(const Transport *transport, const Message *message, const Transport *sender) {
        if (transport_queue_is_full(transport) ||
            (!is_owed(message) && user_has_enough(transport)))
                return false;
        if (!sender)
                return true;
        return !share_is_full(transport, sender->account, SHARE_BYTES) &&
               !(message->fds && share_is_full(transport, sender->account, SHARE_FDS));
}

bool transport_owes(const Transport *transport) {
        const Quota *quota = transport->quota;
        uint64_t arriving = transport->large ? transport->large->n_bytes : 0;

        if (transport->n_of_bus > MIN(OF_BUS_MAX, quota->limits->max[QUOTA_OUTGOING_BYTES] / 4))
                return true;
        if (quota->used[QUOTA_INCOMING_BYTES] - arriving > quota->limits->max[QUOTA_INCOMING_BYTES])
                return true;
        return !quota_has_room(quota, QUOTA_INCOMING_FDS, 0) ||
               (quota->parent && !quota_has_room(quota->parent, QUOTA_INCOMING_BYTES, 0));
}

/* The last block, if it is of @sender and has room; blocks of one sender grow as it goes on. */
static OutBlock *kept_block(Transport *transport, size_t n, const Transport *sender,
                            const Message *message) {
        OutBlock *tail = transport->tail;
        bool owed = is_owed(message), alone = message->fds != NULL;
        size_t size = MAX(n, 256);

        if (tail && tail->n_charged > 0 && tail->sender == sender && tail->is_owed == owed &&
            !alone) {
                if (tail->room >= n)
                        return tail;
                size = MAX(n, MIN(LARGE_BLOCK, 2 * tail->n_charged));
        }
        OutBlock *block = push_sized(transport, size);
        if (!block)
                return NULL;
        block->is_owed = owed;
        if (alone)
                block->room = n;
        return block;
}

/* In a congested queue every message waits for the account of its sender. */
static bool append_kept(Transport *transport, const Message *message, const MessageStamp *stamp,
                        StampForm form, Transport *sender) {
        const MessageView *view = &message->view;
        bool shared = message->payload && view->n_body > COPY_MAX;
        size_t n = message_stamped_header_size(view, stamp, form) + (shared ? 0 : view->n_body);

        if (!may_add(transport, message, sender))
                return false;
        OutBlock *block = kept_block(transport, n, sender, message);
        if (!block)
                return false;
        write_message(block, message, stamp, form, !shared);
        if (message->fds) {
                block->fds = fdset_ref(message->fds);
                block->room = 0;
        }
        charge(transport, block, n, block_n_fds(block), sender);
        if (shared) {
                OutBlock *body = push_reference(transport, message, NULL);

                charge(transport, body, body->n, 0, sender);
        }
        return true;
}

bool transport_append(Transport *transport, const Message *message, const MessageStamp *stamp,
                      StampForm form, Transport *sender) {
        if (G_UNLIKELY(transport->is_broken))
                return true;
        transport->traffic.n_out_messages++;
        if (G_LIKELY(!transport->congested))
                return append_in_turn(transport, message, stamp, form, sender);
        return append_kept(transport, message, stamp, form, sender);
}

void transport_append_bytes(Transport *transport, const void *bytes, size_t n_bytes) {
        OutBlock *block = transport->tail;

        if (!block || block->room < n_bytes)
                block = push_in_turn(transport, n_bytes);
        if (!block)
                return;
        memcpy((uint8_t *)block->data + block->n, bytes, n_bytes);
        block->n += n_bytes;
        block->room -= n_bytes;
        if (transport->congested)
                charge(transport, block, n_bytes, 0, NULL);
}

/* Fills @iov with what may go in one call: up to the next block with descriptors. */
static unsigned gather(const Transport *transport, struct iovec *iov) {
        unsigned n = 0;

        for (OutBlock *block = transport->head; block && n < IOV_MAX_PER_SEND;
             block = block->next) {
                if (n > 0 && block->fds)
                        break;
                iov[n++] = (struct iovec){ .iov_base = (void *)block->data, .iov_len = block->n };
        }
        return n;
}

/* The usual case, which spares the kernel a vector. */
static inline ssize_t send_one(const Transport *transport) {
        return send(transport->fd, transport->head->data, transport->head->n,
                    MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t send_many(const Transport *transport) {
        struct iovec iov[IOV_MAX_PER_SEND];
        struct msghdr msg = { .msg_iov = iov, .msg_iovlen = gather(transport, iov) };
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(FDSET_MAX * sizeof(int))];
        } control;
        const FdSet *fds = transport->head->fds;

        if (fds) {
                msg.msg_control = &control;
                msg.msg_controllen = CMSG_SPACE(fds->n_fds * sizeof(int));
                memset(&control, 0, msg.msg_controllen);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(fds->n_fds * sizeof(int));
                memcpy(CMSG_DATA(&control.header), fds->fds, fds->n_fds * sizeof(int));
        }
        return sendmsg(transport->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t send_some(const Transport *transport) {
        const OutBlock *head = transport->head;
        ssize_t n = !head->next && !head->fds ? send_one(transport) : send_many(transport);

        return n < 0 ? -errno : n;
}

/* Takes @n sent bytes off the head of the queue; descriptors are gone with the first of them. */
static void advance(Transport *transport, size_t n) {
        transport->traffic.n_out_bytes += n;
        while (transport->head && n >= transport->head->n) {
                n -= transport->head->n;
                pop_block(transport);
        }
        OutBlock *block = transport->head;
        if (!block || n == 0)
                return;
        if (block->n_charged > 0)
                block_refund(transport, block, 0, block_n_fds(block));
        g_clear_pointer(&block->fds, fdset_unref);
        block->data += n;
        block->n -= n;
}

/* Too many descriptors are in flight: the message that has them is lost, as in the reference
 * implementation. */
static void drop_first_message(Transport *transport) {
        pop_block(transport);
        while (transport->head && transport->head->continues)
                pop_block(transport);
}

/* What stays in the queue after a turn is charged, and must not point into the arena. */
static bool keep_output(Transport *transport) {
        for (OutBlock *block = transport->head; block; block = block->next) {
                if (block->is_reference && !block->payload) {
                        Payload *copy = payload_new(block->n);

                        if (!copy)
                                return false;
                        memcpy(payload_bytes(copy), block->data, block->n);
                        block->payload = copy;
                        block->data = payload_bytes(copy);
                }
                if (block->n_charged == 0) {
                        block->room = 0;
                        charge(transport, block, block->n, block_n_fds(block), block->from);
                }
        }
        return true;
}

/* Nobody will read any of it: what is still sent there before it is closed is not even queued. */
static TransportResult broken(Transport *transport) {
        transport->is_broken = true;
        return TRANSPORT_CLOSED;
}

static TransportResult stay_congested(Transport *transport, bool no_event) {
        bool was_congested = transport->congested;

        transport->congested = true;
        transport->wants_rearm = no_event;
        if (!was_congested && !keep_output(transport))
                return broken(transport);
        return TRANSPORT_OK;
}

TransportResult transport_flush(Transport *transport) {
        if (G_UNLIKELY(transport->is_broken))
                return TRANSPORT_CLOSED;
        transport->n_turn = 0;
        transport->gets_much =
                transport->head && (transport->head->next || transport->head->n > SMALL_BLOCK);
        while (transport->head) {
                ssize_t n = send_some(transport);

                if (n == -EINTR)
                        continue;
                if (n == -ETOOMANYREFS && transport->head->fds) {
                        drop_first_message(transport);
                        continue;
                }
                if (n == -EAGAIN || n == -EWOULDBLOCK || n == -ENOBUFS || n == -ENOMEM)
                        return stay_congested(transport, n == -ENOBUFS || n == -ENOMEM);
                if (n < 0)
                        return broken(transport);
                advance(transport, (size_t)n);
        }
        transport->congested = false;
        return TRANSPORT_OK;
}
