/* int16_micro.h - the micro-kernels of the integer product: as gemm_micro.h, a sliver of up to MR rows
 * by NR columns in registers, over a block of up to 256 k in pairs.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_INT16_MICRO_H
#define TRIPOD_SIMD_ISA_INT16_MICRO_H

#include <stdbool.h>

#include "simd/isa/gemm_micro.h"
#include "simd/isa/int16_product.h"

/* t[i][0..NR) = or += the float of the sum of `pairs` >= 1 products of pairs. */
typedef void int16_kernel(const int16_t *a, const int16_t *b, size_t pairs, float *t, int add,
                          const char *ahead);

struct int16_tile {
    vint lo[14], hi[14]; /* columns 0..15, and 16..31 where NR is 32 */
};

V_WORD vint dot(vint c, vint a, vint b, bool vnni)
{
    return vnni ? i_dot_vnni(c, a, b) : i_dot(c, a, b);
}

V_WORD void int16_step(struct int16_tile *c, int rows, const int16_t *a, const int16_t *b,
                       bool vnni)
{
    vint lo = i_load(b), hi = NR > 16 ? i_load(b + SIMD_PANEL) : lo, x;
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        x = i_set1(a + (size_t)i * SIMD_STRIP);                                                    \
        c->lo[i] = dot(c->lo[i], x, lo, vnni);                                                     \
        if (NR > 16) c->hi[i] = dot(c->hi[i], x, hi, vnni);                                        \
    }
    MICRO_ROWS(ROW)
#undef ROW
}

V_WORD void int16_body(int rows, const int16_t *a, const int16_t *b, size_t pairs, float *t,
                       int add, const char *ahead, bool vnni)
{
    struct int16_tile c;
    struct micro_tile f;
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        c.lo[i] = i_zero();                                                                        \
        if (NR > 16) c.hi[i] = i_zero();                                                           \
    }
    MICRO_ROWS(ROW)
#undef ROW
    for (; pairs >= 4; pairs -= 4, a += 8, b += 4 * PAIR_ROW) {
        __builtin_prefetch(ahead, 0, 3);
        ahead += 64;
        int16_step(&c, rows, a, b, vnni);
        int16_step(&c, rows, a + 2, b + PAIR_ROW, vnni);
        int16_step(&c, rows, a + 4, b + 2 * PAIR_ROW, vnni);
        int16_step(&c, rows, a + 6, b + 3 * PAIR_ROW, vnni);
    }
    for (; pairs; pairs--, a += 2, b += PAIR_ROW) int16_step(&c, rows, a, b, vnni);
#define ROW(i)                                                                                     \
    if (i < rows) {                                                                                \
        f.lo[i] = i_float(c.lo[i]);                                                                \
        if (NR > 16) f.hi[i] = i_float(c.hi[i]);                                                   \
    }
    MICRO_ROWS(ROW)
#undef ROW
    micro_store(&f, rows, NR, t, SIMD_STRIP, add);
}

#define INT16_MICRO(n)                                                                             \
    static void int16_##n(const int16_t *a, const int16_t *b, size_t pairs, float *t, int add,     \
                          const char *ahead)                                                       \
    {                                                                                              \
        int16_body(n, a, b, pairs, t, add, ahead, false);                                          \
    }                                                                                              \
    static void vnni_##n(const int16_t *a, const int16_t *b, size_t pairs, float *t, int add,      \
                         const char *ahead)                                                        \
    {                                                                                              \
        int16_body(n, a, b, pairs, t, add, ahead, true);                                           \
    }
MICRO_HEIGHTS(INT16_MICRO)

/* By whether the CPU has VNNI, and by height. */
#define INT16_ENTRY(n) int16_##n,
#define VNNI_ENTRY(n)  vnni_##n,
static int16_kernel *const int16_kernels[2][MR + 1] = {{NULL, MICRO_HEIGHTS(INT16_ENTRY)},
                                                       {NULL, MICRO_HEIGHTS(VNNI_ENTRY)}};

#endif
