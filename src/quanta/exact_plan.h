/* exact_plan.h - how many gradients stay in memory and how many pass by: see exact.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_EXACT_PLAN_H
#define TRIPOD_QUANTA_EXACT_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/* Samples that meet those that stay at a time: with fewer the products wait for memory, or fill half a
 * register; with more the sums are no longer in the cache. Multiples of every group. */
enum { EXACT_NARROW = 32, EXACT_WIDE = 256 };
/* A tile's side, where 8 times as many fit; else a half of it, a quarter, or 1. */
enum { EXACT_GROUP = 8 };

/* What will be done in the memory there is. */
struct exact_plan {
    size_t n; /* samples */
    uint64_t coordinates;
    int threads;
    size_t group;              /* a tile is the pairs of two groups of so many samples */
    size_t resident, streamed; /* R and S: whole groups; all of n and 0 where they fit */
    size_t stages;             /* times that others stay */
    uint64_t gradients;        /* to compute in all */
    double product_flop;
    uint64_t bytes; /* of memory */
};

/* The plan for N samples in MEMORY bytes (of which the source takes none). KEPT: the group of a plan
 * whose products are to be gone on with, taken over where two of it fit; 0: none. Errors: not even
 * two gradients fit. */
int exact_plan_make(struct exact_plan *p, size_t n, uint64_t coordinates, uint64_t memory,
                    int threads, size_t kept, struct err *e);

/* How many stay, from sample FIRST on. */
size_t exact_stage(const struct exact_plan *p, size_t first);

#endif
