/* SPDX-License-Identifier: MIT */
/* From XML to a Config: the busconfig language of dbus-daemon(1), and this project's <containers>. */
#pragma once

#include "policy/config.h"

/**
 * xml_loader_read() - reads a file and what it includes into @config
 * @path: may be /proc/self/fd/N; relative names in the file are looked for beside it
 *
 * Return: false with @error set ("FILE:LINE: what is wrong, what was expected"); @config is of no use then.
 */
bool xml_loader_read(Config *config, const char *path, GError **error);

/** xml_loader_parse() - the same for at most 2 GiB of text that is at hand; @path is only its name */
bool xml_loader_parse(Config *config, const char *path, const char *text, size_t n_text,
                      GError **error);
