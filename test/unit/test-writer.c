/* SPDX-License-Identifier: MIT */
#include "wire/writer.h"

#include "wire/bytes.h"
#include "wire/body.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>

#define assert_text(text, expected)                                                                \
        g_assert_cmpmem((text).data, (text).length, (expected), strlen(expected))

/* Bodies are compared as a little-endian machine writes them. */
/* What is written is valid, and the view of it is that of everybody who reads it. */
static void finish(Writer *writer, const MessageHeader *header, Message *ret_message) {
        MessageView view;

        writer_finish(writer, header, ret_message);
        g_assert_cmpint(message_parse(ret_message->view.bytes, ret_message->view.n_bytes, &view),
                        ==, MESSAGE_OK);
        g_assert_cmpmem(&view, offsetof(MessageView, spans), &ret_message->view,
                        offsetof(MessageView, spans));
        g_assert_cmpmem(view.spans, view.n_spans * sizeof view.spans[0], ret_message->view.spans,
                        view.n_spans * sizeof view.spans[0]);
}

static void assert_body(const Writer *writer, const char *signature, const char *bytes, size_t n) {
        WireString text = { .data = writer->signature->str,
                            .length = (uint32_t)writer->signature->len };

        g_assert_cmpstr(writer->signature->str, ==, signature);
        g_assert_true(body_is_valid(writer->body->data, writer->body->len, text,
                                            BYTES_NATIVE_IS_BIG));
        if (!BYTES_NATIVE_IS_BIG)
                g_assert_cmpmem(writer->body->data, writer->body->len, bytes, n);
}

#define BYTES(text) text, sizeof(text) - 1

static void test_basic(void) {
        g_auto(Writer) writer = { 0 };

        writer_init(&writer);
        writer_add_byte(&writer, 1);
        writer_add_bool(&writer, true);
        writer_add_u16(&writer, 0x0102);
        writer_add_u32(&writer, 0x01020304);
        writer_add_i32(&writer, -1);
        writer_add_u64(&writer, 5);
        writer_add_string(&writer, "hi");
        writer_add_string_n(&writer, (WireString){ .data = "cut", .length = 1 });
        writer_add_path(&writer, "/p");
        writer_add_signature(&writer, "as");
        assert_body(&writer, "ybquitssog",
                    BYTES("\1\0\0\0\1\0\0\0\2\1\0\0\4\3\2\1\377\377\377\377\0\0\0\0"
                          "\5\0\0\0\0\0\0\0\2\0\0\0hi\0\0\1\0\0\0c\0\0\0\2\0\0\0/p\0\2as\0"));
}

/* Text comes from anywhere, and what leaves must be valid. */
static void test_not_utf8(void) {
        g_auto(Writer) writer = { 0 };

        writer_init(&writer);
        writer_add_string(&writer, "a\377b");
        assert_body(&writer, "s", BYTES("\5\0\0\0a\357\277\275b\0"));
}

static void test_array(void) {
        g_auto(Writer) writer = { 0 };
        size_t outer, inner;

        writer_init(&writer);
        outer = writer_open_array(&writer, "at");
        inner = writer_open_array(&writer, "t");
        writer_close_array(&writer, inner);
        inner = writer_open_array(&writer, "t");
        writer_add_u64(&writer, 7);
        writer_close_array(&writer, inner);
        writer_close_array(&writer, outer);
        outer = writer_open_array(&writer, "s");
        writer_add_string(&writer, "x");
        writer_close_array(&writer, outer);
        assert_body(&writer, "aatas",
                    BYTES("\24\0\0\0\0\0\0\0\10\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0"
                          "\6\0\0\0\1\0\0\0x\0"));
}

static void test_struct_and_variant(void) {
        g_auto(Writer) writer = { 0 };

        writer_init(&writer);
        writer_add_byte(&writer, 9);
        writer_open_struct(&writer, "(yv)");
        writer_add_byte(&writer, 1);
        writer_open_variant(&writer, "u");
        writer_add_u32(&writer, 5);
        writer_close_variant(&writer);
        writer_close_struct(&writer);
        writer_open_variant(&writer, "s");
        writer_add_string(&writer, "x");
        writer_close_variant(&writer);
        assert_body(&writer, "y(yv)v", BYTES("\11\0\0\0\0\0\0\0\1\1u\0\5\0\0\0\1s\0\0\1\0\0\0x\0"));
}

static void test_entries(void) {
        g_auto(Writer) writer = { 0 };
        size_t mark;

        writer_init(&writer);
        mark = writer_open_array(&writer, "{sv}");
        writer_add_entry_string(&writer, "a", "b");
        writer_add_entry_path(&writer, "c", "/");
        writer_add_entry_u32(&writer, "d", 5);
        writer_close_array(&writer, mark);
        assert_body(&writer, "a{sv}",
                    BYTES("\100\0\0\0\0\0\0\0"
                          "\1\0\0\0a\0\1s\0\0\0\0\1\0\0\0b\0\0\0\0\0\0\0"
                          "\1\0\0\0c\0\1o\0\0\0\0\1\0\0\0/\0\0\0\0\0\0\0"
                          "\1\0\0\0d\0\1u\0\0\0\0\5\0\0\0"));
}

static void test_message(void) {
        MessageHeader header = {
                .type = MESSAGE_TYPE_SIGNAL,
                .flags = MESSAGE_FLAG_NO_REPLY_EXPECTED,
                .serial = 3,
                .path = "/p",
                .interface = "i.f",
                .member = "M",
                .destination = ":1.2",
        };
        g_auto(Writer) writer = { 0 };
        Message message = { 0 };

        writer_init(&writer);
        writer_add_string(&writer, "hello");
        finish(&writer, &header, &message);
        g_assert_nonnull(message.payload);
        g_assert_cmpuint(message.payload->n_bytes, ==, message.view.n_bytes);
        g_assert_cmpuint(message.view.type, ==, MESSAGE_TYPE_SIGNAL);
        g_assert_cmpuint(message.view.flags, ==, MESSAGE_FLAG_NO_REPLY_EXPECTED);
        g_assert_cmpuint(message.view.serial, ==, 3);
        assert_text(message.view.path, "/p");
        assert_text(message.view.interface, "i.f");
        assert_text(message.view.member, "M");
        assert_text(message.view.destination, ":1.2");
        assert_text(message.view.signature, "s");
        g_assert_null(message.view.sender.data);
        message_clear(&message);

        /* The writer can be used again. */
        header = (MessageHeader){ .type = MESSAGE_TYPE_METHOD_RETURN,
                                  .serial = 4,
                                  .reply_serial = 8 };
        finish(&writer, &header, &message);
        g_assert_cmpuint(message.view.n_body, ==, 0);
        g_assert_null(message.view.signature.data);
        g_assert_cmpuint(message.view.reply_serial, ==, 8);
        message_clear(&message);

        header.error_name = "e.f";
        header.type = MESSAGE_TYPE_ERROR;
        finish(NULL, &header, &message);
        assert_text(message.view.error_name, "e.f");
        message_clear(&message);
}

static void test_fds(void) {
        const MessageHeader header = {
                .type = MESSAGE_TYPE_METHOD_RETURN,
                .serial = 1,
                .reply_serial = 1,
        };
        int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int second = open("/dev/null", O_RDONLY | O_CLOEXEC);
        Message message = { 0 };
        Writer writer;

        writer_init(&writer);
        writer_add_fd(&writer, first);
        finish(&writer, &header, &message);
        g_assert_cmpuint(message.view.n_fds, ==, 1);
        g_assert_cmpuint(message.fds->n_fds, ==, 1);
        g_assert_cmpint(message.fds->fds[0], ==, first);
        message_clear(&message);
        g_assert_cmpint(fcntl(first, F_GETFD), ==, -1);

        writer_add_fd(&writer, second);
        writer_clear(&writer);
        g_assert_cmpint(fcntl(second, F_GETFD), ==, -1);
}

/* Values of a peer, copied to another offset and from the other byte order. */
static void test_add_value(void) {
        static const char big[] = "\0\0\0\1\0\0\0\2hi\0\0\0\0\0\0"
                                  "\1\1t\0\0\0\0\0\1\2\3\4\5\6\7\10"
                                  "\0\0\0\3\1\2\3\0\0\0\0\2/p\0\1d\0\0\0"
                                  "\0\0\0\20\377\376\0\0\0\0\0\0\377\375\0\0\0\0\0\1";
        const char *signature = "us(yv)ayoga(nu)";
        g_auto(Writer) writer = { 0 }, again = { 0 };
        Reader reader;

        writer_init(&writer);
        writer_init(&again);
        g_assert_true(body_is_valid((const uint8_t *)big, sizeof(big) - 1,
                                            wire_string(signature), true));
        reader_init_bytes(&reader, (const uint8_t *)big, sizeof(big) - 1, wire_string(signature),
                          true);
        writer_add_byte(&writer, 1);
        while (writer_add_value(&writer, &reader))
                ;
        g_assert_true(reader_finish(&reader));
        assert_body(&writer, "yus(yv)ayoga(nu)",
                    BYTES("\1\0\0\0\1\0\0\0\2\0\0\0hi\0\0"
                          "\1\1t\0\0\0\0\0\10\7\6\5\4\3\2\1"
                          "\3\0\0\0\1\2\3\0\2\0\0\0/p\0\1d\0\0\0"
                          "\20\0\0\0\376\377\0\0\0\0\0\0\375\377\0\0\1\0\0\0"));

        writer_add_raw(&again, writer.body->data, writer.body->len, writer.signature->str);
        g_assert_cmpmem(again.body->data, again.body->len, writer.body->data, writer.body->len);
        g_assert_cmpstr(again.signature->str, ==, writer.signature->str);

        reader_init_bytes(&reader, (const uint8_t *)"\5\0\0\0a", 5, wire_string("as"), false);
        g_assert_false(writer_add_value(&again, &reader));
}

static void assert_too_large(Writer *writer) {
        const MessageHeader header = {
                .type = MESSAGE_TYPE_METHOD_RETURN,
                .serial = 1,
                .reply_serial = 1,
        };
        Message message = { 0 };

        g_assert_true(writer->too_large);
        finish(writer, &header, &message);
        g_assert_cmpuint(message.view.type, ==, MESSAGE_TYPE_ERROR);
        assert_text(message.view.error_name, ERROR_LIMITS_EXCEEDED);
        assert_text(message.view.signature, "s");
        message_clear(&message);
        g_assert_false(writer->too_large);
}

static void test_array_too_large(void) {
        g_autofree char *part = g_strnfill(1 << 20, 'x');
        g_auto(Writer) writer = { 0 };
        size_t mark;

        writer_init(&writer);
        mark = writer_open_array(&writer, "s");
        for (unsigned i = 0; i < 64; i++)
                writer_add_string(&writer, part);
        writer_close_array(&writer, mark);
        assert_too_large(&writer);
}

static void test_body_too_large(void) {
        g_autofree char *part = g_strnfill(1 << 20, 'x');
        g_auto(Writer) writer = { 0 };

        writer_init(&writer);
        for (unsigned i = 0; i < 200; i++)
                writer_add_string(&writer, part);
        g_assert_cmpuint(writer.body->len, <, 128u << 20);
        assert_too_large(&writer);
}

static void finish_string(Writer *writer, size_t n) {
        const MessageHeader header = { .type = MESSAGE_TYPE_METHOD_RETURN,
                                       .serial = 1,
                                       .reply_serial = 1 };
        g_autofree char *text = g_strnfill(n, 'x');
        Message message;

        writer_add_string(writer, text);
        finish(writer, &header, &message);
        message_clear(&message);
        g_assert_cmpuint(writer->body->len, ==, 0);
}

/* A writer that is used again and again does not remember its largest body. */
static void test_memory(void) {
        g_auto(Writer) writer = { 0 };

        writer_init(&writer);
        finish_string(&writer, 1000);
        g_assert_cmpuint(malloc_usable_size(writer.body->data), >=, 1000);
        finish_string(&writer, 1 << 20);
        g_assert_cmpuint(malloc_usable_size(writer.body->data), <=, 64 << 10);
        finish_string(&writer, 1000);
}

/* A value that a peer nested as deep as it may is too deep inside something else. */
static void test_too_deep(void) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        g_auto(Writer) writer = { 0 };
        Reader reader;

        for (unsigned i = 0; i < 63; i++)
                g_byte_array_append(bytes, (const uint8_t *)"\1v", 3);
        g_byte_array_append(bytes, (const uint8_t *)"\1y\0x", 4);
        writer_init(&writer);
        reader_init_bytes(&reader, bytes->data, bytes->len, wire_string("v"), BYTES_NATIVE_IS_BIG);
        g_assert_true(writer_add_value(&writer, &reader));
        g_assert_false(writer.too_large);
        assert_body(&writer, "v", (const char *)bytes->data, bytes->len);

        writer_open_struct(&writer, "(v)");
        reader_init_bytes(&reader, bytes->data, bytes->len, wire_string("v"), BYTES_NATIVE_IS_BIG);
        g_assert_true(writer_add_value(&writer, &reader));
        writer_close_struct(&writer);
        assert_too_large(&writer);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/writer/basic", test_basic);
        g_test_add_func("/wire/writer/not-utf8", test_not_utf8);
        g_test_add_func("/wire/writer/array", test_array);
        g_test_add_func("/wire/writer/struct-and-variant", test_struct_and_variant);
        g_test_add_func("/wire/writer/entries", test_entries);
        g_test_add_func("/wire/writer/message", test_message);
        g_test_add_func("/wire/writer/fds", test_fds);
        g_test_add_func("/wire/writer/add-value", test_add_value);
        g_test_add_func("/wire/writer/array-too-large", test_array_too_large);
        g_test_add_func("/wire/writer/body-too-large", test_body_too_large);
        g_test_add_func("/wire/writer/too-deep", test_too_deep);
        g_test_add_func("/wire/writer/memory", test_memory);
        return g_test_run();
}
