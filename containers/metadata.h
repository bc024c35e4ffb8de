/* SPDX-License-Identifier: MIT */
/* What a manager says about its container, an a{sv} that the bus keeps and gives back without
 * looking into it. */
#pragma once

#include "wire/reader.h"
#include "wire/writer.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The array marshalled by itself in native byte order: length word, padding, elements. */
typedef struct Metadata {
        uint8_t *bytes; /* owned; NULL while empty */
        size_t n_bytes;
} Metadata;

typedef enum MetadataError {
        METADATA_OK,
        METADATA_TOO_LARGE,
        METADATA_HAS_FDS, /* a descriptor, or room for one, somewhere inside */
        METADATA_INVALID, /* no a{sv} */
} MetadataError;

/**
 * metadata_read() - takes the a{sv} that is next in @reader
 * @max_bytes:    of the array marshalled by itself
 * @ret_metadata: set on METADATA_OK; the caller clears it
 */
MetadataError metadata_read(Reader *reader, size_t max_bytes, Metadata *ret_metadata);

/** metadata_write() - appends it as `a{sv}` */
void metadata_write(const Metadata *metadata, Writer *writer);

/** metadata_clear() - frees what it holds */
void metadata_clear(Metadata *metadata);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Metadata, metadata_clear)
