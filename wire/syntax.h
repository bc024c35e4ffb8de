/* SPDX-License-Identifier: MIT */
/* Validators for names, paths, signatures and UTF-8 ("Valid Names", "Type System"). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** syntax_is_utf8() - whether @n bytes are UTF-8 without NUL, surrogates or overlong forms */
bool syntax_is_utf8(const char *text, size_t n);

bool syntax_is_object_path(const char *text, size_t n);
bool syntax_is_interface(const char *text, size_t n);
bool syntax_is_member(const char *text, size_t n);
bool syntax_is_error_name(const char *text, size_t n);

/** syntax_is_bus_name() - unique or well-known */
bool syntax_is_bus_name(const char *text, size_t n);

/**
 * syntax_is_unique_name() - starts with a colon
 *
 * As lax as the reference: ":" and ":1" pass. No connection ever has such a name, so that whoever
 * asks for one hears that nobody owns it.
 */
bool syntax_is_unique_name(const char *text, size_t n);
bool syntax_is_well_known_name(const char *text, size_t n);

/** syntax_is_bus_namespace() - what arg0namespace takes: a bus name, which may lack a period */
bool syntax_is_bus_namespace(const char *text, size_t n);

/** syntax_is_signature() - any number of complete types, within the nesting limits */
bool syntax_is_signature(const char *text, size_t n);

/** syntax_is_single_type() - exactly one complete type */
bool syntax_is_single_type(const char *text, size_t n);

/**
 * syntax_type_length() - bytes of the first complete type of a valid, not empty signature
 */
size_t syntax_type_length(const char *signature);

/* What is known of a type code: its alignment, or'ed with these. 0 is no type code. */
enum {
        SYNTAX_TYPE_ALIGNMENT = 0x0f,
        SYNTAX_TYPE_BASIC = 0x10,
        SYNTAX_TYPE_FIXED = 0x20, /* its size is its alignment */
};
extern const uint8_t syntax_types[256];

/** syntax_type_alignment() - 1, 2, 4 or 8 for the type that starts with @code */
static inline unsigned syntax_type_alignment(char code) {
        return syntax_types[(uint8_t)code] & SYNTAX_TYPE_ALIGNMENT;
}

/** syntax_type_is_basic() - whether @code is a type that may be the key of a dict entry */
static inline bool syntax_type_is_basic(char code) {
        return syntax_types[(uint8_t)code] & SYNTAX_TYPE_BASIC;
}

/** syntax_type_fixed_size() - bytes of a value of type @code, 0 when that depends on the value */
static inline unsigned syntax_type_fixed_size(char code) {
        return (syntax_types[(uint8_t)code] & SYNTAX_TYPE_FIXED) ? syntax_type_alignment(code) : 0;
}
