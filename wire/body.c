/* SPDX-License-Identifier: MIT */
/*
 * Validation of marshalled values against their signature.
 *
 * check_value() walks along the signature and along the bytes at once: given a type and a cursor it
 * moves the cursor behind the value and returns the position behind the type. For an array it does
 * so once for each element, starting from the same position:
 *
 *     signature   a ( s u ) b          check_value("a(su)b") returns "b"
 *                   ^---^ once for each element, until the bytes of the array are used up
 *
 * It recurses into containers, at most PROTOCOL_MAX_DEPTH deep. Time is linear in the size of the
 * message: every value but an empty array moves both the cursor and the position, and behind an
 * empty array the rest of its type is skipped with a table that is made at most once for each
 * signature in the message.
 */
#include "wire/body.h"

#include "wire/bytes.h"
#include "wire/protocol.h"
#include "wire/syntax.h"

/* One signature of the message. */
typedef struct Types {
        const char *start, *end;
        bool has_ends;
        /* Of the complete type that starts here; set with has_ends. */
        uint8_t ends[PROTOCOL_MAX_SIGNATURE];
} Types;

/* Moves to the next multiple of @alignment, at most the end, over zero bytes. */
static inline bool skip_padding(BodyCursor *cursor, size_t alignment) {
        size_t aligned = bytes_align(cursor->offset, alignment);

        if (aligned > cursor->end || !bytes_are_padding(cursor->bytes, cursor->offset, aligned))
                return false;
        cursor->offset = aligned;
        return true;
}

static inline bool take_u32(BodyCursor *cursor, uint32_t *ret_value) {
        if (!skip_padding(cursor, 4) || cursor->end - cursor->offset < 4)
                return false;
        *ret_value = bytes_get_u32(cursor->bytes + cursor->offset, cursor->big_endian);
        cursor->offset += 4;
        return true;
}

/* Takes @n bytes and the NUL behind them; the bytes themselves are not looked at. */
static inline const char *take_text(BodyCursor *cursor, size_t n) {
        const char *text = (const char *)cursor->bytes + cursor->offset;

        if (cursor->end - cursor->offset <= n || text[n] != '\0')
                return NULL;
        cursor->offset += n + 1;
        return text;
}

static bool check_string(BodyCursor *cursor) {
        const char *text;
        uint32_t n;

        if (!take_u32(cursor, &n))
                return false;
        text = take_text(cursor, n);
        return text && syntax_is_utf8(text, n);
}

static bool check_path(BodyCursor *cursor) {
        const char *text;
        uint32_t n;

        if (!take_u32(cursor, &n))
                return false;
        text = take_text(cursor, n);
        return text && syntax_is_object_path(text, n);
}

/* The text of a signature, not validated; NULL when it does not fit. */
static const char *take_signature(BodyCursor *cursor, size_t *ret_n) {
        size_t n;

        if (cursor->offset == cursor->end)
                return NULL;
        n = cursor->bytes[cursor->offset++];
        *ret_n = n;
        return take_text(cursor, n);
}

static bool check_signature(BodyCursor *cursor) {
        const char *text;
        size_t n;

        text = take_signature(cursor, &n);
        return text && syntax_is_signature(text, n);
}

static bool check_fixed(BodyCursor *cursor, size_t size) {
        if (!skip_padding(cursor, size) || cursor->end - cursor->offset < size)
                return false;
        cursor->offset += size;
        return true;
}

static bool check_bool(BodyCursor *cursor) {
        uint32_t value;

        return take_u32(cursor, &value) && value <= 1;
}

/* A value of basic type @code. */
static bool check_basic(BodyCursor *cursor, char code) {
        switch (code) {
        case 's':
                return check_string(cursor);
        case 'o':
                return check_path(cursor);
        case 'g':
                return check_signature(cursor);
        case 'b':
                return check_bool(cursor);
        default:
                return check_fixed(cursor, syntax_type_fixed_size(code));
        }
}

static const char *check_container(BodyCursor *cursor, Types *types, const char *type,
                                   unsigned depth);

/* Return: behind @type, NULL when the value is not valid. */
static inline const char *check_value(BodyCursor *cursor, Types *types, const char *type,
                                      unsigned depth) {
        if (syntax_type_is_basic(*type))
                return check_basic(cursor, *type) ? type + 1 : NULL;
        return check_container(cursor, types, type, depth);
}

/* From the back: the end of an array is that of its element, a struct's is behind its bracket. */
static void find_ends(Types *types) {
        uint8_t closing[PROTOCOL_MAX_SIGNATURE];
        size_t n = (size_t)(types->end - types->start), n_open = 0;

        for (size_t i = n; i-- > 0;) {
                switch (types->start[i]) {
                case ')':
                case '}':
                        closing[n_open++] = (uint8_t)(i + 1);
                        types->ends[i] = (uint8_t)(i + 1);
                        break;
                case '(':
                case '{':
                        types->ends[i] = closing[--n_open];
                        break;
                case 'a':
                        types->ends[i] = types->ends[i + 1];
                        break;
                default:
                        types->ends[i] = (uint8_t)(i + 1);
                        break;
                }
        }
        types->has_ends = true;
}

static const char *skip_type(Types *types, const char *type) {
        if (syntax_type_is_basic(*type) || *type == 'v')
                return type + 1;
        if (!types->has_ends)
                find_ends(types);
        return types->start + types->ends[type - types->start];
}

/* Elements until the end of the array, which is where @cursor ends. */
static const char *check_elements(BodyCursor *cursor, Types *types, const char *element,
                                  unsigned depth) {
        const char *behind;

        switch (*element) {
        case 's':
                while (cursor->offset < cursor->end)
                        if (!check_string(cursor))
                                return NULL;
                return element + 1;
        case 'b':
                while (cursor->offset < cursor->end)
                        if (!check_bool(cursor))
                                return NULL;
                return element + 1;
        default:
                do
                        behind = check_value(cursor, types, element, depth);
                while (behind && cursor->offset < cursor->end);
                return behind;
        }
}

static const char *check_array(BodyCursor *cursor, Types *types, const char *element,
                               unsigned depth) {
        size_t fixed_size = syntax_type_fixed_size(*element), end = cursor->end;
        const char *behind;
        uint32_t n;

        if (!take_u32(cursor, &n) || n > PROTOCOL_MAX_ARRAY)
                return NULL;
        /* Also in front of no elements. */
        if (!skip_padding(cursor, syntax_type_alignment(*element)) || end - cursor->offset < n)
                return NULL;
        if (n == 0)
                return skip_type(types, element);
        if (fixed_size > 0 && *element != 'b') {
                cursor->offset += n;
                return n % fixed_size == 0 ? element + 1 : NULL;
        }
        cursor->end = cursor->offset + n;
        behind = check_elements(cursor, types, element, depth);
        cursor->end = end;
        return behind;
}

/*
 * @type: behind the opening bracket. Structs that start with structs are opened at once: they take
 * no bytes, so that their number would multiply the time of an element.
 */
static const char *check_struct(BodyCursor *cursor, Types *types, const char *type,
                                unsigned depth) {
        unsigned n_open = 1;

        if (!skip_padding(cursor, 8))
                return NULL;
        for (; *type == '('; type++)
                n_open++;
        if (depth + n_open - 1 > PROTOCOL_MAX_DEPTH)
                return NULL;
        while (type && n_open > 0) {
                if (*type == ')' || *type == '}') {
                        n_open--;
                        type++;
                } else {
                        type = check_value(cursor, types, type, depth + n_open - 1);
                }
        }
        return type;
}

static const char *check_container(BodyCursor *cursor, Types *types, const char *type,
                                   unsigned depth) {
        if (depth >= PROTOCOL_MAX_DEPTH)
                return NULL;
        switch (*type) {
        case 'a':
                return check_array(cursor, types, type + 1, depth + 1);
        case 'v':
                return body_check_variant(cursor, depth) ? type + 1 : NULL;
        default:
                return check_struct(cursor, types, type + 1, depth + 1);
        }
}

bool body_check_variant(BodyCursor *cursor, unsigned depth) {
        const char *signature;
        size_t n;

        if (depth >= PROTOCOL_MAX_DEPTH)
                return false;
        signature = take_signature(cursor, &n);
        if (signature && n == 1 && syntax_type_is_basic(*signature))
                return check_basic(cursor, *signature);
        return signature && syntax_is_single_type(signature, n) &&
               body_check_values(cursor, signature, n, depth + 1);
}

bool body_check_values(BodyCursor *cursor, const char *signature, size_t n_signature,
                       unsigned depth) {
        const char *type = signature;
        Types types;

        types.start = signature;
        types.end = signature + n_signature;
        types.has_ends = false;
        while (type && type < types.end)
                type = check_value(cursor, &types, type, depth);
        return type;
}

bool body_is_valid(const uint8_t *body, size_t n_body, WireString signature,
                           bool big_endian) {
        BodyCursor cursor = { .bytes = body, .end = n_body, .big_endian = big_endian };

        /* What most messages are: one string, one array of bytes, or nothing. */
        if (signature.length == 0)
                return n_body == 0;
        if (signature.length == 1 && signature.data[0] == 's')
                return check_string(&cursor) && cursor.offset == n_body;
        return body_check_values(&cursor, signature.data, signature.length, 0) &&
               cursor.offset == n_body;
}
