/* SPDX-License-Identifier: MIT */
/*
 * Keeping an a{sv}: it is written again, by itself and in native byte order, so that it can be
 * given to anybody at any offset of a body.
 */
#include "containers/metadata.h"

#include <string.h>

static bool type_has(const Reader *reader, char code) {
        return memchr(reader->type, code, (size_t)(reader->type_end - reader->type)) != NULL;
}

/* Whether any type says h, also of an array that happens to be empty. */
static bool has_fds(Reader *reader) {
        if (type_has(reader, 'h'))
                return true;
        /* Only a variant may still hide one: arrays of plain bytes are not walked over. */
        if (!type_has(reader, 'v'))
                return false;
        while (reader_peek(reader)) {
                char code = reader_peek(reader);
                Reader inside;

                if (code != 'a' && code != '(' && code != '{' && code != 'v') {
                        if (!reader_skip(reader))
                                return false;
                        continue;
                }
                if (!reader_enter(reader, code, &inside))
                        return false;
                if (has_fds(&inside))
                        return true;
        }
        return false;
}

MetadataError metadata_read(Reader *reader, size_t max_bytes, Metadata *ret_metadata) {
        g_auto(Writer) writer = { 0 };
        Reader value = *reader, inside;

        if (!reader_enter(reader, 'a', &inside))
                return METADATA_INVALID;
        if (max_bytes < 8 || inside.end - inside.offset > max_bytes - 8)
                return METADATA_TOO_LARGE;
        if (has_fds(&inside))
                return METADATA_HAS_FDS;
        writer_init(&writer);
        if (!writer_add_value(&writer, &value) || strcmp(writer.signature->str, "a{sv}") != 0)
                return METADATA_INVALID;
        if (writer.too_large || writer.body->len > max_bytes)
                return METADATA_TOO_LARGE;
        ret_metadata->n_bytes = writer.body->len;
        ret_metadata->bytes = g_byte_array_free(g_steal_pointer(&writer.body), FALSE);
        return METADATA_OK;
}

void metadata_write(const Metadata *metadata, Writer *writer) {
        if (!metadata->bytes) {
                writer_close_array(writer, writer_open_array(writer, "{sv}"));
                return;
        }
        writer_add_raw(writer, metadata->bytes, metadata->n_bytes, "a{sv}");
}

void metadata_clear(Metadata *metadata) {
        g_clear_pointer(&metadata->bytes, g_free);
        metadata->n_bytes = 0;
}
