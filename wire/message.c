/* SPDX-License-Identifier: MIT */
/*
 * The header of a message: validation and the view.
 *
 * A header is sixteen fixed bytes, the last four of which are the length of the field array, then
 * the fields, each a struct of a code and a variant, then padding to eight. The first bytes of a
 * known field are constant:
 *
 *     07 01 's' 00  05 00 00 00  ':'  '1'  '.'  '4'  '2'  00  00 00
 *     code signature   length    text                    NUL  padding
 *
 * so that one four byte compare checks the code and the type of the field that is expected behind
 * it. Fields of codes that the bus does not know go the general way of body.c.
 *
 * What is forwarded is remembered as spans. A client sends known fields only, so that there is one.
 */
#include "wire/message.h"

#include "wire/body.h"
#include "wire/bytes.h"
#include "wire/syntax.h"

/* The sixteen fixed bytes. */
enum {
        OFFSET_ENDIAN = 0,
        OFFSET_TYPE = 1,
        OFFSET_FLAGS = 2,
        OFFSET_VERSION = 3,
        OFFSET_BODY_LENGTH = 4,
        OFFSET_SERIAL = 8,
        OFFSET_FIELDS_LENGTH = 12,
};

/* The variant of a field is inside an array and a struct. */
#define FIELD_DEPTH 2

#define MAX_FIELDS (PROTOCOL_MAX_ARRAY - MESSAGE_MAX_ADDED)

#define FIELD_BIT(code) (1u << (code))

static const uint16_t required_fields[] = {
        [MESSAGE_TYPE_METHOD_CALL] = FIELD_BIT(FIELD_PATH) | FIELD_BIT(FIELD_MEMBER),
        [MESSAGE_TYPE_METHOD_RETURN] = FIELD_BIT(FIELD_REPLY_SERIAL),
        [MESSAGE_TYPE_ERROR] = FIELD_BIT(FIELD_ERROR_NAME) | FIELD_BIT(FIELD_REPLY_SERIAL),
        [MESSAGE_TYPE_SIGNAL] =
                FIELD_BIT(FIELD_PATH) | FIELD_BIT(FIELD_INTERFACE) | FIELD_BIT(FIELD_MEMBER),
};

/* The state of one pass over the fields. */
typedef struct FieldParser {
        MessageView *view;
        size_t offset, end; /* of the current field, of the array */
        unsigned seen;      /* FIELD_BIT() of known fields */
        bool is_own;        /* the writer's: what it says is valid */
} FieldParser;

size_t message_frame_size(const uint8_t *bytes, size_t max_size) {
        bool big_endian = bytes[OFFSET_ENDIAN] == 'B';
        uint64_t n_fields, n_body, size;

        if ((!big_endian && bytes[OFFSET_ENDIAN] != 'l') ||
            bytes[OFFSET_VERSION] != PROTOCOL_VERSION)
                return 0;
        n_body = bytes_get_u32(bytes + OFFSET_BODY_LENGTH, big_endian);
        n_fields = bytes_get_u32(bytes + OFFSET_FIELDS_LENGTH, big_endian);
        size = ((PROTOCOL_FIXED_HEADER + n_fields + 7) & ~(uint64_t)7) + n_body;
        if (n_fields > MAX_FIELDS ||
            size > MIN(max_size, (size_t)PROTOCOL_MAX_MESSAGE - MESSAGE_MAX_ADDED))
                return 0;
        return (size_t)size;
}

/* Type code that the value of a known field has. */
static inline char field_type(unsigned code) {
        static const char types[] = {
                [FIELD_PATH] = 'o',       [FIELD_INTERFACE] = 's',    [FIELD_MEMBER] = 's',
                [FIELD_ERROR_NAME] = 's', [FIELD_REPLY_SERIAL] = 'u', [FIELD_DESTINATION] = 's',
                [FIELD_SENDER] = 's',     [FIELD_SIGNATURE] = 'g',    [FIELD_UNIX_FDS] = 'u',
        };

        return types[code];
}

/* The text of a field of type s, o or g, moving behind its NUL; false when it does not fit. */
static inline bool take_text(FieldParser *parser, size_t n_length, WireString *ret_text) {
        const uint8_t *value = parser->view->bytes + parser->offset + 4;
        size_t n_left = parser->end - parser->offset - 4;
        uint32_t length;

        if (n_left <= n_length)
                return false;
        length = n_length == 1 ? value[0] : bytes_get_u32(value, parser->view->big_endian);
        if (n_left - n_length <= length || value[n_length + length] != 0)
                return false;
        *ret_text = (WireString){ .data = (const char *)value + n_length, .length = length };
        parser->offset += 4 + n_length + length + 1;
        return true;
}

static inline bool take_u32(FieldParser *parser, uint32_t *ret_value) {
        if (parser->end - parser->offset < 8)
                return false;
        *ret_value =
                bytes_get_u32(parser->view->bytes + parser->offset + 4, parser->view->big_endian);
        parser->offset += 8;
        return true;
}

static inline bool take_name(FieldParser *parser, bool (*is_valid)(const char *, size_t),
                             WireString *ret_text) {
        return take_text(parser, 4, ret_text) &&
               (parser->is_own || is_valid(ret_text->data, ret_text->length));
}

/* Reads the value of a known field, whose code and type have been checked, and moves behind it. */
static MessageError parse_value(FieldParser *parser, unsigned code) {
        MessageView *view = parser->view;
        bool valid;

        switch (code) {
        case FIELD_PATH:
                valid = take_name(parser, syntax_is_object_path, &view->path);
                if (valid && wire_string_equal(view->path, WIRE_STRING_LITERAL(DBUS_LOCAL_PATH)))
                        return MESSAGE_RESERVED_NAME;
                break;
        case FIELD_INTERFACE:
                valid = take_name(parser, syntax_is_interface, &view->interface);
                if (valid &&
                    wire_string_equal(view->interface, WIRE_STRING_LITERAL(DBUS_LOCAL_INTERFACE)))
                        return MESSAGE_RESERVED_NAME;
                break;
        case FIELD_MEMBER:
                valid = take_name(parser, syntax_is_member, &view->member);
                break;
        case FIELD_ERROR_NAME:
                valid = take_name(parser, syntax_is_error_name, &view->error_name);
                break;
        case FIELD_REPLY_SERIAL:
                valid = take_u32(parser, &view->reply_serial) && view->reply_serial != 0;
                break;
        case FIELD_DESTINATION:
                valid = take_name(parser, syntax_is_bus_name, &view->destination);
                break;
        case FIELD_SENDER:
                valid = take_name(parser, syntax_is_bus_name, &view->sender);
                break;
        case FIELD_SIGNATURE:
                valid = take_text(parser, 1, &view->signature) &&
                        (parser->is_own ||
                         syntax_is_signature(view->signature.data, view->signature.length));
                break;
        default: /* FIELD_UNIX_FDS */
                valid = take_u32(parser, &view->n_fds);
                break;
        }
        return valid ? MESSAGE_OK : MESSAGE_BAD_FIELD;
}

/* Makes the field that ended at the parser's offset part of what is forwarded. */
static inline void keep_field(FieldParser *parser, size_t start) {
        MessageView *view = parser->view;
        FieldSpan *last = view->n_spans > 0 ? &view->spans[view->n_spans - 1] : NULL;

        if (last && bytes_align(last->end, 8) == start)
                last->end = (uint32_t)parser->offset;
        else
                view->spans[view->n_spans++] =
                        (FieldSpan){ .start = (uint32_t)start, .end = (uint32_t)parser->offset };
}

static bool skip_unknown_field(FieldParser *parser) {
        BodyCursor cursor = {
                .bytes = parser->view->bytes,
                .offset = parser->offset + 1,
                .end = parser->end,
                .big_endian = parser->view->big_endian,
        };

        if (!body_check_variant(&cursor, FIELD_DEPTH))
                return false;
        parser->offset = cursor.offset;
        return true;
}

/* The field at the parser's offset, which is 8-aligned and not at the end. */
static MessageError parse_field(FieldParser *parser) {
        const uint8_t *field = parser->view->bytes + parser->offset;
        size_t start = parser->offset;
        unsigned code = field[0];
        MessageError error;

        if (code == FIELD_INVALID)
                return MESSAGE_BAD_FIELD;
        if (code > FIELD_UNIX_FDS)
                return skip_unknown_field(parser) ? MESSAGE_OK : MESSAGE_BAD_FIELD;
        if (parser->end - start < 4 || (parser->seen & FIELD_BIT(code)) != 0)
                return MESSAGE_BAD_FIELD;
        if (field[1] != 1 || field[2] != (uint8_t)field_type(code) || field[3] != 0)
                return MESSAGE_BAD_FIELD;
        parser->seen |= FIELD_BIT(code);
        error = parse_value(parser, code);
        if (error == MESSAGE_OK && code != FIELD_SENDER)
                keep_field(parser, start);
        return error;
}

static MessageError parse_fields(FieldParser *parser) {
        const uint8_t *bytes = parser->view->bytes;

        while (parser->offset < parser->end) {
                MessageError error = parse_field(parser);
                size_t next;

                if (error != MESSAGE_OK)
                        return error;
                /* The last field has its padding behind the array, where the body starts. */
                next = bytes_align(parser->offset, 8);
                if (next >= parser->end && parser->offset != parser->end)
                        return MESSAGE_BAD_FIELD;
                if (!bytes_are_padding(bytes, parser->offset, next))
                        return MESSAGE_BAD_FIELD;
                parser->offset = next;
        }
        return MESSAGE_OK;
}

/* The fixed header; the fields stand behind it. */
static MessageError parse_fixed(MessageView *view, const uint8_t *bytes, size_t n_bytes) {
        memset(view, 0, offsetof(MessageView, spans));
        if (n_bytes < PROTOCOL_FIXED_HEADER ||
            message_frame_size(bytes, PROTOCOL_MAX_MESSAGE) != n_bytes)
                return MESSAGE_BAD_HEADER;
        view->bytes = bytes;
        view->n_bytes = (uint32_t)n_bytes;
        view->big_endian = bytes[OFFSET_ENDIAN] == 'B';
        view->type = bytes[OFFSET_TYPE];
        view->flags = bytes[OFFSET_FLAGS];
        view->serial = bytes_get_u32(bytes + OFFSET_SERIAL, view->big_endian);
        view->n_body = bytes_get_u32(bytes + OFFSET_BODY_LENGTH, view->big_endian);
        view->body_offset = view->n_bytes - view->n_body;
        if (view->type == MESSAGE_TYPE_INVALID || view->serial == 0)
                return MESSAGE_BAD_HEADER;
        return MESSAGE_OK;
}

static FieldParser parser_at_fields(MessageView *view) {
        uint32_t n_fields = bytes_get_u32(view->bytes + OFFSET_FIELDS_LENGTH, view->big_endian);

        return (FieldParser){ .view = view,
                              .offset = PROTOCOL_FIXED_HEADER,
                              .end = PROTOCOL_FIXED_HEADER + n_fields };
}

MessageError message_parse(const uint8_t *bytes, size_t n_bytes, MessageView *ret_view) {
        MessageView *view = ret_view;
        MessageError error = parse_fixed(view, bytes, n_bytes);
        FieldParser parser;
        unsigned required;

        if (error != MESSAGE_OK)
                return error;
        parser = parser_at_fields(view);
        error = parse_fields(&parser);
        if (error != MESSAGE_OK)
                return error;
        required = view->type < G_N_ELEMENTS(required_fields) ? required_fields[view->type] : 0;
        if ((parser.seen & required) != required)
                return MESSAGE_BAD_FIELD;
        if (!body_is_valid(message_view_body(view), view->n_body, view->signature,
                                   view->big_endian))
                return MESSAGE_BAD_BODY;
        return MESSAGE_OK;
}

void message_view_own(const uint8_t *bytes, size_t n_bytes, MessageView *ret_view) {
        FieldParser parser;

        if (parse_fixed(ret_view, bytes, n_bytes) != MESSAGE_OK)
                g_assert_not_reached();
        parser = parser_at_fields(ret_view);
        parser.is_own = true;
        if (parse_fields(&parser) != MESSAGE_OK)
                g_assert_not_reached();
}
