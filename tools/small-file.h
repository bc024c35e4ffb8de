/* SPDX-License-Identifier: MIT */
/*
 * Files that people write: read whole, and refused when they are none.
 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

/* Bytes; no description of an app comes near it. */
#define SMALL_FILE_MAX (1u << 20)

/**
 * small_file_read() - the text of a file of at most SMALL_FILE_MAX bytes, pipes included
 * @ret_length: NULL, or where its length goes
 *
 * Return: NUL-terminated UTF-8, caller frees it; NULL with @error that names the file.
 *         G_FILE_ERROR_NOENT is kept.
 */
char *small_file_read(const char *file, size_t *ret_length, GError **error);

/**
 * small_file_check() - whether @text is UTF-8 without zero bytes
 * @file: its name, for errors
 *
 * Return: false with @error, "FILE:LINE: expected ...".
 */
bool small_file_check(const char *text, size_t length, const char *file, GError **error);
