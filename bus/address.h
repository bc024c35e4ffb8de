/* SPDX-License-Identifier: MIT */
/* Server addresses: what a <listen> element or --address asks for ("Server Addresses"). */
#pragma once

#include <glib.h>

#define ADDRESS_ERROR address_error_quark()
GQuark address_error_quark(void);

typedef enum AddressError {
        ADDRESS_ERROR_SYNTAX, /* no address at all */
        ADDRESS_ERROR_LISTEN, /* one, but nothing could be opened there */
} AddressError;

typedef enum AddressKind {
        ADDRESS_PATH, /* unix:path=, and unix:runtime=yes, which is one below $XDG_RUNTIME_DIR */
        ADDRESS_ABSTRACT,    /* unix:abstract= */
        ADDRESS_DIRECTORY,   /* unix:dir= and unix:tmpdir=: a new name in a directory */
        ADDRESS_SYSTEMD,     /* systemd:, sockets that were passed by whoever started us */
        ADDRESS_UNSUPPORTED, /* well-formed, but nothing to listen on */
} AddressKind;

typedef struct Address {
        AddressKind kind;
        char *text;  /* owned; printable, without guid */
        /* owned; path, name or directory; unsupported: what is wrong with it; systemd: NULL */
        char *value;
} Address;

/**
 * address_parse_all() - reads an address
 * @text: alternatives, separated by ';'
 *
 * Keys that mean nothing to us are ignored, guid among them: what we listen on gets one of our own.
 *
 * Return: array of Address *, at least one, owned by the array; NULL with @error set when any
 * alternative is malformed.
 */
GPtrArray *address_parse_all(const char *text, GError **error);

/** address_print() - "unix:KEY=VALUE" with the value escaped; newly allocated */
char *address_print(const char *key, const char *value);

void address_free(Address *address);
