/* SPDX-License-Identifier: MIT */
/*
 * Decoding of bodies.
 *
 * A Reader is a position in the bytes and one in the signature. What it reads has been validated as
 * a whole by message_parse(); the bounds are checked again here, so that a mistake in a handler or
 * in stored bytes makes the reader fail and nothing worse. A copy of a Reader is a bookmark.
 */
#include "wire/reader.h"

#include "wire/bytes.h"
#include "wire/syntax.h"

void reader_init_bytes(Reader *reader, const uint8_t *bytes, size_t n_bytes, WireString signature,
                       bool big_endian) {
        *reader = (Reader){
                .bytes = bytes,
                .end = n_bytes,
                .type = signature.data,
                .type_end = signature.data + signature.length,
                .big_endian = big_endian,
        };
}

void reader_init(Reader *reader, const MessageView *view) {
        WireString signature = view->signature.data ? view->signature : WIRE_STRING_LITERAL("");

        reader_init_bytes(reader, message_view_body(view), view->n_body, signature,
                          view->big_endian);
}

char reader_peek(const Reader *reader) {
        if (reader->failed || reader->type == reader->type_end)
                return '\0';
        if (reader->element_type && reader->offset == reader->end)
                return '\0';
        return *reader->type;
}

static bool fail(Reader *reader) {
        reader->failed = true;
        return false;
}

/* Moves to the value when it is of type @code and has @n_bytes, else fails. */
static bool begin(Reader *reader, char code, size_t n_bytes) {
        size_t offset = bytes_align(reader->offset, syntax_type_alignment(code));

        if (reader_peek(reader) != code || offset > reader->end || reader->end - offset < n_bytes)
                return fail(reader);
        reader->offset = offset;
        return true;
}

/* The value, of a type @n_type long, has been read; in an array the next is of the same type. */
static void advance_type(Reader *reader, size_t n_type) {
        reader->type += n_type;
        if (reader->element_type && reader->type == reader->type_end)
                reader->type = reader->element_type;
}

bool reader_get_byte(Reader *reader, uint8_t *ret_value) {
        if (!begin(reader, 'y', 1))
                return false;
        *ret_value = reader->bytes[reader->offset++];
        advance_type(reader, 1);
        return true;
}

static bool get_u32(Reader *reader, char code, uint32_t *ret_value) {
        if (!begin(reader, code, 4))
                return false;
        *ret_value = bytes_get_u32(reader->bytes + reader->offset, reader->big_endian);
        reader->offset += 4;
        advance_type(reader, 1);
        return true;
}

bool reader_get_bool(Reader *reader, bool *ret_value) {
        uint32_t value;

        if (!get_u32(reader, 'b', &value))
                return false;
        *ret_value = value != 0;
        return true;
}

bool reader_get_u32(Reader *reader, uint32_t *ret_value) {
        return get_u32(reader, 'u', ret_value);
}

bool reader_get_fd(Reader *reader, uint32_t *ret_index) {
        return get_u32(reader, 'h', ret_index);
}

bool reader_get_u64(Reader *reader, uint64_t *ret_value) {
        if (!begin(reader, 't', 8))
                return false;
        *ret_value = bytes_get_u64(reader->bytes + reader->offset, reader->big_endian);
        reader->offset += 8;
        advance_type(reader, 1);
        return true;
}

/* Text at the current offset behind @n_length bytes of length. Moves the offset only. */
static bool take_text(Reader *reader, size_t n_length, WireString *ret_value) {
        const uint8_t *bytes = reader->bytes + reader->offset;
        size_t n_left = reader->end - reader->offset, length;

        if (n_left < n_length)
                return fail(reader);
        length = n_length == 1 ? bytes[0] : bytes_get_u32(bytes, reader->big_endian);
        if (n_left - n_length <= length || bytes[n_length + length] != '\0')
                return fail(reader);
        *ret_value =
                (WireString){ .data = (const char *)bytes + n_length, .length = (uint32_t)length };
        reader->offset += n_length + length + 1;
        return true;
}

static bool get_text(Reader *reader, char code, WireString *ret_value) {
        size_t n_length = syntax_type_alignment(code);

        if (!begin(reader, code, n_length) || !take_text(reader, n_length, ret_value))
                return false;
        advance_type(reader, 1);
        return true;
}

bool reader_get_string(Reader *reader, WireString *ret_value) {
        return get_text(reader, 's', ret_value);
}

bool reader_get_path(Reader *reader, WireString *ret_value) {
        return get_text(reader, 'o', ret_value);
}

bool reader_get_signature(Reader *reader, WireString *ret_value) {
        return get_text(reader, 'g', ret_value);
}

static void start_inside(const Reader *reader, Reader *ret_inside) {
        *ret_inside = *reader;
        ret_inside->depth++;
        ret_inside->element_type = NULL;
}

static bool enter_array(Reader *reader, Reader *ret_inside) {
        const char *element = reader->type + 1;
        size_t n_type = syntax_type_length(reader->type);
        uint32_t n;

        n = bytes_get_u32(reader->bytes + reader->offset, reader->big_endian);
        reader->offset = bytes_align(reader->offset + 4, syntax_type_alignment(*element));
        if (reader->offset > reader->end || reader->end - reader->offset < n)
                return fail(reader);
        start_inside(reader, ret_inside);
        ret_inside->end = reader->offset + n;
        ret_inside->type = ret_inside->element_type = element;
        ret_inside->type_end = reader->type + n_type;
        reader->offset += n;
        advance_type(reader, n_type);
        return true;
}

static bool enter_variant(Reader *reader, Reader *ret_inside) {
        WireString signature;

        if (!take_text(reader, 1, &signature))
                return false;
        if (!syntax_is_single_type(signature.data, signature.length))
                return fail(reader);
        start_inside(reader, ret_inside);
        ret_inside->type = signature.data;
        ret_inside->type_end = signature.data + signature.length;
        return true;
}

static void enter_struct(Reader *reader, Reader *ret_inside) {
        start_inside(reader, ret_inside);
        ret_inside->type = reader->type + 1;
        ret_inside->type_end = reader->type + syntax_type_length(reader->type) - 1;
}

static bool skip_rest(Reader *reader) {
        while (reader_peek(reader))
                if (!reader_skip(reader))
                        return false;
        return !reader->failed;
}

/* Where a struct or variant ends is only known when its values have been walked over. */
static bool leave(Reader *reader, Reader *inside, size_t n_type) {
        Reader rest = *inside;

        if (!skip_rest(&rest))
                return fail(reader);
        inside->end = rest.offset;
        reader->offset = rest.offset;
        advance_type(reader, n_type);
        return true;
}

bool reader_enter(Reader *reader, char container, Reader *ret_inside) {
        static const uint8_t min_bytes[] = { ['a'] = 4, ['v'] = 1 };
        size_t n_min = (uint8_t)container < sizeof(min_bytes) ? min_bytes[(uint8_t)container] : 0;

        if (!begin(reader, container, n_min))
                return false;
        if (reader->depth >= PROTOCOL_MAX_DEPTH)
                return fail(reader);
        switch (container) {
        case 'a':
                return enter_array(reader, ret_inside);
        case 'v':
                return enter_variant(reader, ret_inside) && leave(reader, ret_inside, 1);
        case '(':
        case '{':
                enter_struct(reader, ret_inside);
                return leave(reader, ret_inside, syntax_type_length(reader->type));
        default:
                return fail(reader);
        }
}

bool reader_skip(Reader *reader) {
        char code = reader_peek(reader);
        size_t size = syntax_type_fixed_size(code);
        WireString text;
        Reader inside;

        if (size > 0) {
                if (!begin(reader, code, size))
                        return false;
                reader->offset += size;
                advance_type(reader, 1);
                return true;
        }
        if (code == 's' || code == 'o' || code == 'g')
                return get_text(reader, code, &text);
        if (code == '\0')
                return fail(reader);
        return reader_enter(reader, code, &inside);
}

bool reader_raw(Reader *reader, const uint8_t **ret_bytes, size_t *ret_n_bytes,
                WireString *ret_signature) {
        const char *type = reader->type;
        char code = reader_peek(reader);
        size_t start;

        if (code == '\0')
                return fail(reader);
        start = bytes_align(reader->offset, syntax_type_alignment(code));
        if (!reader_skip(reader))
                return false;
        *ret_bytes = reader->bytes + start;
        *ret_n_bytes = reader->offset - start;
        *ret_signature = (WireString){ .data = type, .length = (uint32_t)syntax_type_length(type) };
        return true;
}

bool reader_finish(const Reader *reader) {
        if (reader->failed || reader->offset != reader->end)
                return false;
        return reader->element_type || reader->type == reader->type_end;
}
