/* SPDX-License-Identifier: MIT */
/*
 * Files that people write: read whole, and refused when they are none.
 */
#pragma once

#include <gio/gio.h>

/* Bytes; no description of an app comes near it. */
#define SMALL_FILE_MAX (1u << 20)

/**
 * small_file_read() - the text of a file of at most SMALL_FILE_MAX bytes, pipes included
 * @ret_length: NULL, or where its length goes; text with a NUL in it is refused
 *
 * Return: NUL-terminated, caller frees it; NULL with @error that names the file.
 *         G_FILE_ERROR_NOENT is kept.
 */
char *small_file_read(const char *file, size_t *ret_length, GError **error);
