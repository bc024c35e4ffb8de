/* SPDX-License-Identifier: MIT */
#include "test/unit/raw-message.h"

/* What receivers get of @view: checked for size and parsed again. */
static GByteArray *write_and_parse(const MessageView *view, StampForm form, MessageView *ret_view) {
        size_t n = 0;
        g_autoptr(GByteArray) out = g_byte_array_new();
        MessageStamp stamp;

        message_stamp_init(&stamp, ":1.42", "/c/1");
        n = message_stamped_header_size(view, &stamp, form);
        g_assert_cmpuint(n % 8, ==, 0);
        g_byte_array_set_size(out, (guint)n);
        memset(out->data, 0xee, n);
        g_assert_cmpuint(message_write_header(view, &stamp, form, out->data), ==, n);
        g_byte_array_append(out, message_view_body(view), view->n_body);
        g_assert_cmpint(message_parse(out->data, out->len, ret_view), ==, MESSAGE_OK);
        return g_steal_pointer(&out);
}

static void assert_same_text(WireString a, WireString b) {
        g_assert_cmpmem(a.data, a.length, b.data, b.length);
        g_assert_cmpint(a.data == NULL, ==, b.data == NULL);
}

static void assert_same_but_sender(const MessageView *a, const MessageView *b) {
        g_assert_cmpuint(a->type, ==, b->type);
        g_assert_cmpuint(a->flags, ==, b->flags);
        g_assert_cmpuint(a->serial, ==, b->serial);
        g_assert_cmpuint(a->reply_serial, ==, b->reply_serial);
        g_assert_cmpuint(a->n_fds, ==, b->n_fds);
        g_assert_cmpint(a->big_endian, ==, b->big_endian);
        assert_same_text(a->path, b->path);
        assert_same_text(a->interface, b->interface);
        assert_same_text(a->member, b->member);
        assert_same_text(a->error_name, b->error_name);
        assert_same_text(a->destination, b->destination);
        assert_same_text(a->signature, b->signature);
        g_assert_cmpmem(message_view_body(a), a->n_body, message_view_body(b), b->n_body);
}

/* One letter for each field, in this order. Capitals are what is cut. */
static void add_field(RawMessage *raw, char letter) {
        switch (letter) {
        case 'p':
                raw_text_field(raw, FIELD_PATH, "o", "/a/b");
                break;
        case 'i':
                raw_text_field(raw, FIELD_INTERFACE, "s", "c.d.e.f.g");
                break;
        case 'm':
                raw_text_field(raw, FIELD_MEMBER, "s", "M");
                break;
        case 'e':
                raw_text_field(raw, FIELD_ERROR_NAME, "s", "e.r.ror");
                break;
        case 'r':
                raw_u32_field(raw, FIELD_REPLY_SERIAL, 99);
                break;
        case 'd':
                raw_text_field(raw, FIELD_DESTINATION, "s", ":1.7");
                break;
        case 'g':
                raw_text_field(raw, FIELD_SIGNATURE, "g", "s");
                break;
        case 'u':
                raw_u32_field(raw, FIELD_UNIX_FDS, 2);
                break;
        case 'S':
                raw_text_field(raw, FIELD_SENDER, "s", "org.forged");
                break;
        case 'C':
                raw_text_field(raw, FIELD_CONTAINER, "o", "/forged");
                break;
        default:
                raw_text_field(raw, 200, "s", "unknown");
                break;
        }
}

static void test_cut(void) {
        static const struct {
                const char *fields;
                unsigned n_spans;
        } cases[] = {
                { "pimdgu", 1 }, { "erdgu", 1 },   { "", 0 },       { "Sp", 1 },
                { "pS", 1 },     { "pSi", 2 },     { "S", 0 },      { "C", 0 },
                { "UU", 0 },     { "UpCimSd", 3 }, { "pSCUCi", 2 }, { "pUiUmUeUrUdUgUuU", 8 },
                { "gUp", 2 },    { "uSg", 2 },     { "rUe", 2 },    { "CCCSgp", 1 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases) * 2; i++) {
                const char *fields = cases[i / 2].fields;
                bool has_body = strchr(fields, 'g') != NULL, big_endian = i % 2;
                g_auto(RawMessage) raw = { 0 };

                raw_start(&raw, 5, big_endian);
                for (const char *letter = fields; *letter; letter++)
                        add_field(&raw, *letter);
                if (!has_body)
                        raw_end(&raw, NULL, 0);
                else
                        raw_end(&raw, big_endian ? "\0\0\0\3abc" : "\3\0\0\0abc", 8);
                for (StampForm form = STAMP_SENDER; form <= STAMP_SENDER_AND_CONTAINER; form++) {
                        g_autoptr(GByteArray) out = NULL;
                        MessageView view, stamped;

                        g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_OK);
                        g_assert_cmpuint(view.n_spans, ==, cases[i / 2].n_spans);
                        out = write_and_parse(&view, form, &stamped);
                        assert_same_but_sender(&view, &stamped);
                        g_assert_true(wire_string_is(stamped.sender, ":1.42"));
                        g_assert_null(memmem(out->data, out->len, "forged", 6));
                        g_assert_null(memmem(out->data, out->len, "unknown", 7));
                        g_assert_cmpint(memmem(out->data, out->len, "/c/1", 5) != NULL, ==,
                                        form == STAMP_SENDER_AND_CONTAINER);
                }
        }
}

/* All bytes of one header, as they go to receivers. */
static void test_bytes(void) {
        static const char expected[] = "l\5\0\1\0\0\0\0\7\0\0\0\45\0\0\0"
                                       "\11\1u\0\2\0\0\0"
                                       "\7\1s\0\5\0\0\0:1.42\0\0\0"
                                       "\12\1o\0\4\0\0\0/c/1\0"
                                       "\0\0\0";
        static const char expected_big[] = "B\5\0\1\0\0\0\0\0\0\0\7\0\0\0\26"
                                           "\11\1u\0\0\0\0\2"
                                           "\7\1s\0\0\0\0\5:1.42\0"
                                           "\0\0";

        for (int big_endian = 0; big_endian < 2; big_endian++) {
                g_auto(RawMessage) raw = { 0 };
                g_autoptr(GByteArray) out = NULL;
                MessageView view, stamped;

                raw_start(&raw, 5, big_endian);
                raw_u32_field(&raw, FIELD_UNIX_FDS, 2);
                raw_end(&raw, NULL, 0);
                g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_OK);
                out = write_and_parse(&view, big_endian ? STAMP_SENDER : STAMP_SENDER_AND_CONTAINER,
                                      &stamped);
                if (big_endian)
                        g_assert_cmpmem(out->data, out->len, expected_big,
                                        sizeof(expected_big) - 1);
                else
                        g_assert_cmpmem(out->data, out->len, expected, sizeof(expected) - 1);
        }
}

/* Facts come behind the other fields; those that are not known, or not asked for, are not there. */
static void test_facts(void) {
        static const char expected[] = "l\5\0\1\0\0\0\0\7\0\0\0\64\0\0\0"
                                       "\7\1s\0\5\0\0\0:1.42\0\0\0"
                                       "\360\1u\0\350\3\0\0"
                                       "\361\1u\0\2\1\0\0"
                                       "\362\2ay\0\0\0\0\10\0\0\0label:x\0"
                                       "\0\0\0\0";
        static const char expected_big[] = "B\5\0\1\0\0\0\0\0\0\0\7\0\0\0\50"
                                           "\7\1s\0\0\0\0\5:1.42\0\0\0"
                                           "\12\1o\0\0\0\0\4/c/1\0\0\0\0"
                                           "\361\1u\0\0\0\1\2";
        g_autofree StampFacts *facts = g_malloc0(sizeof *facts + 8);

        *facts = (StampFacts){ .has_uid = true, .has_pid = true, .uid = 1000, .pid = 258,
                               .n_label = 8 };
        memcpy(facts->label, "label:x", 8);
        for (int big_endian = 0; big_endian < 2; big_endian++) {
                g_auto(RawMessage) raw = { 0 };
                g_autofree uint8_t *out = NULL;
                StampForm form = big_endian ? STAMP_SENDER_AND_CONTAINER | STAMP_UID | STAMP_PID
                                            : STAMP_FACTS;
                size_t n = big_endian ? sizeof expected_big - 1 : sizeof expected - 1;
                MessageStamp stamp;
                MessageView view;

                raw_start(&raw, 5, big_endian);
                raw_end(&raw, NULL, 0);
                g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_OK);
                message_stamp_init(&stamp, ":1.42", "/c/1");
                g_assert_cmpuint(message_stamped_header_size(&view, &stamp, STAMP_FACTS), ==, 32);
                stamp.facts = facts;
                facts->has_uid = !big_endian;
                g_assert_cmpuint(message_stamped_header_size(&view, &stamp, form), ==, n);
                out = g_malloc(n);
                memset(out, 'x', n);
                g_assert_cmpuint(message_write_header(&view, &stamp, form, out), ==, n);
                g_assert_cmpmem(out, n, big_endian ? expected_big : expected, n);
        }
}

/* The longest label, behind the longest names, is what messages leave room for. */
static void test_longest_facts(void) {
        g_autofree char *filler = g_strnfill(MESSAGE_MAX_STAMP - 32 - 8 - 2, 'x');
        g_autofree char *container = g_strconcat("/", filler, NULL);
        g_autofree StampFacts *facts = g_malloc0(sizeof *facts + MESSAGE_MAX_LABEL);
        StampForm form = STAMP_SENDER_AND_CONTAINER | STAMP_FACTS;
        g_auto(RawMessage) raw = { 0 };
        MessageStamp stamp;
        MessageView view;

        *facts = (StampFacts){ .has_uid = true, .has_pid = true, .n_label = MESSAGE_MAX_LABEL };
        raw_start(&raw, 5, false);
        raw_end(&raw, NULL, 0);
        g_assert_cmpint(raw_parse(&raw, &view), ==, MESSAGE_OK);
        message_stamp_init(&stamp, ":1.18446744073709551615", container);
        stamp.facts = facts;
        g_assert_cmpuint(message_stamped_header_size(&view, &stamp, form), ==,
                         PROTOCOL_FIXED_HEADER + MESSAGE_MAX_ADDED);
}

/* Messages leave room for the longest names that the bus gives. */
static void test_longest(void) {
        static const char sender[] = ":1.18446744073709551615";
        g_autofree char *filler = g_strnfill(MESSAGE_MAX_STAMP - 32 - 8 - 2, 'x');
        g_autofree char *container = g_strconcat("/", filler, NULL);
        MessageStamp stamp;

        message_stamp_init(&stamp, sender, container);
        g_assert_cmpuint(stamp.n_sender, ==, 8 + sizeof(sender));
        g_assert_cmpuint(stamp.n_both, ==, MESSAGE_MAX_STAMP);
        g_assert_cmpuint(MESSAGE_MAX_STAMP % 8, ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wire/stamp/cut", test_cut);
        g_test_add_func("/wire/stamp/bytes", test_bytes);
        g_test_add_func("/wire/stamp/facts", test_facts);
        g_test_add_func("/wire/stamp/longest", test_longest);
        g_test_add_func("/wire/stamp/longest-facts", test_longest_facts);
        return g_test_run();
}
