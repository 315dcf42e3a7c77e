/* stats.c - see stats.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/stats.h"

#include <stdlib.h>

int stats_rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, stats_rising);
    return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}
