/* SPDX-License-Identifier: MIT */
/*
 * One transport between two plain sockets: the test writes what a client would, and reads what a
 * receiver gets. Every case ends with all charges refunded.
 */
#include "wire/transport.h"
#include "wire/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct End {
        Transport transport;
        Quota quota;
        int peer; /* the client's end */
} End;

static const QuotaLimits roomy = { .max = { 1u << 30, 1000, 1u << 30, 1000, 100, 100, 100, 100,
                                            100 } };

static void end_init(End *end, const QuotaLimits *limits) {
        int fds[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), ==,
                        0);
        quota_init(&end->quota, NULL, limits, 1);
        transport_init(&end->transport, fds[0], &end->quota);
        end->transport.reads_fds = true;
        end->peer = fds[1];
}

static void end_clear(End *end) {
        transport_clear(&end->transport);
        quota_clear(&end->quota);
        if (end->peer >= 0)
                close(end->peer);
}

/* Whom messages are addressed to; NULL: to whoever wants them. */
static const char *destination = ":1.9";

/* A signal with a byte array of @n_body bytes, as a client sends it; @serial tells messages apart.
 */
static void make_message(Message *ret_message, uint32_t serial, size_t n_body, int fd) {
        g_auto(Writer) body;
        size_t mark;

        writer_init(&body);
        if (fd >= 0)
                writer_add_fd(&body, fcntl(fd, F_DUPFD_CLOEXEC, 3));
        mark = writer_open_array(&body, "y");
        for (size_t i = 0; i < n_body; i++)
                writer_add_byte(&body, (uint8_t)(serial + i));
        writer_close_array(&body, mark);
        writer_finish(&body,
                      &(MessageHeader){ .type = MESSAGE_TYPE_SIGNAL,
                                        .serial = serial,
                                        .path = "/a",
                                        .interface = "a.b",
                                        .member = "C",
                                        .destination = destination },
                      ret_message);
}

static void send_all(int fd, const void *bytes, size_t n) {
        g_assert_cmpint(send(fd, bytes, n, MSG_NOSIGNAL), ==, (ssize_t)n);
}

static void client_sends(End *end, const Message *message) {
        send_all(end->peer, message->view.bytes, message->view.n_bytes);
}

static const MessageStamp *stamp(void) {
        static MessageStamp stamp;

        message_stamp_init(&stamp, ":1.1", "/c");
        return &stamp;
}

/* --- input --- */

static void test_pipelined(void) {
        InputArena arena;
        End end;
        Message out, in;

        input_arena_init(&arena);
        end_init(&end, &roomy);
        for (uint32_t serial = 1; serial <= 20; serial++) {
                make_message(&out, serial, serial, -1);
                client_sends(&end, &out);
                message_clear(&out);
        }
        g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_OK);
        for (uint32_t serial = 1; serial <= 20; serial++) {
                g_assert_cmpint(transport_next(&end.transport, &in), ==, TRANSPORT_OK);
                g_assert_cmpuint(in.view.serial, ==, serial);
                g_assert_null(in.payload);
                message_clear(&in);
        }
        g_assert_cmpint(transport_next(&end.transport, &in), ==, TRANSPORT_MORE);
        g_assert_cmpint(transport_read_done(&end.transport), ==, TRANSPORT_OK);
        g_assert_false(end.transport.is_busy);
        end_clear(&end);
        input_arena_clear(&arena);
}

/* Every way to cut a message in two gives the same message. */
static void test_cut_anywhere(gconstpointer data) {
        size_t n_body = GPOINTER_TO_SIZE(data), step;
        InputArena arena;
        Message out, in;
        End end;

        input_arena_init(&arena);
        make_message(&out, 7, n_body, -1);
        step = MAX(1, out.view.n_bytes / 97);
        for (size_t cut = 1; cut < out.view.n_bytes; cut += step) {
                unsigned n_messages = 0;

                end_init(&end, &roomy);
                for (unsigned half = 0; half < 2; half++) {
                        if (half == 0)
                                send_all(end.peer, out.view.bytes, cut);
                        else
                                send_all(end.peer, out.view.bytes + cut, out.view.n_bytes - cut);
                        while (transport_read(&end.transport, &arena) == TRANSPORT_OK) {
                                while (transport_next(&end.transport, &in) == TRANSPORT_OK) {
                                        n_messages++;
                                        g_assert_cmpmem(in.view.bytes, in.view.n_bytes,
                                                        out.view.bytes, out.view.n_bytes);
                                        message_clear(&in);
                                }
                                g_assert_cmpint(transport_read_done(&end.transport), ==,
                                                TRANSPORT_OK);
                        }
                        g_assert_cmpuint(n_messages, ==, half);
                        input_arena_reset(&arena);
                }
                end_clear(&end);
        }
        message_clear(&out);
        input_arena_clear(&arena);
}

/* What comes behind a large message, in the same read as its end, is not lost and not delivered
 * before it. */
static void test_behind_large(void) {
        InputArena arena;
        Message large, small, in;
        uint32_t expected = 1;
        End end;

        input_arena_init(&arena);
        end_init(&end, &roomy);
        make_message(&large, 1, 120000, -1);
        make_message(&small, 2, 10, -1);
        send_all(end.peer, large.view.bytes, 50000);
        for (unsigned part = 0; part < 2; part++) {
                while (transport_read(&end.transport, &arena) == TRANSPORT_OK) {
                        while (transport_next(&end.transport, &in) == TRANSPORT_OK) {
                                g_assert_cmpuint(in.view.serial, ==, expected++);
                                message_clear(&in);
                        }
                        g_assert_cmpint(transport_read_done(&end.transport), ==, TRANSPORT_OK);
                        input_arena_reset(&arena);
                }
                if (part > 0)
                        break;
                send_all(end.peer, large.view.bytes + 50000, large.view.n_bytes - 50000);
                send_all(end.peer, small.view.bytes, small.view.n_bytes);
        }
        g_assert_cmpuint(expected, ==, 3);
        message_clear(&large);
        message_clear(&small);
        end_clear(&end);
        input_arena_clear(&arena);
}

static void test_garbage(void) {
        static const char garbage[64] = "GET / HTTP/1.0\r\n\r\n";
        InputArena arena;
        Message in;
        End end;

        input_arena_init(&arena);
        end_init(&end, &roomy);
        send_all(end.peer, garbage, sizeof garbage);
        g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_OK);
        g_assert_cmpint(transport_next(&end.transport, &in), ==, TRANSPORT_INVALID);
        end_clear(&end);
        input_arena_clear(&arena);
}

static void test_too_long(void) {
        InputArena arena;
        Message out, in;
        End end;

        input_arena_init(&arena);
        end_init(&end, &roomy);
        make_message(&out, 1, 1000, -1);
        end.transport.max_message = out.view.n_bytes - 1;
        client_sends(&end, &out);
        g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_OK);
        g_assert_cmpint(transport_next(&end.transport, &in), ==, TRANSPORT_INVALID);
        message_clear(&out);
        end_clear(&end);
        input_arena_clear(&arena);
}

static void test_hang_up(void) {
        InputArena arena;
        End end;

        input_arena_init(&arena);
        end_init(&end, &roomy);
        g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_MORE);
        close(end.peer);
        end.peer = -1;
        g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_CLOSED);
        end_clear(&end);
        input_arena_clear(&arena);
}

/* A container that holds too much already may not start another large message. */
static void test_large_over_share(void) {
        static const QuotaLimits tight = { .max = { 20000, 10, 1u << 20, 10, 1, 1, 1, 1, 1 } };
        InputArena arena;
        Quota container;
        Message out, in;
        End end;

        input_arena_init(&arena);
        quota_init(&container, NULL, &tight, 4);
        end_init(&end, &tight);
        end.quota.parent = &container;
        make_message(&out, 1, 90000, -1);
        send_all(end.peer, out.view.bytes, 50000);
        g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_OK);
        g_assert_cmpint(transport_next(&end.transport, &in), ==, TRANSPORT_MORE);
        g_assert_cmpint(transport_read_done(&end.transport), ==, TRANSPORT_LIMIT);
        message_clear(&out);
        end_clear(&end);
        quota_clear(&container);
        input_arena_clear(&arena);
}

/* --- descriptors --- */

static bool is_same_file(int a, int b) {
        struct stat sa, sb;

        return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_ino == sb.st_ino &&
               sa.st_dev == sb.st_dev;
}

static void send_with_fd(int to, const Message *message, int fd) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec iov = { (void *)message->view.bytes, message->view.n_bytes };
        struct msghdr msg = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };

        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
        g_assert_cmpint(sendmsg(to, &msg, MSG_NOSIGNAL), ==, (ssize_t)message->view.n_bytes);
}

static void test_fds_come_with_message(void) {
        InputArena arena;
        Message plain, out, in;
        int pipe_fds[2];
        End end;

        input_arena_init(&arena);
        end_init(&end, &roomy);
        g_assert_cmpint(pipe2(pipe_fds, O_CLOEXEC), ==, 0);
        make_message(&plain, 1, 4, -1);
        make_message(&out, 2, 4, pipe_fds[0]);
        client_sends(&end, &plain);
        send_with_fd(end.peer, &out, pipe_fds[0]);
        client_sends(&end, &plain);
        for (uint32_t i = 0; i < 3;) {
                g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_OK);
                while (transport_next(&end.transport, &in) == TRANSPORT_OK) {
                        g_assert_cmpuint(in.fds ? in.fds->n_fds : 0, ==, i == 1 ? 1 : 0);
                        if (in.fds)
                                g_assert_true(is_same_file(in.fds->fds[0], pipe_fds[0]));
                        message_clear(&in);
                        i++;
                }
                g_assert_cmpint(transport_read_done(&end.transport), ==, TRANSPORT_OK);
        }
        message_clear(&plain);
        message_clear(&out);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        end_clear(&end);
        input_arena_clear(&arena);
}

static void test_missing_fds(void) {
        InputArena arena;
        Message out, in;
        End end;

        input_arena_init(&arena);
        end_init(&end, &roomy);
        make_message(&out, 2, 4, STDERR_FILENO);
        client_sends(&end, &out);
        g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_OK);
        g_assert_cmpint(transport_next(&end.transport, &in), ==, TRANSPORT_INVALID);
        message_clear(&out);
        end_clear(&end);
        input_arena_clear(&arena);
}

/* --- output --- */

/* Reads what came at @end's peer into another transport and checks that serials go on from
 * *@serial. */
static void expect_serials(End *end, Transport *reader, uint32_t *serial, uint32_t until) {
        InputArena arena;
        Message in;

        input_arena_init(&arena);
        while (*serial < until) {
                if (transport_read(reader, &arena) != TRANSPORT_OK) {
                        g_assert_cmpint(transport_flush(&end->transport), ==, TRANSPORT_OK);
                        continue;
                }
                while (transport_next(reader, &in) == TRANSPORT_OK) {
                        g_assert_cmpuint(in.view.serial, ==, ++*serial);
                        g_assert_cmpstr(in.view.sender.data, ==, ":1.1");
                        message_clear(&in);
                }
                g_assert_cmpint(transport_read_done(reader), ==, TRANSPORT_OK);
                input_arena_reset(&arena);
        }
        input_arena_clear(&arena);
}

static void reader_init_at(End *end, Transport *reader, Quota *quota) {
        quota_init(quota, NULL, &roomy, 1);
        transport_init(reader, end->peer, quota);
        reader->reads_fds = true;
        end->peer = -1;
}

/* Small and large, copied and shared, in one turn and into a full socket: all arrive, in order,
 * once. */
static void test_order_through_congestion(void) {
        static const size_t sizes[] = { 0, 100, 9000, 40000, 300000, 16, 8192, 8193 };
        uint32_t sent = 0, received = 0;
        Transport reader;
        Quota quota;
        End end, sender;

        end_init(&end, &roomy);
        end_init(&sender, &roomy);
        reader_init_at(&end, &reader, &quota);
        for (unsigned turn = 0; turn < 40; turn++) {
                for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
                        Message message;

                        make_message(&message, ++sent, sizes[(i + turn) % G_N_ELEMENTS(sizes)], -1);
                        g_assert_true(transport_append(&end.transport, &message, stamp(),
                                                       STAMP_SENDER, &sender.transport));
                        /* a body without a payload of its own is only there until the end of the
                         * turn */
                        if (turn % 2)
                                g_clear_pointer(&message.payload, payload_unref);
                        else
                                g_assert_cmpint(transport_flush(&end.transport), ==, TRANSPORT_OK);
                        message_clear(&message);
                }
                if (turn == 10)
                        g_assert_true(end.transport.congested);
                if (turn == 20)
                        g_assert_cmpuint(sender.quota.used[QUOTA_INCOMING_BYTES], >, 0);
        }
        expect_serials(&end, &reader, &received, sent);
        g_assert_cmpint(transport_flush(&end.transport), ==, TRANSPORT_OK);
        g_assert_false(end.transport.congested);
        g_assert_cmpuint(sender.quota.used[QUOTA_INCOMING_BYTES], ==, 0);
        transport_clear(&reader);
        quota_clear(&quota);
        end_clear(&sender);
        end_clear(&end);
        transport_trim();
}

/* Bodies that lie in memory which is used again after the turn are copied when the socket is full.
 */
static void test_borrowed_body_is_kept(void) {
        Message message;
        Transport reader;
        uint32_t received = 0;
        Quota quota;
        End end;

        end_init(&end, &roomy);
        reader_init_at(&end, &reader, &quota);
        make_message(&message, 1, 4u << 20, -1);
        g_autofree uint8_t *arena = g_memdup2(message.view.bytes, message.view.n_bytes);
        Message borrowed = { 0 };
        g_assert_cmpint(message_parse(arena, message.view.n_bytes, &borrowed.view), ==, MESSAGE_OK);
        g_assert_true(transport_append(&end.transport, &borrowed, stamp(), STAMP_SENDER, NULL));
        g_assert_cmpint(transport_flush(&end.transport), ==, TRANSPORT_OK);
        g_assert_true(end.transport.congested);
        memset(arena, 0xff, message.view.n_bytes);
        expect_serials(&end, &reader, &received, 1);
        message_clear(&message);
        transport_clear(&reader);
        quota_clear(&quota);
        end_clear(&end);
}

/* Appends messages of @n_body bytes until one is refused. Return: bytes that wait then. */
static uint64_t fill(End *end, Transport *sender, size_t n_body) {
        for (uint32_t serial = 1;; serial++) {
                Message message;
                bool taken;

                make_message(&message, serial, n_body, -1);
                taken = transport_append(&end->transport, &message, stamp(), STAMP_SENDER, sender);
                message_clear(&message);
                if (!taken)
                        return end->quota.used[QUOTA_OUTGOING_BYTES];
                g_assert_cmpuint(serial, <, 1000);
                g_assert_cmpint(transport_flush(&end->transport), ==, TRANSPORT_OK);
        }
}

static void test_full_queue_refuses(void) {
        static const QuotaLimits tight = { .max = { 100000, 10, 100000, 10, 1, 1, 1, 1, 1 } };
        End end;

        end_init(&end, &tight);
        /* at most one message more than the limit is held */
        g_assert_cmpuint(fill(&end, NULL, 20000), <, 100000 + 21000);
        g_assert_true(transport_queue_is_full(&end.transport));
        end_clear(&end);
}

/* One sender cannot fill a queue, nor can many of one user, and there is room for the next one
 * always. */
static void test_fair_shares(void) {
        static const QuotaLimits tight = { .max = { 1u << 30, 10, 1000000, 10, 1, 1, 1, 1, 1 } };
        uint64_t before, after;
        End end, senders[6];

        end_init(&end, &tight);
        for (unsigned i = 0; i < G_N_ELEMENTS(senders); i++) {
                end_init(&senders[i], &tight);
                senders[i].transport.account =
                        (ShareAccount){ .user = i < 4 ? 1000 : 1001, .sender = i };
        }
        before = fill(&end, &senders[0].transport, 1000);
        g_assert_cmpuint(before, >, 370000);
        g_assert_cmpuint(before, <, 380000);
        /* going does not give a share back that still waits */
        end_clear(&senders[0]);
        for (unsigned i = 1; i < 4; i++) {
                after = fill(&end, &senders[i].transport, 1000);
                g_assert_cmpuint(after, >, before);
                before = after;
        }
        g_assert_cmpuint(before, <, 760000);
        after = fill(&end, &senders[4].transport, 1000);
        g_assert_cmpuint(after, >, before + 80000);
        /* the bus itself may use the rest */
        g_assert_false(transport_queue_is_full(&end.transport));
        g_assert_cmpuint(fill(&end, NULL, 1000), >, 1000000);
        g_assert_true(transport_queue_is_full(&end.transport));
        g_assert_cmpuint(fill(&end, &senders[5].transport, 1000), <, 1002000);
        for (unsigned i = 1; i < G_N_ELEMENTS(senders); i++)
                end_clear(&senders[i]);
        end_clear(&end);
}

/* What cannot be cut out now comes first in the next read, which asks the socket for nothing. */
static void test_held_messages(void) {
        Message message, in;
        InputArena arena;
        End end;

        end_init(&end, &roomy);
        input_arena_init(&arena);
        for (uint32_t serial = 1; serial <= 3; serial++) {
                make_message(&message, serial, 100, -1);
                client_sends(&end, &message);
                message_clear(&message);
        }
        g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_OK);
        for (uint32_t serial = 1; serial <= 3; serial++) {
                g_assert_cmpint(transport_next(&end.transport, &in), ==, TRANSPORT_OK);
                g_assert_cmpuint(in.view.serial, ==, serial);
                transport_hold(&end.transport);
                g_assert_true(end.transport.is_busy);
                input_arena_reset(&arena);
                if (serial < 3)
                        g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_OK);
        }
        g_assert_cmpint(transport_read(&end.transport, &arena), ==, TRANSPORT_MORE);
        input_arena_clear(&arena);
        end_clear(&end);
}

/* Who does not read what the bus answers is not read from either. */
static void test_unread_answers(void) {
        static const QuotaLimits tight = { .max = { 100000, 10, 400000, 10, 1, 1, 1, 1, 1 } };
        Message message;
        End end;

        end_init(&end, &tight);
        make_message(&message, 1, 30000, -1);
        while (!transport_owes_too_much(&end.transport)) {
                g_assert_true(
                        transport_append(&end.transport, &message, stamp(), STAMP_SENDER, NULL));
                g_assert_cmpint(transport_flush(&end.transport), ==, TRANSPORT_OK);
                g_assert_false(transport_queue_is_full(&end.transport));
        }
        g_assert_cmpuint(end.quota.used[QUOTA_OUTGOING_BYTES], <, 100000 + 31000);
        message_clear(&message);
        end_clear(&end);
}

static void test_sender_owes(void) {
        static const QuotaLimits tight = { .max = { 50000, 10, 1u << 20, 10, 1, 1, 1, 1, 1 } };
        End end, sender;
        Message message;

        end_init(&end, &roomy);
        end_init(&sender, &tight);
        make_message(&message, 1, 60000, -1);
        for (unsigned i = 0; i < 10; i++) {
                g_assert_true(transport_append(&end.transport, &message, stamp(), STAMP_SENDER,
                                               &sender.transport));
                g_assert_cmpint(transport_flush(&end.transport), ==, TRANSPORT_OK);
        }
        g_assert_true(transport_owes_too_much(&sender.transport));
        end_clear(&end);
        g_assert_false(transport_owes_too_much(&sender.transport));
        message_clear(&message);
        end_clear(&sender);
}

/* However many receivers do not read, a broadcast never counts against its sender, and is dropped
 * where it is too much. */
static void test_broadcast_is_not_owed(void) {
        static const QuotaLimits tight = { .max = { 50000, 10, 100000, 10, 1, 1, 1, 1, 1 } };
        unsigned n_dropped = 0;
        Message message;
        End ends[5], sender;

        end_init(&sender, &tight);
        destination = NULL;
        make_message(&message, 1, 20000, -1);
        destination = ":1.9";
        for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++)
                end_init(&ends[i], &tight);
        for (unsigned round = 0; round < 30; round++)
                for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++) {
                        Transport *to = &ends[i].transport;

                        n_dropped += !transport_append(to, &message, stamp(), STAMP_SENDER,
                                                       &sender.transport);
                        g_assert_cmpint(transport_flush(to), ==, TRANSPORT_OK);
                }
        g_assert_cmpuint(n_dropped, >, 0);
        g_assert_cmpuint(sender.quota.used[QUOTA_INCOMING_BYTES], ==, 0);
        g_assert_false(transport_owes_too_much(&sender.transport));
        message_clear(&message);
        end_clear(&sender);
        for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++)
                end_clear(&ends[i]);
}

static void test_fds_go_with_message(void) {
        Message plain, with;
        Transport reader;
        InputArena arena;
        unsigned n = 0;
        Message in;
        Quota quota;
        End end;

        input_arena_init(&arena);
        end_init(&end, &roomy);
        reader_init_at(&end, &reader, &quota);
        make_message(&plain, 1, 10, -1);
        make_message(&with, 2, 10, STDERR_FILENO);
        for (unsigned i = 0; i < 3; i++) {
                g_assert_true(
                        transport_append(&end.transport, &plain, stamp(), STAMP_SENDER, NULL));
                g_assert_true(transport_append(&end.transport, &with, stamp(), STAMP_SENDER, NULL));
        }
        g_assert_cmpint(transport_flush(&end.transport), ==, TRANSPORT_OK);
        while (transport_read(&reader, &arena) == TRANSPORT_OK) {
                /* as a strict client does: descriptors are there with the message, not before it */
                g_assert_cmpuint(reader.n_in_fds, <=, 1);
                while (transport_next(&reader, &in) == TRANSPORT_OK) {
                        g_assert_cmpuint(in.fds ? in.fds->n_fds : 0, ==, n % 2);
                        message_clear(&in);
                        n++;
                }
                g_assert_cmpint(transport_read_done(&reader), ==, TRANSPORT_OK);
        }
        g_assert_cmpuint(n, ==, 6);
        message_clear(&plain);
        message_clear(&with);
        transport_clear(&reader);
        quota_clear(&quota);
        end_clear(&end);
        input_arena_clear(&arena);
}

static void test_peer_gone(void) {
        Message message;
        End end;

        end_init(&end, &roomy);
        close(end.peer);
        end.peer = -1;
        make_message(&message, 1, 10, -1);
        g_assert_true(transport_append(&end.transport, &message, stamp(), STAMP_SENDER, NULL));
        g_assert_cmpint(transport_flush(&end.transport), ==, TRANSPORT_CLOSED);
        message_clear(&message);
        end_clear(&end);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/transport/pipelined", test_pipelined);
        g_test_add_data_func("/wire/transport/cut-small", GSIZE_TO_POINTER(5), test_cut_anywhere);
        g_test_add_data_func("/wire/transport/cut-large", GSIZE_TO_POINTER(100000),
                             test_cut_anywhere);
        g_test_add_func("/wire/transport/behind-large", test_behind_large);
        g_test_add_func("/wire/transport/garbage", test_garbage);
        g_test_add_func("/wire/transport/too-long", test_too_long);
        g_test_add_func("/wire/transport/hang-up", test_hang_up);
        g_test_add_func("/wire/transport/large-over-share", test_large_over_share);
        g_test_add_func("/wire/transport/fds-come-with-message", test_fds_come_with_message);
        g_test_add_func("/wire/transport/missing-fds", test_missing_fds);
        g_test_add_func("/wire/transport/order-through-congestion", test_order_through_congestion);
        g_test_add_func("/wire/transport/borrowed-body-is-kept", test_borrowed_body_is_kept);
        g_test_add_func("/wire/transport/full-queue-refuses", test_full_queue_refuses);
        g_test_add_func("/wire/transport/fair-shares", test_fair_shares);
        g_test_add_func("/wire/transport/held-messages", test_held_messages);
        g_test_add_func("/wire/transport/unread-answers", test_unread_answers);
        g_test_add_func("/wire/transport/sender-owes", test_sender_owes);
        g_test_add_func("/wire/transport/broadcast-is-not-owed", test_broadcast_is_not_owed);
        g_test_add_func("/wire/transport/fds-go-with-message", test_fds_go_with_message);
        g_test_add_func("/wire/transport/peer-gone", test_peer_gone);
        return g_test_run();
}
