/* SPDX-License-Identifier: MIT */
/* Files and folders of the configuration, read whole and in an order that does not change. */
#pragma once

#include "policy/config.h"

#include <sys/stat.h>

/** config_files_read() - appends the content of a file
 * @path:         no folder, and not larger than 16 MiB
 * @only_regular: refuse pipes and devices, whose reading could block
 * @ret_stat:     of the file that was read
 *
 * Return: false with @error set, CONFIG_ERROR_MISSING when it is not there, _SHORTAGE when that is not known.
 */
bool config_files_read(const char *path, bool only_regular, GByteArray *bytes,
                       struct stat *ret_stat, GError **error);

/**
 * config_files_list() - the names in folder @path that end in @suffix, sorted
 *
 * Return: array of char * (owned); NULL with @error set, CONFIG_ERROR_MISSING when the folder is not there,
 * _SHORTAGE when that is not known.
 */
GPtrArray *config_files_list(const char *path, const char *suffix, GError **error);
