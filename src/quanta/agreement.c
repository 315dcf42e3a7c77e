/* agreement.c - see agreement.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/agreement.h"

#include <math.h>
#include <stdlib.h>

static double pairs(double n)
{
    return n * (n - 1) / 2;
}

double agreement(const int32_t *a, const int32_t *b, size_t n, size_t k)
{
    uint32_t *both = calloc(k * k + 2 * k, sizeof *both);
    if (!both) return NAN;
    uint32_t *of_a = both + k * k, *of_b = of_a + k;
    for (size_t i = 0; i < n; i++) {
        both[(size_t)a[i] * k + (size_t)b[i]]++;
        of_a[a[i]]++;
        of_b[b[i]]++;
    }
    double together = 0, in_a = 0, in_b = 0;
    for (size_t i = 0; i < k * k; i++) together += pairs(both[i]);
    for (size_t i = 0; i < k; i++) {
        in_a += pairs(of_a[i]);
        in_b += pairs(of_b[i]);
    }
    free(both);
    const double expected = in_a * in_b / pairs((double)n), most = (in_a + in_b) / 2;
    /* All in one cluster, or each in its own, both times. */
    return most > expected ? (together - expected) / (most - expected) : 1;
}
