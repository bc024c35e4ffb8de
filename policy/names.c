/* SPDX-License-Identifier: MIT */
/*
 * Generation numbers: one sequence for everything that a remembered verdict may depend on, so that a number says
 * by itself whether what it was noted for still stands, whoever it belonged to.
 */
#include "policy/names.h"

uint64_t name_generation_next(void) {
        static uint64_t last;

        return ++last;
}
