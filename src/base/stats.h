/* stats.h - order statistics, for whoever may not use GSL.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_STATS_H
#define TRIPOD_STATS_H

#include <stddef.h>

/* For qsort of doubles, increasing; NaNs are not ordered. */
int stats_compare(const void *a, const void *b);

/* The median of values [n], n > 0, which are sorted in place. */
double stats_median(double *values, size_t n);

#endif
