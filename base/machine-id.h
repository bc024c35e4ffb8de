/* SPDX-License-Identifier: MIT */
/* The identity of this machine, as every D-Bus program tells it (machine-id(5)). */
#pragma once

#include <glib.h>

/**
 * machine_id_read() - reads the id of this machine
 *
 * From the file that D-Bus has for it, else from systemd's.
 *
 * Return: 32 lower-case hexadecimal digits, newly allocated; NULL with @error set (domain
 * G_FILE_ERROR) when there is no such file or it says something else.
 */
char *machine_id_read(GError **error);
