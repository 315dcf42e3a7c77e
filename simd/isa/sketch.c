/* sketch.c - what is done with a gradient's coordinates as they come: added with random signs, and
 * their squares summed. See simd/simd.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/kernels_internal.h"

/* 16 signs from bit AT on. */
V_WORD uint32_t signs_at(const uint8_t *signs, size_t at)
{
    uint32_t bits;
    memcpy(&bits, signs + at / 8, sizeof bits);
    return bits >> at % 8 & 0xffff;
}

void K(sketch_add)(float *v, const float *x, const uint8_t *signs, size_t first, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v_store(v + i, v_add(v_load(v + i), v_flip(v_load(x + i), signs_at(signs, first + i))));
    if (i == n) return;
    vf last = v_flip(v_load_n(x + i, n - i), signs_at(signs, first + i));
    v_store_n(v + i, v_add(v_load_n(v + i, n - i), last), n - i);
}

double K(sum_squares)(const float *x, size_t n)
{
    double sum = 0;
    for (size_t at = 0; at < n; at += 256) {
        size_t end = n - at < 256 ? n : at + 256, i = at;
        vf chains = v_zero();
        for (; i + 16 <= end; i += 16) {
            vf a = v_load(x + i);
            chains = v_fma(a, a, chains);
        }
        if (i < end) {
            vf a = v_load_n(x + i, end - i);
            chains = v_fma(a, a, chains);
        }
        sum += (double)v_sum(chains);
    }
    return sum;
}
