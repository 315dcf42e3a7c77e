/* gemm_micro.h - the micro-kernel of the products: one sliver of up to MR rows by NR columns, all
 * accumulators in registers, a chain of FMAs an element over each K block.
 *
 * A and B are read where their layout says, A one broadcast an element. There is one
 * function for every row count 1 .. MR, all from the same text: rows that do not fill a sliver are
 * spread over the slivers instead of being padded. Who includes this defines micro_layout and makes
 * the functions: MICRO_HEIGHTS(MICRO).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_GEMM_MICRO_H
#define TRIPOD_SIMD_ISA_GEMM_MICRO_H

#include <stdbool.h>

#include "simd/isa/micro.h"

/* How the operands lie. */
struct micro_layout {
    size_t row, step; /* floats from one row of A to the next, from one step to the next */
    size_t b;         /* floats from one step of B to the next */
    size_t out;       /* floats from one row of t to the next */
    size_t ahead;     /* bytes from one prefetch to the next: one every four steps */
};

/* t[i][0..NR) = or += a[i][0..k) b[0..k)[0..NR), k >= 1 steps in chains of `chain`. What lies from
 * `ahead` on is prefetched on the way. */
typedef void micro_kernel(const float *a, const float *b, size_t k, size_t chain, float *t, int add,
                          const char *ahead);

/* Rows one by one, without a loop: clang keeps accumulators that a loop indexes in memory. */
#define MICRO_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)

struct micro_tile {
    vf lo[14], hi[14]; /* columns 0..15, and 16..31 where there are 32 */
};

/* One step of every chain: one column of A times one row of B. The first step starts it: a
 * multiplication needs no zeroed accumulators. */
V_WORD void micro_step(struct micro_tile *c, int rows, int columns, const float *a, size_t row,
                       const float *b, bool first)
{
    vf lo = v_load(b), hi = columns > 16 ? v_load(b + columns - 16) : lo, x;
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        x = v_set1(a[(size_t)i * row]);                                                            \
        c->lo[i] = first ? v_mul(x, lo) : v_fma(x, lo, c->lo[i]);                                  \
        if (columns > 16) c->hi[i] = first ? v_mul(x, hi) : v_fma(x, hi, c->hi[i]);                \
    }
    MICRO_ROWS(ROW)
#undef ROW
}

/* The chains' sums to t, or added to it. */
V_WORD void micro_store(const struct micro_tile *c, int rows, int columns, float *t, size_t out,
                        int add)
{
    if (add) {
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        float *p = t + (size_t)i * out;                                                            \
        v_store(p, v_add(v_load(p), c->lo[i]));                                                    \
        if (columns > 16) v_store(p + columns - 16, v_add(v_load(p + columns - 16), c->hi[i]));    \
    }
        MICRO_ROWS(ROW)
#undef ROW
    } else {
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        float *p = t + (size_t)i * out;                                                            \
        v_store(p, c->lo[i]);                                                                      \
        if (columns > 16) v_store(p + columns - 16, c->hi[i]);                                     \
    }
        MICRO_ROWS(ROW)
#undef ROW
    }
}

/* One prefetch: as many lines as a row of B has. */
V_WORD const char *micro_ahead(const char *ahead, size_t step)
{
    __builtin_prefetch(ahead, 0, 3);
    if (NR > 16) __builtin_prefetch(ahead + 64, 0, 3);
    return ahead + step;
}

V_WORD void micro_body(int rows, int columns, struct micro_layout l, const float *a, const float *b,
                       size_t k, size_t chain, float *t, int add, const char *ahead)
{
    for (size_t n; k; k -= n, add = 1) {
        n = k < chain ? k : chain;
        struct micro_tile c;
        ahead = micro_ahead(ahead, l.ahead);
        micro_step(&c, rows, columns, a, l.row, b, true);
        a += l.step;
        b += l.b;
        size_t left = n - 1;
        for (; left >= 4; left -= 4, a += 4 * l.step, b += 4 * l.b) {
            ahead = micro_ahead(ahead, l.ahead);
            micro_step(&c, rows, columns, a, l.row, b, false);
            micro_step(&c, rows, columns, a + l.step, l.row, b + l.b, false);
            micro_step(&c, rows, columns, a + 2 * l.step, l.row, b + 2 * l.b, false);
            micro_step(&c, rows, columns, a + 3 * l.step, l.row, b + 3 * l.b, false);
        }
        for (; left; left--, a += l.step, b += l.b)
            micro_step(&c, rows, columns, a, l.row, b, false);
        micro_store(&c, rows, columns, t, l.out, add);
    }
}

#define MICRO(n)                                                                                   \
    static void micro_##n(const float *a, const float *b, size_t k, size_t chain, float *t,        \
                          int add, const char *ahead)                                              \
    {                                                                                              \
        micro_body(n, NR, micro_layout, a, b, k, chain, t, add, ahead);                            \
    }

/* The same of a panel's first 16 columns, where its last ones are nobody's: those of t stay as they
 * were. MICRO_HEIGHTS(NARROW). */
#define NARROW(n)                                                                                  \
    static void narrow_##n(const float *a, const float *b, size_t k, size_t chain, float *t,       \
                           int add, const char *ahead)                                             \
    {                                                                                              \
        micro_body(n, 16, micro_layout, a, b, k, chain, t, add, ahead);                            \
    }

#endif
