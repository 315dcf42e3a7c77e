/* exact_plan.h - what exact_plan.c and exact.c share.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_EXACT_PLAN_H
#define TRIPOD_QUANTA_EXACT_PLAN_H

#include "src/quanta/exact.h"

enum { EXACT_WIDE = 256 }; /* most samples that meet those that stay at a time */

/* How many stay, from sample FIRST on. */
size_t exact_stage(const struct exact_plan *p, size_t first);

#endif
