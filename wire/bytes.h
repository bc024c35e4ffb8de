/* SPDX-License-Identifier: MIT */
/* Numbers in marshalled bytes: loads in either byte order, and the arithmetic of alignment. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BYTES_NATIVE_IS_BIG (G_BYTE_ORDER == G_BIG_ENDIAN)

/** bytes_align() - @offset rounded up to @alignment, a power of two */
static inline size_t bytes_align(size_t offset, size_t alignment) {
        return (offset + alignment - 1) & ~(alignment - 1);
}

/** bytes_get_u32() - the number at @bytes, which need not be aligned */
static inline uint32_t bytes_get_u32(const uint8_t *bytes, bool big_endian) {
        uint32_t value;

        memcpy(&value, bytes, sizeof(value));
        return G_LIKELY(big_endian == BYTES_NATIVE_IS_BIG) ? value : GUINT32_SWAP_LE_BE(value);
}

/** bytes_get_u64() - the number at @bytes, which need not be aligned */
static inline uint64_t bytes_get_u64(const uint8_t *bytes, bool big_endian) {
        uint64_t value;

        memcpy(&value, bytes, sizeof(value));
        return G_LIKELY(big_endian == BYTES_NATIVE_IS_BIG) ? value : GUINT64_SWAP_LE_BE(value);
}

/** bytes_get_u16() - the number at @bytes, which need not be aligned */
static inline uint16_t bytes_get_u16(const uint8_t *bytes, bool big_endian) {
        uint16_t value;

        memcpy(&value, bytes, sizeof(value));
        return G_LIKELY(big_endian == BYTES_NATIVE_IS_BIG) ? value : GUINT16_SWAP_LE_BE(value);
}

/** bytes_put_u32() - writes @value to @bytes, which need not be aligned */
static inline void bytes_put_u32(uint8_t *bytes, uint32_t value, bool big_endian) {
        if (big_endian != BYTES_NATIVE_IS_BIG)
                value = GUINT32_SWAP_LE_BE(value);
        memcpy(bytes, &value, sizeof(value));
}

/** bytes_are_padding() - whether the bytes from @offset to @aligned, less than eight, are zero */
static inline bool bytes_are_padding(const uint8_t *bytes, size_t offset, size_t aligned) {
        size_t n = aligned - offset;
        uint64_t word;

        if (G_UNLIKELY(aligned < 8)) {
                while (offset < aligned)
                        if (bytes[offset++] != 0)
                                return false;
                return true;
        }
        /* No loop: its length cannot be predicted. The padding is the upper end of the word. */
        memcpy(&word, bytes + aligned - 8, sizeof(word));
        return GUINT64_FROM_LE(word) >> (8 * (7 - n)) >> 8 == 0;
}
