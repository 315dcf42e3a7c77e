/* layer_norm.h - a row's mean and variance, for layer norm and its gradient, in two passes: the mean,
 * then the squares around it.
 *
 * Column c is summed in lane c mod 16 of accumulator (c / 16) mod 4, and the four are added as
 * (0 + 1) + (2 + 3): short chains, hence small rounding errors, and the same bits everywhere. What
 * is once per row (the mean, 1 / sqrt) is in double, which costs nothing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_LAYER_NORM_H
#define TRIPOD_SIMD_ISA_LAYER_NORM_H

#include "simd/isa/words.h"
#include "simd/simd.h"

#include <math.h>

V_WORD vf total(const vf s[4])
{
    return v_add(v_add(s[0], s[1]), v_add(s[2], s[3]));
}

/* Adds columns [c, c + n) of a strip, n <= 256, to s: the values, or the squares around mean. Every
 * index is a constant, or the sums would lie in memory. */
V_WORD void add_values(vf s[4], const float *x, size_t n)
{
    size_t c = 0;
    for (; c + 64 <= n; c += 64)
        V_FOR (j, 4) s[j] = v_add(s[j], v_load(x + c + 16 * j));
    V_FOR (j, 4) {
        const size_t at = c + 16 * (size_t)j;
        if (at < n) s[j] = v_add(s[j], v_load_n(x + at, n - at < 16 ? n - at : 16));
    }
}

V_WORD void add_squares(vf s[4], const float *x, size_t n, vf mean)
{
    size_t c = 0;
    for (; c + 64 <= n; c += 64)
        V_FOR (j, 4) {
            vf y = v_sub(v_load(x + c + 16 * j), mean);
            s[j] = v_fma(y, y, s[j]);
        }
    V_FOR (j, 4) {
        const size_t at = c + 16 * (size_t)j, part = n - at < 16 ? n - at : 16;
        if (at < n) {
            vf y = v_keep_n(v_sub(v_load_n(x + at, part), mean), part, v_zero());
            s[j] = v_fma(y, y, s[j]);
        }
    }
}

V_WORD size_t strip_width(size_t d, size_t c)
{
    return d - c < SIMD_STRIP ? d - c : SIMD_STRIP;
}

struct moments {
    float mean, scale; /* scale = 1 / sqrt(variance + eps) */
};

V_WORD struct moments moments(struct strips x, size_t row, size_t d, float eps)
{
    vf s[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    for (size_t c = 0; c < d; c += SIMD_STRIP)
        add_values(s, strip_at(x, row, c), strip_width(d, c));
    const float mean = (float)((double)v_sum(total(s)) / (double)d);

    V_FOR (j, 4) s[j] = v_zero();
    for (size_t c = 0; c < d; c += SIMD_STRIP)
        add_squares(s, strip_at(x, row, c), strip_width(d, c), v_set1(mean));
    const double variance = (double)v_sum(total(s)) / (double)d;
    return (struct moments){mean, (float)(1.0 / sqrt(variance + (double)eps))};
}

#endif
