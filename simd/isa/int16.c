/* int16.c - the product of 16-bit integers, blocked as gemm.c's: 256 columns of W at a time, for as
 * much of k as fits half of L2, past which the slivers of rows go. Nothing is widened: panels are
 * copied as they are, from a file's 4 KiB pages to the scratch's large ones.
 *
 * Integer sums have no order; the blocks' floats are added in order of k, so that no result depends on
 * the instruction set or on the blocks of the cache.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/ahead.h"
#include "simd/isa/int16_micro.h"
#include "simd/isa/kernels_internal.h"
#include "simd/isa/product.h"
#include "simd/vnni.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Panels of W's rows n0 .. n0 + columns, its k0 .. k0 + depth, to b: [block of 256 k][panel][pair of
 * k][32][2]. */
static void gather(int16_t *b, struct panels w, size_t n0, size_t columns, size_t k0, size_t depth)
{
    for (size_t k = k0; k < k0 + depth; k += SIMD_STRIP) {
        const size_t pairs = (least(SIMD_STRIP, k0 + depth - k) + 1) / 2;
        for (size_t c = 0; c < columns; c += SIMD_PANEL, b += PAIRS * PAIR_ROW)
            memcpy(b, panels_i16_at(w, n0 + c, k), pairs * PAIR_ROW * sizeof *b);
    }
}

/* (acc * the row's scale) * the column's: t[n][columns]. */
static void rescale(float *t, const struct product *p, size_t row, size_t n, size_t n0,
                    size_t columns)
{
    for (size_t c = 0; c < columns; c += SIMD_LANES) {
        const vf column = v_load(panels_scales(p->w, n0 + c));
        for (size_t i = 0; i < n; i++) {
            float *at = t + i * SIMD_STRIP + c;
            v_store(at, v_mul(v_mul(v_load(at), v_set1(p->q.scales[row + i])), column));
        }
    }
}

void K(product_i16)(const struct product *p, size_t row0, size_t rows, size_t n0,
                    const struct product_scratch *scratch)
{
    const struct gemm_block block = gemm_block();
    const size_t k = p->w.k, deepest = 2 * block.depth; /* as many bytes as floats */
    const size_t columns = least(SIMD_STRIP, panels_count(p->w.n - n0) * SIMD_PANEL);
    const size_t slivers = (rows + MR - 1) / MR; /* of almost equal size, as gemm.c's */
    const bool single = columns <= block.columns && k <= deepest;
    int16_kernel *const *kernels = int16_kernels[simd_vnni(THIS_ISA)];
    int16_t *panels = (int16_t *)(void *)scratch->weights;

    for (size_t c0 = 0; c0 < columns; c0 += block.columns) {
        const size_t width = least(block.columns, columns - c0);
        for (size_t k0 = 0; k0 < k; k0 += deepest) {
            const size_t depth = least(deepest, k - k0);
            const bool last = c0 + width == columns && k0 + depth == k;
            gather(panels, p->w, n0 + c0, width, k0, depth);
            for (size_t i = 0, r = 0; i < slivers; i++) {
                const size_t n = rows / slivers + (i < rows % slivers);
                float *t = scratch->sums + (single ? 0 : r * SIMD_STRIP);
                const int16_t *b = panels;
                const size_t bytes = n * SIMD_STRIP * sizeof *t;
                struct ahead ahead = {.n = 0};
                if (i + 1 < slivers) {
                    if (!single) ahead_add(&ahead, t + n * SIMD_STRIP, bytes);
                    for (size_t from = k0; from < k0 + depth && ahead.n < 7; from += SIMD_STRIP)
                        ahead_add(&ahead, strip_i16_at(p->q, row0 + r + n, from), bytes / 2);
                    if (last && p->out)
                        ahead_add(&ahead, strip_at(*p->out, row0 + r + n, n0), bytes);
                }
                for (size_t from = k0; from < k0 + depth; from += SIMD_STRIP) {
                    const int16_t *a = strip_i16_at(p->q, row0 + r, from);
                    const size_t pairs = (least(SIMD_STRIP, k0 + depth - from) + 1) / 2;
                    for (size_t c = 0; c < width; c += SIMD_PANEL, b += PAIRS * PAIR_ROW)
                        for (size_t half = 0; half < SIMD_PANEL; half += NR)
                            kernels[n](a, b + 2 * half, pairs, t + c0 + c + half, from > 0,
                                       ahead_next(&ahead, INT16_AHEAD, a));
                }
                if (last) {
                    rescale(t, p, row0 + r, n, n0, columns);
                    p->sink(p->context, row0 + r, n, t);
                }
                r += n;
            }
        }
    }
}
