/* SPDX-License-Identifier: MIT */
/*
 * Messages from anybody. What is refused must be refused without harm. What is accepted is read, copied
 * and stamped in every form, after which it must be valid still and say the same, but for who sent it.
 */
#include "wire/arguments.h"
#include "wire/bytes.h"
#include "wire/reader.h"
#include "wire/writer.h"
#include "wire/body.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

/* Every offset of the view is inside the message, and every text ends with a NUL. */
static void check_view(const MessageView *view, const uint8_t *bytes, size_t n_bytes) {
        const WireString texts[] = { view->path,       view->interface,   view->member,
                                     view->error_name, view->destination, view->sender,
                                     view->signature };

        require(view->bytes == bytes && view->n_bytes == n_bytes);
        require(view->body_offset % 8 == 0 && view->body_offset + view->n_body == n_bytes);
        require(view->serial != 0 && view->type != MESSAGE_TYPE_INVALID);
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                const uint8_t *text = (const uint8_t *)texts[i].data;

                if (!text)
                        continue;
                require(text > bytes && text + texts[i].length < bytes + view->body_offset);
                require(strlen(texts[i].data) == texts[i].length);
        }
        require(view->n_spans <= MESSAGE_MAX_SPANS);
        for (unsigned i = 0; i < view->n_spans; i++) {
                require(view->spans[i].start % 8 == 0);
                require(view->spans[i].start >= (i ? view->spans[i - 1].end + 8 : 16));
                require(view->spans[i].start < view->spans[i].end);
                require(view->spans[i].end <= view->body_offset);
        }
}

static void check_same(const MessageView *a, const MessageView *b) {
        require(a->type == b->type && a->flags == b->flags && a->serial == b->serial);
        require(a->reply_serial == b->reply_serial && a->n_fds == b->n_fds);
        require(a->big_endian == b->big_endian && a->n_body == b->n_body);
        require(wire_string_equal(a->path, b->path) && wire_string_equal(a->member, b->member));
        require(wire_string_equal(a->interface, b->interface));
        require(wire_string_equal(a->error_name, b->error_name));
        require(wire_string_equal(a->destination, b->destination));
        require(wire_string_equal(a->signature, b->signature));
        require(memcmp(message_view_body(a), message_view_body(b), a->n_body) == 0);
}

static void check_stamped(const MessageView *view, StampForm form) {
        StampFacts facts = { .has_uid = true, .uid = 1000 };
        g_autofree uint8_t *out = NULL;
        MessageStamp stamp;
        MessageView stamped;
        size_t n;

        message_stamp_init(&stamp, ":1.42", "/c/1");
        stamp.facts = &facts;
        n = message_stamped_header_size(view, &stamp, form);
        out = g_malloc(n + view->n_body);
        require(message_write_header(view, &stamp, form, out) == n);
        memcpy(out + n, message_view_body(view), view->n_body);
        require(message_parse(out, n + view->n_body, &stamped) == MESSAGE_OK);
        check_view(&stamped, out, n + view->n_body);
        check_same(view, &stamped);
        require(wire_string_is(stamped.sender, ":1.42"));
        require(stamped.n_spans <= 1);
}

/* A body that is valid can be read to its end, and written again as it was. */
static void check_body(const MessageView *view) {
        g_auto(Writer) writer = { 0 };
        Reader reader;

        writer_init(&writer);
        reader_init(&reader, view);
        while (writer_add_value(&writer, &reader))
                ;
        require(reader_finish(&reader) && !writer.too_large);
        require(writer.body->len == view->n_body);
        require(strlen(writer.signature->str) == view->signature.length);
        require(body_is_valid(writer.body->data, writer.body->len, view->signature,
                                      BYTES_NATIVE_IS_BIG));
        if (view->n_body > 0 && view->big_endian == BYTES_NATIVE_IS_BIG)
                require(memcmp(writer.body->data, message_view_body(view), view->n_body) == 0);
}

static void check_args(const MessageView *view) {
        MessageArgs args;

        message_get_args(view, 64, &args);
        require(args.n_args <= 64 && (args.n_args > 0) == (view->n_body > 0));
        for (unsigned i = 0; i < args.n_args; i++)
                require((strchr("sog", args.types[i]) != NULL) == (args.texts[i].data != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Message message = { 0 };
        g_autoptr(Message) copy = NULL;

        if (size < PROTOCOL_FIXED_HEADER ||
            message_frame_size(data, PROTOCOL_MAX_MESSAGE) != size) {
                require(message_parse(data, size, &message.view) != MESSAGE_OK);
                return 0;
        }
        if (message_parse(data, size, &message.view) != MESSAGE_OK)
                return 0;
        check_view(&message.view, data, size);
        check_stamped(&message.view, STAMP_SENDER);
        check_stamped(&message.view, STAMP_SENDER_AND_CONTAINER);
        check_stamped(&message.view, STAMP_FACTS);
        check_body(&message.view);
        check_args(&message.view);
        copy = message_copy(&message);
        require(copy);
        check_view(&copy->view, payload_bytes(copy->payload), size);
        check_same(&message.view, &copy->view);
        return 0;
}
