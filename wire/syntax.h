/* SPDX-License-Identifier: MIT */
/* Validators for names, paths, signatures and UTF-8 ("Valid Names", "Valid Object Paths", "Type System"). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** syntax_is_utf8() - whether @n bytes are UTF-8 without NUL, surrogates or overlong forms; wide compares for ASCII */
bool syntax_is_utf8(const char *text, size_t n);

bool syntax_is_object_path(const char *text, size_t n);
bool syntax_is_interface(const char *text, size_t n);
bool syntax_is_member(const char *text, size_t n);
bool syntax_is_error_name(const char *text, size_t n);

/** syntax_is_bus_name() - unique or well-known */
bool syntax_is_bus_name(const char *text, size_t n);
bool syntax_is_unique_name(const char *text, size_t n);
bool syntax_is_well_known_name(const char *text, size_t n);

/** syntax_is_bus_namespace() - what arg0namespace takes: a well-known name that may lack a period */
bool syntax_is_bus_namespace(const char *text, size_t n);

/** syntax_is_signature() - zero or more complete types, within the nesting limits, at most 255 bytes */
bool syntax_is_signature(const char *text, size_t n);

/** syntax_is_single_type() - exactly one complete type */
bool syntax_is_single_type(const char *text, size_t n);

/**
 * syntax_type_length() - bytes of the first complete type of a valid signature that is not at its end
 */
size_t syntax_type_length(const char *signature);

/** syntax_type_alignment() - 1, 2, 4 or 8 for the type that starts with @code */
unsigned syntax_type_alignment(char code);
