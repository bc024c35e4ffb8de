/* SPDX-License-Identifier: MIT */
/*
 * Encoding of bodies, and of the messages that the bus itself sends.
 *
 * Always in native byte order. The writer trusts its callers, which are this program's handlers,
 * with types and nesting, but not with text and sizes: those may go back to peers.
 */
#include "wire/writer.h"

#include "wire/bytes.h"
#include "wire/syntax.h"

/* The body starts a message, so that at most this much is left beside header and stamp. */
#define MAX_BODY (PROTOCOL_MAX_MESSAGE - (1u << 20))

/* What the bus has to say without being asked is not longer. */
#define SHORT_MESSAGE (4u << 10)

/* Writers that live as long as the bus keep the memory of a body up to this size. */
#define MAX_KEPT_BODY (64u << 10)

void writer_init(Writer *writer) {
        *writer = (Writer){ .body = g_byte_array_new(), .signature = g_string_new(NULL) };
}

static void close_fds(GArray *fds) {
        for (guint i = 0; i < fds->len; i++)
                close(g_array_index(fds, int, i));
        g_array_unref(fds);
}

void writer_clear(Writer *writer) {
        g_clear_pointer(&writer->body, g_byte_array_unref);
        if (writer->signature)
                g_string_free(g_steal_pointer(&writer->signature), TRUE);
        g_clear_pointer(&writer->fds, close_fds);
}

static void append(Writer *writer, const void *bytes, size_t n) {
        if (writer->too_large || n > MAX_BODY - writer->body->len) {
                writer->too_large = true;
                return;
        }
        g_byte_array_append(writer->body, bytes, (guint)n);
}

static void pad(Writer *writer, size_t alignment) {
        static const uint8_t zeros[8];

        append(writer, zeros, bytes_align(writer->body->len, alignment) - writer->body->len);
}

/* What is opened may be a copy of what a peer nested as deep as allowed. */
static void open_container(Writer *writer) {
        if (++writer->depth > PROTOCOL_MAX_DEPTH)
                writer->too_large = true;
}

/* A value of type @code begins. */
static void add_type(Writer *writer, char code) {
        if (writer->depth == 0)
                g_string_append_c(writer->signature, code);
        pad(writer, syntax_type_alignment(code));
}

static void add_fixed(Writer *writer, char code, const void *value) {
        add_type(writer, code);
        append(writer, value, syntax_type_fixed_size(code));
}

void writer_add_byte(Writer *writer, uint8_t value) {
        add_fixed(writer, 'y', &value);
}

void writer_add_bool(Writer *writer, bool value) {
        uint32_t number = value;

        add_fixed(writer, 'b', &number);
}

void writer_add_u16(Writer *writer, uint16_t value) {
        add_fixed(writer, 'q', &value);
}

void writer_add_u32(Writer *writer, uint32_t value) {
        add_fixed(writer, 'u', &value);
}

void writer_add_i32(Writer *writer, int32_t value) {
        add_fixed(writer, 'i', &value);
}

void writer_add_u64(Writer *writer, uint64_t value) {
        add_fixed(writer, 't', &value);
}

/* @text: need not end with a NUL. */
static void add_text(Writer *writer, char code, WireString text) {
        uint8_t short_length = (uint8_t)text.length;

        add_type(writer, code);
        if (code == 'g')
                append(writer, &short_length, 1);
        else
                append(writer, &text.length, 4);
        append(writer, text.data, text.length);
        append(writer, "", 1);
}

void writer_add_string_n(Writer *writer, WireString value) {
        g_autofree char *valid = NULL;

        if (!syntax_is_utf8(value.data, value.length)) {
                valid = g_utf8_make_valid(value.data, (gssize)value.length);
                value = wire_string(valid);
        }
        add_text(writer, 's', value);
}

void writer_add_string(Writer *writer, const char *value) {
        writer_add_string_n(writer, wire_string(value));
}

void writer_add_path(Writer *writer, const char *value) {
        add_text(writer, 'o', wire_string(value));
}

void writer_add_signature(Writer *writer, const char *value) {
        add_text(writer, 'g', wire_string(value));
}

void writer_add_fd(Writer *writer, int fd) {
        uint32_t index;

        if (!writer->fds)
                writer->fds = g_array_new(FALSE, FALSE, sizeof(int));
        index = writer->fds->len;
        g_array_append_val(writer->fds, fd);
        add_fixed(writer, 'h', &index);
}

/*
 * The mark of an array is where its length stands. Behind that is padding or not, depending on the
 * elements, which is remembered in the lowest bit: lengths are 4-aligned.
 */
size_t writer_open_array(Writer *writer, const char *element) {
        uint32_t unknown = 0;
        size_t start, n_padding;

        if (writer->depth == 0)
                g_string_append_printf(writer->signature, "a%s", element);
        open_container(writer);
        pad(writer, 4);
        start = writer->body->len;
        append(writer, &unknown, 4);
        n_padding = writer->body->len;
        pad(writer, syntax_type_alignment(*element));
        n_padding = writer->body->len - n_padding;
        return start | (n_padding > 0);
}

void writer_close_array(Writer *writer, size_t mark) {
        size_t start = mark & ~(size_t)1, elements = start + ((mark & 1) ? 8 : 4);
        uint32_t n;

        writer->depth--;
        if (writer->too_large)
                return;
        n = (uint32_t)(writer->body->len - elements);
        writer->too_large = n > PROTOCOL_MAX_ARRAY;
        memcpy(writer->body->data + start, &n, sizeof(n));
}

void writer_open_struct(Writer *writer, const char *signature) {
        if (writer->depth == 0)
                g_string_append(writer->signature, signature);
        open_container(writer);
        pad(writer, 8);
}

void writer_close_struct(Writer *writer) {
        writer->depth--;
}

void writer_open_variant(Writer *writer, const char *signature) {
        add_type(writer, 'v');
        open_container(writer);
        add_text(writer, 'g', wire_string(signature));
}

void writer_close_variant(Writer *writer) {
        writer->depth--;
}

static bool add_fixed_value(Writer *writer, Reader *reader, char code) {
        const uint8_t *bytes;
        WireString signature;
        uint8_t value[8];
        size_t n;

        if (!reader_raw(reader, &bytes, &n, &signature))
                return false;
        for (size_t i = 0; i < n; i++)
                value[i] = bytes[reader->big_endian == BYTES_NATIVE_IS_BIG ? i : n - 1 - i];
        add_fixed(writer, code, value);
        return true;
}

static bool add_text_value(Writer *writer, Reader *reader, char code) {
        WireString text;

        if (code == 's'   ? !reader_get_string(reader, &text)
            : code == 'o' ? !reader_get_path(reader, &text)
                          : !reader_get_signature(reader, &text))
                return false;
        add_text(writer, code, text);
        return true;
}

static bool add_container_value(Writer *writer, Reader *reader, char code) {
        g_autofree char *signature = g_strndup(reader->type, syntax_type_length(reader->type));
        size_t mark = 0;
        Reader inside;

        if (!reader_enter(reader, code, &inside))
                return false;
        if (code == 'a') {
                mark = writer_open_array(writer, signature + 1);
        } else if (code == 'v') {
                g_autofree char *type =
                        g_strndup(inside.type, (size_t)(inside.type_end - inside.type));

                writer_open_variant(writer, type);
        } else {
                writer_open_struct(writer, signature);
        }
        while (reader_peek(&inside))
                if (!writer_add_value(writer, &inside))
                        break;
        if (code == 'a')
                writer_close_array(writer, mark);
        else
                writer->depth--;
        return !inside.failed;
}

bool writer_add_value(Writer *writer, Reader *reader) {
        char code = reader_peek(reader);

        switch (code) {
        case '\0':
                return false;
        case 's':
        case 'o':
        case 'g':
                return add_text_value(writer, reader, code);
        case 'a':
        case 'v':
        case '(':
        case '{':
                return add_container_value(writer, reader, code);
        default:
                return add_fixed_value(writer, reader, code);
        }
}

void writer_add_raw(Writer *writer, const uint8_t *bytes, size_t n_bytes, const char *signature) {
        Reader reader;

        reader_init_bytes(&reader, bytes, n_bytes, wire_string(signature), BYTES_NATIVE_IS_BIG);
        while (writer_add_value(writer, &reader))
                ;
        g_assert(reader_finish(&reader));
}

static void open_entry(Writer *writer, const char *key, const char *signature) {
        writer_open_struct(writer, "{sv}");
        writer_add_string(writer, key);
        writer_open_variant(writer, signature);
}

static void close_entry(Writer *writer) {
        writer_close_variant(writer);
        writer_close_struct(writer);
}

void writer_add_entry_string(Writer *writer, const char *key, const char *value) {
        open_entry(writer, key, "s");
        writer_add_string(writer, value);
        close_entry(writer);
}

void writer_add_entry_path(Writer *writer, const char *key, const char *value) {
        open_entry(writer, key, "o");
        writer_add_path(writer, value);
        close_entry(writer);
}

void writer_add_entry_u32(Writer *writer, const char *key, uint32_t value) {
        open_entry(writer, key, "u");
        writer_add_u32(writer, value);
        close_entry(writer);
}

void writer_add_entry_u64(Writer *writer, const char *key, uint64_t value) {
        open_entry(writer, key, "t");
        writer_add_u64(writer, value);
        close_entry(writer);
}

/* A header under construction, in memory that is large enough. */
typedef struct HeaderWriter {
        uint8_t *bytes;
        size_t offset;
} HeaderWriter;

static void header_pad(HeaderWriter *out) {
        while (out->offset % 8 != 0)
                out->bytes[out->offset++] = 0;
}

static void header_put(HeaderWriter *out, const void *bytes, size_t n) {
        memcpy(out->bytes + out->offset, bytes, n);
        out->offset += n;
}

static void header_start_field(HeaderWriter *out, uint8_t code, char type) {
        const uint8_t start[] = { code, 1, (uint8_t)type, 0 };

        header_pad(out);
        header_put(out, start, sizeof(start));
}

static void header_add_text(HeaderWriter *out, uint8_t code, char type, const char *text) {
        uint32_t length;

        if (!text)
                return;
        length = (uint32_t)strlen(text);
        header_start_field(out, code, type);
        if (type == 'g')
                out->bytes[out->offset++] = (uint8_t)length;
        else
                header_put(out, &length, sizeof(length));
        header_put(out, text, length + 1);
}

static void header_add_u32(HeaderWriter *out, uint8_t code, uint32_t value) {
        if (value == 0)
                return;
        header_start_field(out, code, 'u');
        header_put(out, &value, sizeof(value));
}

/* At least as many bytes as @header takes with all padding. */
static size_t header_bound(const MessageHeader *header, size_t n_signature) {
        const char *texts[] = { header->path, header->interface, header->member, header->error_name,
                                header->destination };
        size_t n = PROTOCOL_FIXED_HEADER + n_signature + 16 * (G_N_ELEMENTS(texts) + 4);

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
                n += texts[i] ? strlen(texts[i]) : 0;
        return n;
}

/* Return: bytes written, a multiple of eight. */
static size_t write_header(uint8_t *bytes, const MessageHeader *header, const Writer *body) {
        HeaderWriter out = { .bytes = bytes };
        const uint8_t start[] = { BYTES_NATIVE_IS_BIG ? 'B' : 'l', header->type, header->flags,
                                  PROTOCOL_VERSION };
        uint32_t numbers[] = { body ? body->body->len : 0, header->serial, 0 };
        bool has_body = body && body->signature->len > 0;

        header_put(&out, start, sizeof(start));
        header_put(&out, numbers, sizeof(numbers));
        header_add_text(&out, FIELD_PATH, 'o', header->path);
        header_add_text(&out, FIELD_INTERFACE, 's', header->interface);
        header_add_text(&out, FIELD_MEMBER, 's', header->member);
        header_add_text(&out, FIELD_ERROR_NAME, 's', header->error_name);
        header_add_u32(&out, FIELD_REPLY_SERIAL, header->reply_serial);
        header_add_text(&out, FIELD_DESTINATION, 's', header->destination);
        header_add_text(&out, FIELD_SIGNATURE, 'g', has_body ? body->signature->str : NULL);
        header_add_u32(&out, FIELD_UNIX_FDS, body && body->fds ? body->fds->len : 0);
        numbers[2] = (uint32_t)(out.offset - PROTOCOL_FIXED_HEADER);
        memcpy(bytes + PROTOCOL_FIXED_HEADER - sizeof(numbers[2]), &numbers[2], sizeof(numbers[2]));
        header_pad(&out);
        return out.offset;
}

static FdSet *take_fds(Writer *writer) {
        GArray *fds = g_steal_pointer(&writer->fds);
        FdSet *set;

        if (!fds)
                return NULL;
        set = fdset_new((const int *)fds->data, fds->len);
        g_array_unref(fds);
        return set;
}

/* What a usual body took is kept for the next one, what a large one took is not. */
static void empty_body(Writer *writer) {
        if (writer->body->len <= MAX_KEPT_BODY) {
                g_byte_array_set_size(writer->body, 0);
                return;
        }
        g_byte_array_unref(writer->body);
        writer->body = g_byte_array_new();
}

static void writer_reset(Writer *writer) {
        empty_body(writer);
        g_string_truncate(writer->signature, 0);
        g_clear_pointer(&writer->fds, close_fds);
        writer->depth = 0;
        writer->too_large = false;
}

/* Instead of a body that cannot be sent. */
static void make_error(Writer *writer, MessageHeader *header, const char *name, const char *text) {
        writer_reset(writer);
        writer_add_string(writer, text);
        if (header->type == MESSAGE_TYPE_METHOD_RETURN) {
                header->type = MESSAGE_TYPE_ERROR;
                header->error_name = name;
        }
}

static size_t message_bound(const MessageHeader *header, const Writer *writer) {
        return header_bound(header, writer ? writer->signature->len : 0) +
               (writer ? writer->body->len : 0);
}

/* Room for the message, or for a short error in place of it. Only where there is none for what is
 * short the process ends. */
static Payload *make_payload(MessageHeader *header, Writer *writer) {
        size_t n_bytes = message_bound(header, writer);
        Payload *payload = payload_new(n_bytes);

        if (payload)
                return payload;
        if (n_bytes > SHORT_MESSAGE && writer)
                make_error(writer, header, ERROR_NO_MEMORY, "There is no memory for the answer");
        return payload_new_or_abort(message_bound(header, writer));
}

void writer_finish(Writer *writer, const MessageHeader *header, Message *ret_message) {
        MessageHeader used = *header;
        Message message = { 0 };
        size_t n_header;

        if (writer && writer->too_large)
                make_error(writer, &used, ERROR_LIMITS_EXCEEDED,
                           "The answer is too large for a message");
        message.payload = make_payload(&used, writer);
        n_header = write_header(payload_bytes(message.payload), &used, writer);
        message.payload->n_bytes = n_header;
        if (writer) {
                if (writer->body->len > 0)
                        memcpy(payload_bytes(message.payload) + n_header, writer->body->data,
                               writer->body->len);
                message.payload->n_bytes += writer->body->len;
                message.fds = take_fds(writer);
                writer_reset(writer);
        }
        message_view_own(payload_bytes(message.payload), message.payload->n_bytes, &message.view);
        *ret_message = message;
}
