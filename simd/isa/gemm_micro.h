/* gemm_micro.h - the micro-kernel of the native GEMM: one sliver of up to MR rows by NR columns,
 * all accumulators in registers, a chain of FMAs an element over each K block.
 *
 * A is read in place from a strip (rows 1 KiB apart, one broadcast an element), B is a widened
 * panel [k][NR]. There is one function for every row count 1 .. MR, all from the same text: rows
 * that do not fill a sliver are spread over the slivers instead of being padded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_GEMM_MICRO_H
#define TRIPOD_SIMD_ISA_GEMM_MICRO_H

#include <stdbool.h>

#include "simd/isa/micro.h"

/* t[i][0..NR) = or += a[i][0..k) b[0..k)[0..NR), k >= 1 steps in chains of `chain`; rows of a and
 * of t are SIMD_STRIP apart. MICRO_AHEAD bytes from `ahead` on are prefetched over a full strip. */
typedef void micro_kernel(const float *a, const float *b, size_t k, size_t chain, float *t, int add,
                          const char *ahead);
enum { MICRO_AHEAD = SIMD_STRIP / 4 * 64 * (NR / 16) };

/* Rows one by one, without a loop: clang keeps accumulators that a loop indexes in memory. */
#define MICRO_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)

struct micro_tile {
    vf lo[14], hi[14]; /* columns 0..15, and 16..31 where NR is 32 */
};

/* One step of every chain: one column of A times one row of B. The first step starts it: a
 * multiplication needs no zeroed accumulators. */
V_WORD void micro_step(struct micro_tile *c, int rows, const float *a, const float *b, bool first)
{
    vf lo = v_load(b), hi = NR > 16 ? v_load(b + NR - 16) : lo, x;
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        x = v_set1(a[i * SIMD_STRIP]);                                                             \
        c->lo[i] = first ? v_mul(x, lo) : v_fma(x, lo, c->lo[i]);                                  \
        if (NR > 16) c->hi[i] = first ? v_mul(x, hi) : v_fma(x, hi, c->hi[i]);                     \
    }
    MICRO_ROWS(ROW)
#undef ROW
}

/* The chains' sums to t, or added to it. */
V_WORD void micro_store(const struct micro_tile *c, int rows, float *t, int add)
{
    if (add) {
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        float *p = t + i * SIMD_STRIP;                                                             \
        v_store(p, v_add(v_load(p), c->lo[i]));                                                    \
        if (NR > 16) v_store(p + NR - 16, v_add(v_load(p + NR - 16), c->hi[i]));                   \
    }
        MICRO_ROWS(ROW)
#undef ROW
    } else {
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        v_store(t + i * SIMD_STRIP, c->lo[i]);                                                     \
        if (NR > 16) v_store(t + i * SIMD_STRIP + NR - 16, c->hi[i]);                              \
    }
        MICRO_ROWS(ROW)
#undef ROW
    }
}

V_WORD const char *micro_ahead(const char *ahead)
{
    __builtin_prefetch(ahead, 0, 3);
    if (NR > 16) __builtin_prefetch(ahead + 64, 0, 3);
    return ahead + (NR > 16 ? 128 : 64);
}

V_WORD void micro_body(int rows, const float *a, const float *b, size_t k, size_t chain, float *t,
                       int add, const char *ahead)
{
    for (size_t n; k; k -= n, add = 1) {
        n = k < chain ? k : chain;
        struct micro_tile c;
        ahead = micro_ahead(ahead);
        micro_step(&c, rows, a, b, true);
        size_t left = n - 1;
        for (a++, b += NR; left >= 4; left -= 4, a += 4, b += 4 * NR) {
            ahead = micro_ahead(ahead);
            micro_step(&c, rows, a, b, false);
            micro_step(&c, rows, a + 1, b + NR, false);
            micro_step(&c, rows, a + 2, b + 2 * NR, false);
            micro_step(&c, rows, a + 3, b + 3 * NR, false);
        }
        for (; left; left--, a++, b += NR) micro_step(&c, rows, a, b, false);
        micro_store(&c, rows, t, add);
    }
}

#define MICRO(n)                                                                                   \
    static void micro_##n(const float *a, const float *b, size_t k, size_t chain, float *t,        \
                          int add, const char *ahead)                                              \
    {                                                                                              \
        micro_body(n, a, b, k, chain, t, add, ahead);                                              \
    }
MICRO_HEIGHTS(MICRO)
#undef MICRO

static micro_kernel *const micro_kernels[MR + 1] = MICRO_TABLE;

#endif
