/* stats.h - the median and what it sorts by, for those who do not include GSL (fits do).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_STATS_H
#define TRIPOD_STATS_H

#include <stddef.h>

/* Of v[n], n > 0; sorts v. */
double stats_median(double *v, size_t n);

/* For qsort: doubles upwards; none is NaN. */
int stats_rising(const void *a, const void *b);

#endif
