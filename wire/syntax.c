/* SPDX-License-Identifier: MIT */
/*
 * Validators. Each makes one pass over its text and looks every byte up in a table of character classes; what may
 * come next is a set of classes. They run on every message, so they neither allocate nor copy.
 */
#include "wire/syntax.h"

#include "wire/protocol.h"

#include <glib.h>
#include <string.h>

enum {
        CLASS_LETTER = 1 << 0, /* and underscore */
        CLASS_DIGIT = 1 << 1,
        CLASS_HYPHEN = 1 << 2,
        CLASS_SEPARATOR = 1 << 3, /* period or slash, each where it is none of the above */
        CLASS_SLASH = 1 << 4,
};

#define CLASS_WORD (CLASS_LETTER | CLASS_DIGIT)

static const uint8_t classes[256] = {
        ['a' ... 'z'] = CLASS_LETTER, ['A' ... 'Z'] = CLASS_LETTER, ['_'] = CLASS_LETTER,
        ['0' ... '9'] = CLASS_DIGIT,  ['-'] = CLASS_HYPHEN,         ['.'] = CLASS_SEPARATOR,
        ['/'] = CLASS_SLASH,
};

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

static inline uint64_t load_u64(const uint8_t *bytes) {
        uint64_t value;

        memcpy(&value, bytes, sizeof(value));
        return value;
}

/* Whether all eight bytes are in 1..0x7f: subtracting one sets the top bit of the lowest zero byte. */
static inline bool is_ascii_word(uint64_t word) {
        return (((word - 0x0101010101010101u) | word) & 0x8080808080808080u) == 0;
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

                while (end - p >= 8 && is_ascii_word(load_u64(p)))
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

bool syntax_is_object_path(const char *text, size_t n) {
        unsigned allowed = CLASS_WORD;

        if (n == 0 || text[0] != '/')
                return false;
        if (n == 1)
                return true;
        for (size_t i = 1; i < n; i++) {
                unsigned class = classes[(uint8_t)text[i]];

                if (!(class & allowed))
                        return false;
                allowed = class & CLASS_SLASH ? CLASS_WORD : CLASS_WORD | CLASS_SLASH;
        }
        /* Two slashes in a row or one at the end: an empty element. */
        return allowed & CLASS_SLASH;
}

/*
 * Elements separated by periods; @first may start one, @rest may follow. Counts the periods; false also for
 * empty elements.
 */
static inline bool scan_elements(const char *text, size_t n, unsigned first, unsigned rest, size_t *ret_periods) {
        unsigned allowed = first;
        size_t n_periods = 0;

        for (size_t i = 0; i < n; i++) {
                unsigned class = classes[(uint8_t)text[i]];

                if (!(class & allowed))
                        return false;
                allowed = class & CLASS_SEPARATOR ? first : rest | CLASS_SEPARATOR;
                n_periods += class & CLASS_SEPARATOR ? 1 : 0;
        }
        *ret_periods = n_periods;
        return allowed & CLASS_SEPARATOR;
}

bool syntax_is_interface(const char *text, size_t n) {
        size_t n_periods;

        return n <= PROTOCOL_MAX_NAME && scan_elements(text, n, CLASS_LETTER, CLASS_WORD, &n_periods) &&
               n_periods > 0;
}

bool syntax_is_error_name(const char *text, size_t n) {
        return syntax_is_interface(text, n);
}

bool syntax_is_member(const char *text, size_t n) {
        unsigned allowed = CLASS_LETTER;

        if (n == 0 || n > PROTOCOL_MAX_NAME)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!(classes[(uint8_t)text[i]] & allowed))
                        return false;
                allowed = CLASS_WORD;
        }
        return true;
}

bool syntax_is_unique_name(const char *text, size_t n) {
        /* Only an empty element behind a period is refused, not one before it. */
        unsigned allowed = CLASS_WORD | CLASS_HYPHEN | CLASS_SEPARATOR;

        if (n == 0 || n > PROTOCOL_MAX_NAME || text[0] != ':')
                return false;
        for (size_t i = 1; i < n; i++) {
                unsigned class = classes[(uint8_t)text[i]];

                if (!(class & allowed))
                        return false;
                allowed = CLASS_WORD | CLASS_HYPHEN;
                if (!(class & CLASS_SEPARATOR))
                        allowed |= CLASS_SEPARATOR;
        }
        return allowed & CLASS_SEPARATOR;
}

static bool is_dotted_name(const char *text, size_t n, size_t min_periods) {
        const unsigned first = CLASS_LETTER | CLASS_HYPHEN;
        size_t n_periods;

        return n <= PROTOCOL_MAX_NAME && scan_elements(text, n, first, first | CLASS_DIGIT, &n_periods) &&
               n_periods >= min_periods;
}

bool syntax_is_well_known_name(const char *text, size_t n) {
        return is_dotted_name(text, n, 1);
}

bool syntax_is_bus_name(const char *text, size_t n) {
        return n > 0 && text[0] == ':' ? syntax_is_unique_name(text, n) : syntax_is_well_known_name(text, n);
}

bool syntax_is_bus_namespace(const char *text, size_t n) {
        return n > 0 && text[0] == ':' ? syntax_is_unique_name(text, n) : is_dotted_name(text, n, 0);
}

/* How many of each container are open around a type. Dict entries are bounded by the arrays they are in. */
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
