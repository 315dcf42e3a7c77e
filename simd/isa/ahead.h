/* ahead.h - what the products fetch while they compute.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_AHEAD_H
#define TRIPOD_SIMD_ISA_AHEAD_H

#include "simd/isa/words.h"

/* Runs of memory that the next sliver will touch, fetched towards L2 while this one is computed: a
 * few lines behind each step, where the hardware's guesses come late (each run starts afresh). */
struct ahead {
    struct {
        const char *at;
        size_t bytes;
    } run[8];
    int n, next;
    size_t done;
};

V_WORD void ahead_add(struct ahead *ahead, const void *at, size_t bytes)
{
    if (ahead->n == 8) return;
    ahead->run[ahead->n].at = at;
    ahead->run[ahead->n++].bytes = bytes;
}

/* What the next micro-kernel is to fetch, `bytes` of it; `other`, which is in L1, when all is done. */
V_WORD const char *ahead_next(struct ahead *ahead, size_t bytes, const void *other)
{
    if (ahead->next == ahead->n) return other;
    const char *at = ahead->run[ahead->next].at + ahead->done;
    ahead->done += bytes;
    if (ahead->done >= ahead->run[ahead->next].bytes) {
        ahead->next++;
        ahead->done = 0;
    }
    return at;
}

#endif
