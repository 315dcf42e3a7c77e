/* double.h - exp and log of a double for what is once a row: sums of products of our own, which no C
 * library may round differently.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_DOUBLE_H
#define TRIPOD_SIMD_ISA_DOUBLE_H

#include "simd/isa/words.h"

V_WORD double from_bits(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* exp(x), x <= 0, by its series: relative error below 1e-15. NaN stays NaN. */
V_WORD double double_exp(double x)
{
    if (x < -700) return 0;
    if (!(x <= 0)) return x;
    int n = (int)(x * 0x1.71547652b82fep0 - 0.5);
    double r = x - n * 0x1.62e42fee00000p-1 - n * 0x1.a39ef35793c76p-33, p = 1;
    for (int i = 14; i >= 1; i--) p = 1 + p * r / i;
    return p * from_bits((uint64_t)(1023 + n) << 52);
}

/* log(x), 1 <= x < 2^1000: 2 atanh(s) + e log 2 with s = (m - 1) / (m + 1), m in [sqrt(1/2),
 * sqrt(2)). Absolute error below 1e-15 for small results. NaN and infinity stay what they are. */
V_WORD double double_log(double x)
{
    uint64_t u;
    if (!(x < 0x1p1000)) return x;
    memcpy(&u, &x, sizeof u);
    int e = (int)(u >> 52) - 1023;
    double m = from_bits((u & 0xfffffffffffffULL) | 1023ULL << 52);
    if (m > 0x1.6a09e667f3bcdp0) {
        m *= 0.5;
        e++;
    }
    double s = (m - 1) / (m + 1), q = s * s, p = 0;
    for (int i = 23; i >= 3; i -= 2) p = (p + 1.0 / i) * q;
    return e * 0x1.62e42fefa39efp-1 + 2 * (s + s * p);
}

#endif
