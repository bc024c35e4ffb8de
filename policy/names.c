/* SPDX-License-Identifier: MIT */
/*
 * Generation numbers: one sequence for everything that a remembered verdict may depend on, so that a number says
 * by itself whether what it was noted for still stands, whoever it belonged to.
 */
#include "policy/names.h"

#include "base/hash.h"

uint64_t name_generation_next(void) {
        static uint64_t last;

        return ++last;
}

unsigned name_hash_starts(WireString name, uint64_t ret_starts[NAME_MAX_STARTS]) {
        unsigned n = 0;

        for (uint32_t i = 1; i <= name.length && n < NAME_MAX_STARTS; i++)
                if (i == name.length || name.data[i] == '.')
                        ret_starts[n++] = hash_bytes(name.data, i);
        return n;
}
