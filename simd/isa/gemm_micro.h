/* gemm_micro.h - the micro-kernel of the native GEMM: one sliver of up to MR rows by NR columns,
 * all accumulators in registers, one chain of FMAs an element over one K block.
 *
 * A is read in place from a strip (rows 1 KiB apart, one broadcast an element), B is a widened
 * panel [k][NR]. There is one function for every row count 1 .. MR, all from the same text: rows
 * that do not fill a sliver are spread over the slivers instead of being padded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_GEMM_MICRO_H
#define TRIPOD_SIMD_ISA_GEMM_MICRO_H

#include "simd/isa/micro.h"

/* t[i][0..NR) = or += a[i][0..k) b[0..k)[0..NR); rows of a and of t are SIMD_STRIP apart.
 * MICRO_AHEAD bytes from `ahead` on are prefetched over a full strip. */
typedef void micro_kernel(const float *a, const float *b, size_t k, float *t, int add,
                          const char *ahead);
enum { MICRO_AHEAD = SIMD_STRIP / 4 * 64 * (NR / 16) };

/* Rows one by one, without a loop: clang keeps accumulators that a loop indexes in memory. */
#define MICRO_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)

struct micro_tile {
    vf lo[14], hi[14]; /* columns 0..15, and 16..31 where NR is 32 */
};

/* One step of every chain: one column of A times one row of B. */
V_WORD void micro_step(struct micro_tile *c, int rows, const float *a, const float *b)
{
    vf lo = v_load(b), hi = NR > 16 ? v_load(b + NR - 16) : lo, x;
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        x = v_set1(a[i * SIMD_STRIP]);                                                             \
        c->lo[i] = v_fma(x, lo, c->lo[i]);                                                         \
        if (NR > 16) c->hi[i] = v_fma(x, hi, c->hi[i]);                                            \
    }
    MICRO_ROWS(ROW)
#undef ROW
}

V_WORD void micro_body(int rows, const float *a, const float *b, size_t k, float *t, int add,
                       const char *ahead)
{
    struct micro_tile c;
#define ROW(i)                                                                                     \
    if (i < rows) c.lo[i] = c.hi[i] = v_zero();
    MICRO_ROWS(ROW)
#undef ROW
    for (; k >= 4; k -= 4) {
        __builtin_prefetch(ahead, 0, 3);
        if (NR > 16) __builtin_prefetch(ahead + 64, 0, 3);
        ahead += NR > 16 ? 128 : 64;
        micro_step(&c, rows, a, b);
        micro_step(&c, rows, a + 1, b + NR);
        micro_step(&c, rows, a + 2, b + 2 * NR);
        micro_step(&c, rows, a + 3, b + 3 * NR);
        a += 4;
        b += 4 * NR;
    }
    for (; k; k--) {
        micro_step(&c, rows, a, b);
        a++;
        b += NR;
    }
    if (add) {
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        float *p = t + i * SIMD_STRIP;                                                             \
        v_store(p, v_add(v_load(p), c.lo[i]));                                                     \
        if (NR > 16) v_store(p + NR - 16, v_add(v_load(p + NR - 16), c.hi[i]));                    \
    }
        MICRO_ROWS(ROW)
#undef ROW
    } else {
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        v_store(t + i * SIMD_STRIP, c.lo[i]);                                                      \
        if (NR > 16) v_store(t + i * SIMD_STRIP + NR - 16, c.hi[i]);                               \
    }
        MICRO_ROWS(ROW)
#undef ROW
    }
}

#define MICRO(n)                                                                                   \
    static void micro_##n(const float *a, const float *b, size_t k, float *t, int add,             \
                          const char *ahead)                                                       \
    {                                                                                              \
        micro_body(n, a, b, k, t, add, ahead);                                                     \
    }
MICRO_HEIGHTS(MICRO)
#undef MICRO

static micro_kernel *const micro_kernels[MR + 1] = MICRO_TABLE;

#endif
