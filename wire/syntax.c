/* SPDX-License-Identifier: MIT */
/*
 * Validators. They run on every message, so they neither allocate nor copy, and look at eight bytes
 * at a time.
 *
 * A set of bytes is a word with the top bit of each member's byte set. All texts but UTF-8 are
 * 7-bit, so that sums within a byte do not carry into the next one:
 *
 *     word         o  r  g  .  a  .  4  2
 *     separators   .  .  .  80 .  80 .  .
 *     behind one   .  .  .  .  80 .  80 .     has a digit, which may not start an element
 */
#include "wire/syntax.h"

#include "wire/protocol.h"

#include <glib.h>
#include <string.h>

#define EACH(byte) (0x0101010101010101u * (uint8_t)(byte))
#define TOP_BITS EACH(0x80)

#define FIXED(size) ((size) | SYNTAX_TYPE_BASIC | SYNTAX_TYPE_FIXED)

const uint8_t syntax_types[256] = {
        ['y'] = FIXED(1),
        ['n'] = FIXED(2),
        ['q'] = FIXED(2),
        ['b'] = FIXED(4),
        ['i'] = FIXED(4),
        ['u'] = FIXED(4),
        ['h'] = FIXED(4),
        ['x'] = FIXED(8),
        ['t'] = FIXED(8),
        ['d'] = FIXED(8),
        ['s'] = 4 | SYNTAX_TYPE_BASIC,
        ['o'] = 4 | SYNTAX_TYPE_BASIC,
        ['g'] = 1 | SYNTAX_TYPE_BASIC,
        ['a'] = 4,
        ['v'] = 1,
        ['('] = 8,
        ['{'] = 8,
};

static inline uint64_t load_u64(const char *bytes) {
        uint64_t value;

        memcpy(&value, bytes, sizeof(value));
        return GUINT64_FROM_LE(value);
}

static inline uint64_t load_u32(const char *bytes) {
        uint32_t value;

        memcpy(&value, bytes, sizeof(value));
        return GUINT32_FROM_LE(value);
}

/* Bytes @i up to @i + 7 of @n > @i, the first one lowest; behind the last one come letters. */
static inline uint64_t load_word(const char *text, size_t n, size_t i) {
        size_t n_left = n - i;
        uint64_t word;

        text += i;
        if (n_left >= 8)
                return load_u64(text);
        if (n >= 8)
                word = load_u64(text + n_left - 8) >> (8 * (8 - n_left));
        else if (n_left >= 4)
                word = load_u32(text) | load_u32(text + n_left - 4) << (8 * (n_left - 4));
        else
                word = (uint64_t)(uint8_t)text[0] |
                       (uint64_t)(uint8_t)text[n_left / 2] << (8 * (n_left / 2)) |
                       (uint64_t)(uint8_t)text[n_left - 1] << (8 * (n_left - 1));
        return word | EACH('a') << (8 * n_left);
}

/* The bytes of 7-bit @word between @low and @high. */
static inline uint64_t find_range(uint64_t word, char low, char high) {
        return (word + EACH(0x80 - low)) & ~(word + EACH(0x7f - high)) & TOP_BITS;
}

/* The bytes of 7-bit @word that are @byte. */
static inline uint64_t find_byte(uint64_t word, char byte) {
        return ~((word ^ EACH(byte)) + EACH(0x7f)) & TOP_BITS;
}

/* Whether all eight bytes are in 1..0x7f: subtracting one sets the top bit of the lowest zero. */
static inline bool is_ascii_word(uint64_t word) {
        return (((word - EACH(1)) | word) & TOP_BITS) == 0;
}

static inline bool is_continuation(uint8_t byte) {
        return (byte & 0xc0) == 0x80;
}

/* Length of the valid character at @p, which is not ASCII or is NUL; 0: not valid. */
static size_t utf8_character(const uint8_t *p, const uint8_t *end) {
        size_t n_left = (size_t)(end - p);

        if (p[0] < 0xc2)
                return 0;
        if (p[0] < 0xe0)
                return n_left >= 2 && is_continuation(p[1]) ? 2 : 0;
        if (n_left < 3 || !is_continuation(p[1]) || !is_continuation(p[2]))
                return 0;
        if (p[0] < 0xf0) {
                bool overlong = p[0] == 0xe0 && p[1] < 0xa0;
                bool surrogate = p[0] == 0xed && p[1] >= 0xa0;

                return overlong || surrogate ? 0 : 3;
        }
        if (p[0] > 0xf4 || n_left < 4 || !is_continuation(p[3]))
                return 0;
        if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
                return 0;
        return 4;
}

bool syntax_is_utf8(const char *text, size_t n) {
        const uint8_t *p = (const uint8_t *)text, *end = p + n;

        while (p < end) {
                size_t length;

                while (end - p >= 8 && is_ascii_word(load_u64((const char *)p)))
                        p += 8;
                while (p < end && *p >= 1 && *p < 0x80)
                        p++;
                if (p == end)
                        return true;
                length = utf8_character(p, end);
                if (length == 0)
                        return false;
                p += length;
        }
        return true;
}

/* Names and paths: elements of letters, digits and underscores with separators between them. */
typedef struct ElementSyntax {
        char separator;
        bool digit_first;  /* an element may start with a digit */
        bool hyphen;       /* a hyphen counts as a letter */
        bool inside_first; /* the text starts in the middle of an element */
} ElementSyntax;

/* Return: whether @n > 0 bytes are valid elements, none empty; then whether there are several. */
G_ALWAYS_INLINE static inline bool scan_elements(const char *text, size_t n, ElementSyntax syntax,
                                                 bool *ret_several) {
        uint64_t behind = syntax.inside_first ? 0 : 0x80, wrong = 0, any_separators = 0;

        for (size_t i = 0; i < n; i += 8) {
                uint64_t word = load_word(text, n, i), separators, digits, first;

                wrong |= word & TOP_BITS;
                word &= ~TOP_BITS;
                separators = find_byte(word, syntax.separator);
                digits = find_range(word, '0', '9');
                first = find_range(word | EACH(0x20), 'a', 'z') | find_byte(word, '_');
                if (syntax.hyphen)
                        first |= find_byte(word, '-');
                if (syntax.digit_first)
                        first |= digits;
                wrong |= TOP_BITS & ~(first | digits | separators);
                wrong |= (separators << 8 | behind) & ~first;
                behind = separators >> 56;
                any_separators |= separators;
        }
        *ret_several = any_separators != 0;
        return wrong == 0 && text[n - 1] != syntax.separator;
}

bool syntax_is_object_path(const char *text, size_t n) {
        const ElementSyntax syntax = { .separator = '/', .digit_first = true };
        bool several;

        if (n == 0 || text[0] != '/')
                return false;
        return n == 1 || scan_elements(text + 1, n - 1, syntax, &several);
}

bool syntax_is_interface(const char *text, size_t n) {
        const ElementSyntax syntax = { .separator = '.' };
        bool several;

        return n > 0 && n <= PROTOCOL_MAX_NAME && scan_elements(text, n, syntax, &several) &&
               several;
}

bool syntax_is_error_name(const char *text, size_t n) {
        return syntax_is_interface(text, n);
}

bool syntax_is_member(const char *text, size_t n) {
        const ElementSyntax syntax = { .separator = '.' };
        bool several;

        return n > 0 && n <= PROTOCOL_MAX_NAME && scan_elements(text, n, syntax, &several) &&
               !several;
}

bool syntax_is_unique_name(const char *text, size_t n) {
        const ElementSyntax syntax = {
                .separator = '.', .digit_first = true, .hyphen = true, .inside_first = true
        };
        bool several;

        if (n == 0 || n > PROTOCOL_MAX_NAME || text[0] != ':')
                return false;
        return n == 1 || scan_elements(text + 1, n - 1, syntax, &several);
}

static bool is_dotted_name(const char *text, size_t n, bool *ret_several) {
        const ElementSyntax syntax = { .separator = '.', .hyphen = true };

        return n > 0 && n <= PROTOCOL_MAX_NAME && scan_elements(text, n, syntax, ret_several);
}

bool syntax_is_well_known_name(const char *text, size_t n) {
        bool several;

        return is_dotted_name(text, n, &several) && several;
}

bool syntax_is_bus_name(const char *text, size_t n) {
        return n > 0 && text[0] == ':' ? syntax_is_unique_name(text, n)
                                       : syntax_is_well_known_name(text, n);
}

bool syntax_is_bus_namespace(const char *text, size_t n) {
        bool several;

        return n > 0 && text[0] == ':' ? syntax_is_unique_name(text, n)
                                       : is_dotted_name(text, n, &several);
}

/* What is open around a type. Dict entries are bounded by the arrays they are in. */
typedef struct Nesting {
        unsigned n_arrays, n_structs;
} Nesting;

static const char *scan_type(const char *type, const char *end, Nesting nesting);

/* @type: behind '('. Return: behind ')'. */
static const char *scan_struct(const char *type, const char *end, Nesting nesting) {
        if (++nesting.n_structs > PROTOCOL_MAX_STRUCT_DEPTH)
                return NULL;
        do
                type = scan_type(type, end, nesting);
        while (type && type < end && *type != ')');
        return type && type < end ? type + 1 : NULL;
}

/* @type: behind '{'. Return: behind '}'. */
static const char *scan_dict_entry(const char *type, const char *end, Nesting nesting) {
        if (type == end || !syntax_type_is_basic(*type))
                return NULL;
        type = scan_type(type + 1, end, nesting);
        return type && type < end && *type == '}' ? type + 1 : NULL;
}

/* Return: behind the complete type at @type, NULL when there is none. */
static const char *scan_type(const char *type, const char *end, Nesting nesting) {
        if (type == end)
                return NULL;
        if (syntax_type_is_basic(*type) || *type == 'v')
                return type + 1;
        if (*type == '(')
                return scan_struct(type + 1, end, nesting);
        if (*type != 'a' || ++nesting.n_arrays > PROTOCOL_MAX_ARRAY_DEPTH)
                return NULL;
        type++;
        if (type < end && *type == '{')
                return scan_dict_entry(type + 1, end, nesting);
        return scan_type(type, end, nesting);
}

bool syntax_is_signature(const char *text, size_t n) {
        const char *type = text, *end = text + n;

        if (n > PROTOCOL_MAX_SIGNATURE)
                return false;
        while (type && type < end)
                type = scan_type(type, end, (Nesting){ 0 });
        return type;
}

bool syntax_is_single_type(const char *text, size_t n) {
        const char *end = text + n;

        return n <= PROTOCOL_MAX_SIGNATURE && scan_type(text, end, (Nesting){ 0 }) == end;
}

size_t syntax_type_length(const char *signature) {
        const char *type = signature;
        unsigned n_open = 0;

        while (*type == 'a')
                type++;
        do {
                if (*type == '(' || *type == '{')
                        n_open++;
                else if (*type == ')' || *type == '}')
                        n_open--;
                type++;
        } while (n_open > 0);
        return (size_t)(type - signature);
}
