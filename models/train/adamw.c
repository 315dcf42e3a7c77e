/* adamw.c - see adamw.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/train/adamw.h"

#include <math.h>

/* x^n by squaring: no C library may round it differently. */
static double power(double x, uint64_t n)
{
    double y = 1;
    for (; n; n /= 2, x *= x)
        if (n & 1) y *= x;
    return y;
}

struct adamw adamw_step(double rate, double beta1, double beta2, double epsilon, double decay,
                        uint64_t step)
{
    return (struct adamw){
        .keep = (float)(1 - rate * decay),
        .beta2 = (float)beta2,
        .rest1 = (float)(1 - beta1),
        .rest2 = (float)(1 - beta2),
        .rate = (float)(rate / (1 - power(beta1, step))),
        .root = (float)(1 / sqrt(1 - power(beta2, step))),
        .epsilon = (float)epsilon,
    };
}
