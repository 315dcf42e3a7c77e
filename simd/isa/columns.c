/* columns.c - kernels for tables of numbers: rows to columns, and which numbers of a column pass a test,
 * a bit each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/kernels_internal.h"

#include <math.h>

enum { AHEAD = 4096 }; /* bytes */

/* Tiles of 16 x 16. A row is read as a whole word where that much is there, whatever its end: what
 * is beyond the tile is not stored. */
void K(columns)(float *out, size_t stride, const float *in, size_t rows, size_t columns)
{
    const size_t all = rows * columns;
    for (size_t r = 0; r < rows; r += 16) {
        const size_t n = rows - r < 16 ? rows - r : 16;
        for (size_t k = 0; k < n * columns; k += 16)
            __builtin_prefetch((const char *)(in + r * columns + k) + AHEAD);
        for (size_t c = 0; c < columns; c += 16) {
            const size_t width = columns - c < 16 ? columns - c : 16, at = r * columns + c;
            float *to = out + c * stride + r;
            vf tile[16];
            if (at + 15 * columns + 16 <= all) {
                V_FOR (i, 16) tile[i] = v_load(in + at + (size_t)i * columns);
            } else {
                V_FOR (i, 16) {
                    tile[i] = v_zero();
                    if ((size_t)i < n) tile[i] = v_load_n(in + at + (size_t)i * columns, width);
                }
            }
            v_transpose(tile);
            V_FOR (j, 16) {
                if ((size_t)j >= width) continue;
                if (n == 16)
                    v_store(to + (size_t)j * stride, tile[j]);
                else
                    v_store_n(to + (size_t)j * stride, tile[j], n);
            }
        }
    }
}

/* BITS word by word from the bits of 16 elements, F of element i on. */
#define EACH_64(bits, n, F)                                                                        \
    for (size_t w_ = 0; 64 * w_ < (n); w_++) {                                                     \
        uint64_t word_ = 0;                                                                        \
        for (size_t k_ = 0; k_ < 4 && 64 * w_ + 16 * k_ < (n); k_++) {                             \
            const size_t i = 64 * w_ + 16 * k_, some = (n)-i < 16 ? (n)-i : 16;                    \
            const uint32_t keep = (UINT32_C(1) << some) - 1;                                       \
            word_ |= (uint64_t)((F)&keep) << 16 * k_;                                              \
        }                                                                                          \
        (bits)[w_] = word_;                                                                        \
    }
#define LOAD(p) (some == 16 ? v_load((p) + i) : v_load_n((p) + i, some))

void K(below)(uint64_t *bits, const float *x, size_t n, float limit)
{
    const vf most = v_set1(limit);
    EACH_64(bits, n, v_less(LOAD(x), most))
}

V_WORD uint32_t outside(vf x, vf low, vf high)
{
    return v_less(x, low) | v_less(high, x);
}

void K(apart)(uint64_t *bits, const float *a, const float *b, size_t n, float low, float high)
{
    const vf least = v_set1(low), most = v_set1(high);
    EACH_64(bits, n, outside(v_sub(LOAD(b), LOAD(a)), least, most))
}

/* Rounding errors as multiples of sqrt(sum x^2): of the slope E of it, by Cauchy and Schwarz, since
 * sum weight^2 = 1 / squares; of the squares about the mean M of its square. Both with room: a sum of
 * n products has at most n + 1 roundings of 2^-24 a term. */
V_WORD uint32_t may_be_line(const float *x, size_t stride, size_t some,
                            const struct line_test *test)
{
    const size_t n = test->columns;
    const vf E = v_set1((float)(n + 4) * 0x1p-23f / sqrtf(test->squares));
    const vf M = v_set1((float)(n + 8) * 0x1p-21f);
    vf slope = v_zero(), sum = v_zero(), squares = v_zero();
    for (size_t j = 0; j < n; j++) {
        const float *p = x + j * stride;
        const vf v = some == 16 ? v_load(p) : v_load_n(p, some);
        slope = v_fma(v_set1(test->weight[j]), v, slope);
        sum = v_add(sum, v);
        squares = v_fma(v, v, squares);
    }
    const vf error = v_mul(E, v_sqrt(squares)), limit = v_set1(test->slope);
    const vf most = v_add(v_abs(slope), error);
    const vf spread = v_fnma(v_mul(sum, v_set1(1 / (float)n)), sum, squares);
    const vf explained = v_mul(v_mul(most, most), v_set1(test->squares * (1 + 0x1p-16f)));
    const vf needed = v_fnma(M, squares, v_mul(v_set1(test->r2), spread));
    const vf least = v_sub(v_sub(slope, error), v_mul(v_abs(limit), v_set1(0x1p-20f)));
    /* What is not known to be otherwise: NaN, too. */
    return ~(v_less(limit, least) | v_less(explained, needed));
}

void K(lines)(uint64_t *bits, const float *x, size_t stride, size_t n, const struct line_test *test)
{
    EACH_64(bits, n, may_be_line(x + i, stride, some, test))
}
