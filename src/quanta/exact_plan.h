/* exact_plan.h - what exact_plan.c and exact.c share.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_EXACT_PLAN_H
#define TRIPOD_QUANTA_EXACT_PLAN_H

#include "src/quanta/exact.h"

/* Samples that meet those that stay at a time: with fewer the products wait for memory, or fill half a
 * register; with more the sums are no longer in the cache. Multiples of every group. */
enum { EXACT_NARROW = 32, EXACT_WIDE = 256 };

/* How many stay, from sample FIRST on. */
size_t exact_stage(const struct exact_plan *p, size_t first);

#endif
