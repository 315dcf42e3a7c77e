/* int16_product.h - the blocks of the integer product, blocked as gemm.c's: 256 columns of W at a time,
 * for as much of k as fits half of L2, past which the slivers of rows go. Which instructions multiply
 * is the includer's: how W is laid out for them, and a strip's product.
 *
 * Integer sums have no order; the blocks' floats are added in order of k, so that no result depends on
 * the instruction set or on the blocks of the cache.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_INT16_PRODUCT_H
#define TRIPOD_SIMD_ISA_INT16_PRODUCT_H

#include "simd/isa/ahead.h"
#include "simd/isa/product.h"

enum {
    PAIRS = SIMD_STRIP / 2,
    PAIR_ROW = 2 * SIMD_PANEL,    /* int16 from one pair of k to the next */
    INT16_AHEAD = PAIRS / 4 * 64, /* bytes a kernel fetches ahead over a strip */
};

V_WORD size_t int16_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One strip of a sliver: n rows, `steps` of k, at most 256, `width` columns. */
struct int16_strip {
    const int16_t *a;
    const int16_t *b; /* of panels, one after the other, PAIRS * PAIR_ROW int16 each */
    size_t n, steps, width;
};

struct int16_way {
    size_t rows; /* of the highest sliver */
    /* One panel's `steps` of k, from AT on, to b. */
    void (*lay)(int16_t *b, const int16_t *at, size_t steps);
    /* t[i][0..width) = or += floats of the strip's sums. */
    void (*strip)(float *t, const struct int16_strip *s, bool add, struct ahead *ahead);
};

/* Panels of W's rows n0 .. n0 + columns, its k0 .. k0 + depth, to b: [strip][panel]. */
V_WORD void int16_gather(const struct int16_way *way, int16_t *b, struct panels w, size_t n0,
                         size_t columns, size_t k0, size_t depth)
{
    for (size_t k = k0; k < k0 + depth; k += SIMD_STRIP)
        for (size_t c = 0; c < columns; c += SIMD_PANEL, b += PAIRS * PAIR_ROW)
            way->lay(b, panels_i16_at(w, n0 + c, k), int16_least(SIMD_STRIP, k0 + depth - k));
}

/* (acc * the row's scale) * the column's: t[n][columns]. */
V_WORD void int16_rescale(float *t, const struct product *p, size_t row, size_t n, size_t n0,
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

/* What the next sliver, of as many rows, from row ROW of x on, will touch. */
V_WORD struct ahead int16_next(const struct product *p, size_t row, size_t n, size_t k0,
                               size_t depth, const float *sums, const float *out)
{
    const size_t bytes = n * SIMD_STRIP * sizeof *sums;
    struct ahead ahead = {.n = 0};
    if (sums) ahead_add(&ahead, sums, bytes);
    for (size_t k = k0; k < k0 + depth && ahead.n < 7; k += SIMD_STRIP)
        ahead_add(&ahead, strip_i16_at(p->q, row, k), bytes / 2);
    if (out) ahead_add(&ahead, out, bytes);
    return ahead;
}

V_WORD void int16_product(const struct int16_way *way, const struct product *p, size_t row0,
                          size_t rows, size_t n0, const struct product_scratch *scratch)
{
    const struct gemm_block block = gemm_block();
    const size_t k = p->w.k, deepest = 2 * block.depth; /* as many bytes as floats */
    const size_t columns = int16_least(SIMD_STRIP, panels_count(p->w.n - n0) * SIMD_PANEL);
    const size_t slivers = (rows + way->rows - 1) / way->rows; /* of almost equal size */
    const bool single = columns <= block.columns && k <= deepest;
    int16_t *panels = (int16_t *)(void *)scratch->weights;

    for (size_t c0 = 0; c0 < columns; c0 += block.columns) {
        const size_t width = int16_least(block.columns, columns - c0);
        for (size_t k0 = 0; k0 < k; k0 += deepest) {
            const size_t depth = int16_least(deepest, k - k0);
            const bool last = c0 + width == columns && k0 + depth == k;
            int16_gather(way, panels, p->w, n0 + c0, width, k0, depth);
            for (size_t i = 0, r = 0, n; i < slivers; i++, r += n) {
                n = rows / slivers + (i < rows % slivers);
                float *t = scratch->sums + (single ? 0 : r * SIMD_STRIP);
                const size_t row = row0 + r;
                struct ahead ahead = {.n = 0};
                if (i + 1 < slivers)
                    ahead = int16_next(p, row + n, n, k0, depth, single ? NULL : t + n * SIMD_STRIP,
                                       last && p->out ? strip_at(*p->out, row + n, n0) : NULL);
                struct int16_strip s = {.b = panels, .n = n, .width = width};
                for (size_t from = k0; from < k0 + depth; from += SIMD_STRIP) {
                    s.a = strip_i16_at(p->q, row, from);
                    s.steps = int16_least(SIMD_STRIP, k0 + depth - from);
                    way->strip(t + c0, &s, from > 0, &ahead);
                    s.b += width / SIMD_PANEL * PAIRS * PAIR_ROW;
                }
                if (!last) continue;
                int16_rescale(t, p, row, n, n0, columns);
                p->sink(p->context, row, n, t);
            }
        }
    }
}

#endif
