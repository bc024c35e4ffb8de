/* SPDX-License-Identifier: MIT */
#include "test/unit/raw-message.h"
#include "wire/arguments.h"

#include <fcntl.h>
#include <unistd.h>

#define assert_text(text, expected)                                                                \
        g_assert_cmpmem((text).data, (text).length, (expected), strlen(expected))

/* A method call with every field that one may have, and a body. */
static void make_call(RawMessage *raw, bool big_endian) {
        raw_start(raw, MESSAGE_TYPE_METHOD_CALL, big_endian);
        raw_text_field(raw, FIELD_PATH, "o", "/a/b");
        raw_text_field(raw, FIELD_INTERFACE, "s", "c.d");
        raw_text_field(raw, FIELD_MEMBER, "s", "Efg");
        raw_text_field(raw, FIELD_DESTINATION, "s", ":1.23");
        raw_text_field(raw, FIELD_SIGNATURE, "g", "yy");
        raw_end(raw, "\1\2", 2);
}

static void test_view(void) {
        for (int big_endian = 0; big_endian < 2; big_endian++) {
                g_auto(RawMessage) raw = { 0 };
                MessageView view;

                make_call(&raw, big_endian);
                raw.bytes->data[2] = MESSAGE_FLAG_NO_AUTO_START;
                g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_OK);
                g_assert_cmpuint(view.type, ==, MESSAGE_TYPE_METHOD_CALL);
                g_assert_cmpuint(view.flags, ==, MESSAGE_FLAG_NO_AUTO_START);
                g_assert_cmpuint(view.serial, ==, 7);
                g_assert_cmpuint(view.reply_serial, ==, 0);
                g_assert_cmpuint(view.n_fds, ==, 0);
                g_assert_cmpint(view.big_endian, ==, big_endian);
                g_assert_cmpuint(view.n_bytes, ==, raw.bytes->len);
                g_assert_cmpuint(view.n_body, ==, 2);
                g_assert_cmpuint(view.body_offset % 8, ==, 0);
                g_assert_cmpmem(message_view_body(&view), view.n_body, "\1\2", 2);
                assert_text(view.path, "/a/b");
                assert_text(view.interface, "c.d");
                assert_text(view.member, "Efg");
                assert_text(view.destination, ":1.23");
                assert_text(view.signature, "yy");
                g_assert_null(view.sender.data);
                g_assert_null(view.error_name.data);
                g_assert_cmpuint(view.n_spans, ==, 1);
                g_assert_cmpuint(view.spans[0].start, ==, 16);
        }
}

static void test_view_of_error(void) {
        g_auto(RawMessage) raw = { 0 };
        MessageView view;

        raw_start(&raw, MESSAGE_TYPE_ERROR, false);
        raw_u32_field(&raw, FIELD_UNIX_FDS, 3);
        raw_text_field(&raw, FIELD_ERROR_NAME, "s", "x.y");
        raw_text_field(&raw, FIELD_SENDER, "s", ":1.5");
        raw_u32_field(&raw, FIELD_REPLY_SERIAL, 9);
        raw_end(&raw, NULL, 0);
        g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_OK);
        g_assert_cmpuint(view.reply_serial, ==, 9);
        g_assert_cmpuint(view.n_fds, ==, 3);
        assert_text(view.error_name, "x.y");
        assert_text(view.sender, ":1.5");
        g_assert_cmpuint(view.n_spans, ==, 2);
}

/* Messages follow each other without padding, so that they start anywhere. */
static void test_unaligned(void) {
        for (size_t shift = 1; shift < 8; shift++) {
                g_auto(RawMessage) raw = { 0 };
                g_autofree uint8_t *moved = NULL;
                MessageView view;

                make_call(&raw, false);
                moved = g_malloc(raw.bytes->len + shift);
                memcpy(moved + shift, raw.bytes->data, raw.bytes->len);
                g_assert_cmpint(message_parse(moved + shift, raw.bytes->len, &view), ==,
                                MESSAGE_OK);
                assert_text(view.member, "Efg");
        }
}

/* "Message Format": lengths, byte order and version; then limits. */
static void test_frame_size(void) {
        static const struct {
                const char *header;
                size_t max_size, size;
        } cases[] = {
                { "l\1\0\1\0\0\0\0\1\0\0\0\0\0\0\0", 1000, 16 },
                { "l\1\0\1\3\0\0\0\1\0\0\0\1\0\0\0", 1000, 27 },
                { "B\1\0\1\0\0\0\3\0\0\0\1\0\0\0\10", 1000, 27 },
                { "l\1\0\1\3\0\0\0\1\0\0\0\1\0\0\0", 27, 27 },
                { "l\1\0\1\3\0\0\0\1\0\0\0\1\0\0\0", 26, 0 },
                { "b\1\0\1\0\0\0\0\1\0\0\0\0\0\0\0", 1000, 0 },
                { "l\1\0\2\0\0\0\0\1\0\0\0\0\0\0\0", 1000, 0 },
                { "l\1\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 1000, 0 },
                { "l\1\0\1\377\377\377\377\1\0\0\0\377\377\377\377", SIZE_MAX, 0 },
                { "l\1\0\1\0\0\0\0\1\0\0\0\371\377\377\377", SIZE_MAX, 0 },
                { "l\1\0\1\0\0\0\0\1\0\0\0\1\0\0\4", SIZE_MAX, 0 },  /* 64 MiB and one */
                { "l\1\0\1\0\0\0\10\1\0\0\0\0\0\0\0", SIZE_MAX, 0 }, /* 128 MiB and more */
                { "l\1\0\1\0\0\0\7\1\0\0\0\0\0\0\0", SIZE_MAX, (112u << 20) + 16 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpuint(
                        message_frame_size((const uint8_t *)cases[i].header, cases[i].max_size), ==,
                        cases[i].size);
}

static void test_bad_header(void) {
        static const struct {
                unsigned offset, value;
        } cases[] = {
                { 0, 'x' }, { 0, 'B' }, { 1, 0 }, { 3, 0 },  { 3, 2 },
                { 4, 3 },   { 4, 1 },   { 8, 0 }, { 15, 1 },
        };
        g_auto(RawMessage) raw = { 0 };
        MessageView view;

        make_call(&raw, false);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                uint8_t *byte = raw.bytes->data + cases[i].offset, saved = *byte;

                *byte = (uint8_t)cases[i].value;
                g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_BAD_HEADER);
                *byte = saved;
        }
        for (size_t n = 0; n < raw.bytes->len; n++)
                g_assert_cmpint(message_parse(raw.bytes->data, n, &view), ==, MESSAGE_BAD_HEADER);
        g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_OK);
}

/* "Header Fields": "Required In" */
static void test_required_fields(void) {
        static const struct {
                uint8_t type;
                const char *fields; /* p, i, m, e, r: which are there */
                MessageError error;
        } cases[] = {
                { MESSAGE_TYPE_METHOD_CALL, "pm", MESSAGE_OK },
                { MESSAGE_TYPE_METHOD_CALL, "pimer", MESSAGE_OK },
                { MESSAGE_TYPE_METHOD_CALL, "p", MESSAGE_BAD_FIELD },
                { MESSAGE_TYPE_METHOD_CALL, "im", MESSAGE_BAD_FIELD },
                { MESSAGE_TYPE_METHOD_RETURN, "r", MESSAGE_OK },
                { MESSAGE_TYPE_METHOD_RETURN, "pime", MESSAGE_BAD_FIELD },
                { MESSAGE_TYPE_ERROR, "er", MESSAGE_OK },
                { MESSAGE_TYPE_ERROR, "e", MESSAGE_BAD_FIELD },
                { MESSAGE_TYPE_ERROR, "r", MESSAGE_BAD_FIELD },
                { MESSAGE_TYPE_SIGNAL, "pim", MESSAGE_OK },
                { MESSAGE_TYPE_SIGNAL, "pm", MESSAGE_BAD_FIELD },
                { MESSAGE_TYPE_SIGNAL, "pi", MESSAGE_BAD_FIELD },
                { MESSAGE_TYPE_SIGNAL, "im", MESSAGE_BAD_FIELD },
                { 5, "", MESSAGE_OK }, /* unknown types are ignored by who gets them */
                { 255, "", MESSAGE_OK },
                { 0, "pimer", MESSAGE_BAD_HEADER },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(RawMessage) raw = { 0 };
                MessageView view;

                raw_start(&raw, cases[i].type, i % 2);
                if (strchr(cases[i].fields, 'p'))
                        raw_text_field(&raw, FIELD_PATH, "o", "/");
                if (strchr(cases[i].fields, 'i'))
                        raw_text_field(&raw, FIELD_INTERFACE, "s", "a.b");
                if (strchr(cases[i].fields, 'm'))
                        raw_text_field(&raw, FIELD_MEMBER, "s", "m");
                if (strchr(cases[i].fields, 'e'))
                        raw_text_field(&raw, FIELD_ERROR_NAME, "s", "e.f");
                if (strchr(cases[i].fields, 'r'))
                        raw_u32_field(&raw, FIELD_REPLY_SERIAL, 1);
                raw_end(&raw, NULL, 0);
                g_assert_cmpint(raw_parse(&raw, &view), ==, cases[i].error);
        }
}

/* Values of the text fields: that each is checked as what it is. */
static void test_field_values(void) {
        static const struct {
                uint8_t code;
                const char *type, *text;
                MessageError error;
        } cases[] = {
                { FIELD_PATH, "o", "/x", MESSAGE_OK },
                { FIELD_PATH, "o", "/x/", MESSAGE_BAD_FIELD },
                { FIELD_PATH, "s", "/x", MESSAGE_BAD_FIELD },
                { FIELD_PATH, "o", DBUS_LOCAL_PATH, MESSAGE_RESERVED_NAME },
                { FIELD_PATH, "o", DBUS_LOCAL_PATH "/x", MESSAGE_OK },
                { FIELD_INTERFACE, "s", "a.b", MESSAGE_OK },
                { FIELD_INTERFACE, "s", "a", MESSAGE_BAD_FIELD },
                { FIELD_INTERFACE, "o", "/a", MESSAGE_BAD_FIELD },
                { FIELD_INTERFACE, "s", DBUS_LOCAL_INTERFACE, MESSAGE_RESERVED_NAME },
                { FIELD_INTERFACE, "s", DBUS_LOCAL_INTERFACE "2", MESSAGE_OK },
                { FIELD_MEMBER, "s", "a.b", MESSAGE_BAD_FIELD },
                { FIELD_MEMBER, "s", "", MESSAGE_BAD_FIELD },
                { FIELD_ERROR_NAME, "s", "a.b", MESSAGE_OK },
                { FIELD_ERROR_NAME, "s", "a", MESSAGE_BAD_FIELD },
                { FIELD_DESTINATION, "s", "a-b.c", MESSAGE_OK },
                { FIELD_DESTINATION, "s", ":1.2", MESSAGE_OK },
                { FIELD_DESTINATION, "s", "a", MESSAGE_BAD_FIELD },
                { FIELD_SENDER, "s", "a.b", MESSAGE_OK },
                { FIELD_SENDER, "s", "a..b", MESSAGE_BAD_FIELD },
                { FIELD_SENDER, "o", "/a", MESSAGE_BAD_FIELD },
                { FIELD_SIGNATURE, "g", "", MESSAGE_OK },
                { FIELD_SIGNATURE, "g", "a", MESSAGE_BAD_FIELD },
                { FIELD_SIGNATURE, "s", "", MESSAGE_BAD_FIELD },
                { FIELD_REPLY_SERIAL, "s", "1234", MESSAGE_BAD_FIELD },
                { FIELD_UNIX_FDS, "s", "1234", MESSAGE_BAD_FIELD },
                { FIELD_INVALID, "s", "x", MESSAGE_BAD_FIELD },
                { FIELD_CONTAINER, "o", "/x", MESSAGE_OK },
                { FIELD_CONTAINER, "s", "\xc3\xa9", MESSAGE_OK }, /* cut out anyway */
                { FIELD_CONTAINER, "s", "\xff", MESSAGE_BAD_FIELD },
                { 11, "g", "a{sv}", MESSAGE_OK },
                { 11, "g", "a", MESSAGE_BAD_FIELD },
                { 255, "o", "/", MESSAGE_OK },
                { 255, "o", "", MESSAGE_BAD_FIELD },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(RawMessage) raw = { 0 };
                MessageView view;

                raw_start(&raw, 5, i % 2);
                raw_text_field(&raw, cases[i].code, cases[i].type, cases[i].text);
                raw_end(&raw, NULL, 0);
                if (raw_parse(&raw, &view) != cases[i].error)
                        g_error("field %u '%s': not %d", cases[i].code, cases[i].text,
                                cases[i].error);
        }
}

/* Header fields written as bytes; the message is little-endian and of an unknown type. */
static void test_field_bytes(void) {
        static const struct {
                const char *what, *bytes;
                size_t n;
                MessageError error;
        } cases[] = {
#define FIELDS(text) text, sizeof(text) - 1
                { "none", FIELDS(""), MESSAGE_OK },
                { "one", FIELDS("\3\1s\0\1\0\0\0x\0"), MESSAGE_OK },
                { "empty signature", FIELDS("\10\1g\0\0\0"), MESSAGE_OK },
                { "two", FIELDS("\3\1s\0\1\0\0\0x\0\0\0\0\0\0\0\11\1u\0\0\0\0\0"), MESSAGE_OK },
                { "padding is part of the array", FIELDS("\3\1s\0\1\0\0\0x\0\0\0\0\0\0\0"),
                  MESSAGE_BAD_FIELD },
                { "padding in part", FIELDS("\3\1s\0\1\0\0\0x\0\0"), MESSAGE_BAD_FIELD },
                { "padding not zero", FIELDS("\3\1s\0\1\0\0\0x\0\0\0\1\0\0\0\11\1u\0\0\0\0\0"),
                  MESSAGE_BAD_FIELD },
                { "twice", FIELDS("\11\1u\0\0\0\0\0\11\1u\0\0\0\0\0"), MESSAGE_BAD_FIELD },
                { "unknown twice", FIELDS("\20\1u\0\0\0\0\0\20\1u\0\0\0\0\0"), MESSAGE_OK },
                { "no NUL", FIELDS("\3\1s\0\1\0\0\0xy"), MESSAGE_BAD_FIELD },
                { "NUL inside", FIELDS("\3\1s\0\3\0\0\0x\0y\0"), MESSAGE_BAD_FIELD },
                { "too long", FIELDS("\3\1s\0\2\0\0\0x\0"), MESSAGE_BAD_FIELD },
                { "much too long", FIELDS("\3\1s\0\377\377\377\377x\0"), MESSAGE_BAD_FIELD },
                { "code only", FIELDS("\3"), MESSAGE_BAD_FIELD },
                { "no length", FIELDS("\3\1s\0"), MESSAGE_BAD_FIELD },
                { "length in part", FIELDS("\3\1s\0\1\0\0"), MESSAGE_BAD_FIELD },
                { "length only", FIELDS("\3\1s\0\1\0\0\0"), MESSAGE_BAD_FIELD },
                { "no number", FIELDS("\11\1u\0"), MESSAGE_BAD_FIELD },
                { "number in part", FIELDS("\11\1u\0\1\0\0"), MESSAGE_BAD_FIELD },
                { "two types", FIELDS("\11\2uu\0\0\0\0\1\0\0\0\1\0\0\0"), MESSAGE_BAD_FIELD },
                { "no type", FIELDS("\11\0\0\0\1\0\0\0"), MESSAGE_BAD_FIELD },
                { "int32", FIELDS("\11\1i\0\1\0\0\0"), MESSAGE_BAD_FIELD },
                { "signature without NUL", FIELDS("\11\1ux\1\0\0\0"), MESSAGE_BAD_FIELD },
                { "reply serial 0", FIELDS("\5\1u\0\0\0\0\0"), MESSAGE_BAD_FIELD },
                { "unknown, array", FIELDS("\20\2au\0\0\0\0\4\0\0\0\1\0\0\0"), MESSAGE_OK },
                { "unknown, no value", FIELDS("\20\1u\0"), MESSAGE_BAD_FIELD },
                { "unknown, two types", FIELDS("\20\2yy\0\1\1"), MESSAGE_BAD_FIELD },
                { "unknown, no type", FIELDS("\20\0\0"), MESSAGE_BAD_FIELD },
                { "unknown, boolean 2", FIELDS("\20\1b\0\2\0\0\0"), MESSAGE_BAD_FIELD },
                { "unknown, padding", FIELDS("\20\2au\0\1\0\0\4\0\0\0\1\0\0\0"),
                  MESSAGE_BAD_FIELD },
#undef FIELDS
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(RawMessage) raw = { 0 };
                MessageView view;

                raw_start(&raw, 5, false);
                raw_bytes(&raw, cases[i].bytes, cases[i].n);
                raw_end(&raw, NULL, 0);
                if (raw_parse(&raw, &view) != cases[i].error)
                        g_error("'%s': not %d", cases[i].what, cases[i].error);
        }
}

/* "The header ends after its alignment padding to an 8-boundary", of zeros. */
static void test_header_padding(void) {
        g_auto(RawMessage) raw = { 0 };
        MessageView view;

        raw_start(&raw, 5, false);
        raw_text_field(&raw, FIELD_MEMBER, "s", "x");
        raw_end(&raw, NULL, 0);
        g_assert_cmpuint(raw.bytes->len, ==, 32);
        for (size_t i = 26; i < 32; i++) {
                raw.bytes->data[i] = 1;
                g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_BAD_FIELD);
                raw.bytes->data[i] = 0;
        }
        g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_OK);
}

static void test_body_needs_signature(void) {
        g_auto(RawMessage) raw = { 0 };
        MessageView view;

        raw_start(&raw, 5, false);
        raw_end(&raw, "x", 1);
        g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_BAD_BODY);
}

static void test_args(void) {
        static const char body[] = "\1\0\0\0a\0\0\0"
                                   "\4\0\0\0\1\0\0\0"
                                   "\1\0\0\0/\0\1y\0\0\0\0\7\0\0\0";
        g_auto(RawMessage) raw = { 0 };
        MessageView view;
        MessageArgs args;

        raw_start(&raw, 5, false);
        raw_text_field(&raw, FIELD_SIGNATURE, "g", "saiogu");
        raw_end(&raw, body, sizeof(body) - 1);
        g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_OK);
        message_get_args(&view, 64, &args);
        g_assert_cmpmem(args.types, args.n_args, "saogu", 5);
        assert_text(args.texts[0], "a");
        g_assert_null(args.texts[1].data);
        assert_text(args.texts[2], "/");
        assert_text(args.texts[3], "y");
        g_assert_null(args.texts[4].data);
        message_get_args(&view, 2, &args);
        g_assert_cmpuint(args.n_args, ==, 2);
        message_get_args(&view, 0, &args);
        g_assert_cmpuint(args.n_args, ==, 0);
}

static void test_many_args(void) {
        g_autofree char *signature = g_strnfill(100, 'y'), *body = g_strnfill(100, 'x');
        g_auto(RawMessage) raw = { 0 };
        MessageView view;
        MessageArgs args;

        raw_start(&raw, 5, false);
        raw_text_field(&raw, FIELD_SIGNATURE, "g", signature);
        raw_end(&raw, body, 100);
        g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_OK);
        message_get_args(&view, 1000, &args);
        g_assert_cmpuint(args.n_args, ==, 64);
}

static void test_copy(void) {
        g_auto(RawMessage) raw = { 0 };
        g_autoptr(Message) copy = NULL, second = NULL;
        Message message = { 0 };
        int fds[] = { open("/dev/null", O_RDONLY | O_CLOEXEC) };

        make_call(&raw, true);
        g_assert_cmpint(raw_parse(&raw, &message.view), ==, MESSAGE_OK);
        message.fds = fdset_new(fds, 1);
        copy = message_copy(&message);
        message_clear(&message);
        memset(raw.bytes->data, 0, raw.bytes->len);
        raw_clear(&raw);

        make_call(&raw, true);
        g_assert_cmpmem(copy->view.bytes, copy->view.n_bytes, raw.bytes->data, raw.bytes->len);
        assert_text(copy->view.member, "Efg");
        assert_text(copy->view.destination, ":1.23");
        g_assert_null(copy->view.sender.data);
        g_assert_cmpint(fcntl(copy->fds->fds[0], F_GETFD), >=, 0);

        /* What has a payload already shares it. */
        second = message_copy(copy);
        g_assert_true(second->payload == copy->payload);
        g_assert_cmpuint(copy->payload->n_refs, ==, 2);
        g_assert_true(second->view.bytes == copy->view.bytes);
}

/* Huge sizes are answered, not asserted. */
static void test_payload(void) {
        g_autoptr(Payload) payload = payload_new(10), more = payload_ref(payload);

        g_assert_cmpuint(payload->n_bytes, ==, 10);
        g_assert_cmpuint((uintptr_t)payload_bytes(payload) % 8, ==, 0);
        g_assert_cmpuint(more->n_refs, ==, 2);
        g_assert_null(payload_new(SIZE_MAX));
        payload_unref(NULL);
        message_free(NULL);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/message/view", test_view);
        g_test_add_func("/wire/message/view-of-error", test_view_of_error);
        g_test_add_func("/wire/message/unaligned", test_unaligned);
        g_test_add_func("/wire/message/frame-size", test_frame_size);
        g_test_add_func("/wire/message/bad-header", test_bad_header);
        g_test_add_func("/wire/message/required-fields", test_required_fields);
        g_test_add_func("/wire/message/field-values", test_field_values);
        g_test_add_func("/wire/message/field-bytes", test_field_bytes);
        g_test_add_func("/wire/message/header-padding", test_header_padding);
        g_test_add_func("/wire/message/body-needs-signature", test_body_needs_signature);
        g_test_add_func("/wire/message/args", test_args);
        g_test_add_func("/wire/message/many-args", test_many_args);
        g_test_add_func("/wire/message/copy", test_copy);
        g_test_add_func("/wire/message/payload", test_payload);
        return g_test_run();
}
