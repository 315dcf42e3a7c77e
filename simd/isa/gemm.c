/* gemm.c - the native GEMM: x W^T, and x W for the backward pass, with weights of 2 or 4 bytes in
 * panels, float32 sums.
 *
 * For 256 columns of W at a time, for as much of k as fits half of L2: the panels are widened to
 * float32 there; then each sliver of MR rows of x passes by, one strip after the other, the strip's
 * rows staying in L1 while the widened panels stream from L2. The sums of each chain (simd_chain())
 * are added to those before it in memory, in order, so that the result does not depend on the
 * blocks' sizes. x is read from memory once per 256 columns, W once. For x W the panels are turned
 * while they are widened, and that is all the difference.
 *
 * Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with W in the
 * place of their packed A, and x, whose strips need no packing, in the place of B.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/ahead.h"
#include "simd/isa/kernels_internal.h"
#include "simd/isa/math.h"
#include "simd/isa/product.h"
#include "simd/isa/strip_micro.h"
#include "simd/isa/weights.h"

MICRO_HEIGHTS(NARROW)
static micro_kernel *const narrow_kernels[MR + 1] = NARROW_TABLE;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One panel of 32 columns of the product, n .. n + 31 of W's out features, and k steps, k0 .. of
 * its in features. */
V_WORD void widen_panel(float *b, struct panels w, enum simd_dtype dtype, size_t n, size_t k0,
                        size_t k)
{
    float *hi = b + ((int)NR > 16 ? 16 : NR * SIMD_STRIP);
    size_t at = (n / SIMD_PANEL * w.k + k0) * SIMD_PANEL;
    for (size_t i = 0; i < k; i++, at += SIMD_PANEL) {
        v_store(b + i * NR, load_weights(w.data, dtype, at));
        v_store(hi + i * NR, load_weights(w.data, dtype, at + SIMD_LANES));
    }
}

/* The same of x W, whose columns are in features, k .. k + 31, and whose n steps are out features,
 * n0 .. : blocks of 16 x 16 are turned on the way. */
V_WORD void turn_panel(float *b, struct panels w, enum simd_dtype dtype, size_t k, size_t n0,
                       size_t n)
{
    for (size_t i = 0; i < n; i += SIMD_LANES, b += SIMD_LANES * NR)
        for (size_t half = 0; half < SIMD_PANEL; half += SIMD_LANES) {
            float *to = b + ((int)NR > 16 ? half : half * SIMD_STRIP);
            size_t at = (n0 + i) / SIMD_PANEL * SIMD_PANEL * w.k + (n0 + i) % SIMD_PANEL;
            vf r[SIMD_LANES];
            V_FOR (j, SIMD_LANES) { /* beyond the last column that one again: nobody looks there */
                size_t column = least(k + half + (size_t)j, w.k - 1);
                r[j] = load_weights(w.data, dtype, at + column * SIMD_PANEL);
            }
            v_transpose(r);
            V_FOR (j, SIMD_LANES) v_store(to + j * NR, r[j]);
        }
}

V_WORD void one_panel(float *b, const struct product *p, enum simd_dtype dtype, size_t column,
                      size_t from, size_t steps)
{
    if (p->back)
        turn_panel(b, p->w, dtype, column, from, steps);
    else
        widen_panel(b, p->w, dtype, column, from, steps);
}

/* Panels of the product's columns n0 .. n0 + columns, its steps k0 .. k0 + depth, to b:
 * [strip][panel of NR][step][NR]. */
static void widen(float *b, const struct product *p, size_t n0, size_t columns, size_t k0,
                  size_t depth)
{
    for (size_t s = 0; s < depth; s += SIMD_STRIP) {
        size_t k = least(SIMD_STRIP, depth - s);
        for (size_t c = 0; c < columns; c += SIMD_PANEL, b += SIMD_PANEL * SIMD_STRIP) {
            if (p->w.dtype == SIMD_F16)
                one_panel(b, p, SIMD_F16, n0 + c, k0 + s, k);
            else if (p->w.dtype == SIMD_BF16)
                one_panel(b, p, SIMD_BF16, n0 + c, k0 + s, k);
            else
                one_panel(b, p, SIMD_F32, n0 + c, k0 + s, k);
        }
    }
}

void K(product)(const struct product *p, size_t row0, size_t rows, size_t n0,
                const struct product_scratch *scratch)
{
    const struct strips x = p->x;
    const struct gemm_block block = gemm_block();
    const size_t all = p->back ? p->w.k : p->w.n, sum = p->back ? p->w.n : p->w.k;
    const size_t columns = least(SIMD_STRIP, panels_count(all - n0) * SIMD_PANEL);
    /* Slivers of almost equal size: 1024 rows are 62 of 14 and 12 of 13, not 73 of 14 and a slow
     * one of 2. */
    const size_t slivers = (rows + MR - 1) / MR;
    const size_t chain = simd_chain(sum);
    const bool single = columns <= block.columns && sum <= block.depth;

    for (size_t c0 = 0; c0 < columns; c0 += block.columns) {
        const size_t width = least(block.columns, columns - c0);
        for (size_t k0 = 0; k0 < sum; k0 += block.depth) {
            const size_t depth = least(block.depth, sum - k0);
            const bool last = c0 + width == columns && k0 + depth == sum;
            widen(scratch->weights, p, n0 + c0, width, k0, depth);
            for (size_t i = 0, r = 0; i < slivers; i++) {
                const size_t n = rows / slivers + (i < rows % slivers);
                /* Sums finished in one go need not leave L1. */
                float *t = scratch->sums + (single ? 0 : r * SIMD_STRIP);
                const float *b = scratch->weights;
                const size_t bytes = n * SIMD_STRIP * sizeof *t;
                struct ahead ahead = {.n = 0};
                if (i + 1 < slivers) {
                    if (!single) ahead_add(&ahead, t + n * SIMD_STRIP, bytes);
                    for (size_t k = k0; k < k0 + depth && ahead.n < 7; k += SIMD_STRIP)
                        ahead_add(&ahead, strip_at(x, row0 + r + n, k), bytes);
                    if (last && p->out)
                        ahead_add(&ahead, strip_at(*p->out, row0 + r + n, n0), bytes);
                }
                for (size_t k = k0; k < k0 + depth; k += SIMD_STRIP) {
                    const float *a = strip_at(x, row0 + r, k);
                    size_t steps = least(SIMD_STRIP, k0 + depth - k);
                    for (size_t c = 0; c < width; c += NR, b += NR * SIMD_STRIP) {
                        const bool half = all - n0 - c0 <= c + 16; /* or less is left */
                        (half ? narrow_kernels
                              : micro_kernels)[n](a, b, steps, chain, t + c0 + c, k > 0,
                                                  ahead_next(&ahead, STRIP_AHEAD, a));
                    }
                }
                if (last) p->sink(p->context, row0 + r, n, t);
                r += n;
            }
        }
    }
}

struct gemm_context {
    struct strips out;
    size_t n0, columns;
    enum gemm_epilogue epilogue;
    float bias[SIMD_STRIP]; /* of these columns; zeros beyond n */
};

V_WORD void epilogue_rows(const struct gemm_context *g, enum gemm_epilogue epilogue, size_t row,
                          size_t rows, const float *t)
{
    float *out = strip_at(g->out, row, g->n0);
    for (size_t i = 0; i < rows; i++, out += SIMD_STRIP, t += SIMD_STRIP) {
        for (size_t c = 0; c < g->columns; c += SIMD_LANES) {
            vf v = v_add(v_load(t + c), v_load(g->bias + c));
            if (epilogue == GEMM_ADD) v = v_add(v_load(out + c), v);
            if (epilogue == GEMM_SCALE) v = v_mul(v_load(out + c), v);
            if (epilogue == GEMM_GELU_ERF) v = m_gelu_erf(v);
            if (epilogue == GEMM_GELU_TANH) v = m_gelu_tanh(v);
            v_store(out + c, v);
        }
    }
}

static void gemm_sink(void *context, size_t row, size_t n, float *t)
{
    const struct gemm_context *g = context;
    switch (g->epilogue) {
    case GEMM_STORE:
        epilogue_rows(g, GEMM_STORE, row, n, t);
        break;
    case GEMM_ADD:
        epilogue_rows(g, GEMM_ADD, row, n, t);
        break;
    case GEMM_GELU_ERF:
        epilogue_rows(g, GEMM_GELU_ERF, row, n, t);
        break;
    case GEMM_GELU_TANH:
        epilogue_rows(g, GEMM_GELU_TANH, row, n, t);
        break;
    case GEMM_SCALE:
        epilogue_rows(g, GEMM_SCALE, row, n, t);
        break;
    }
}

void K(gemm_by)(product_maker *make, struct product p, size_t rows, size_t columns,
                const float *bias, enum gemm_epilogue epilogue, void *scratch)
{
    const struct product_scratch s = product_scratch(scratch);
    for (size_t row = 0; row < rows; row += GEMM_ROWS) {
        for (size_t n0 = 0; n0 < columns; n0 += SIMD_STRIP) {
            size_t n = least(SIMD_STRIP, columns - n0);
            struct gemm_context g = {*p.out, n0, n, epilogue, {0}};
            if (bias) memcpy(g.bias, bias + n0, n * sizeof *bias);
            p.sink = gemm_sink;
            p.context = &g;
            make(&p, row, least(GEMM_ROWS, rows - row), n0, &s);
        }
    }
}

void K(gemm)(struct strips out, struct strips in, size_t rows, struct panels w, const float *bias,
             enum gemm_epilogue epilogue, void *scratch)
{
    const struct product p = {.x = in, .w = w, .out = &out};
    K(gemm_by)(K(product), p, rows, w.n, bias, epilogue, scratch);
}

void K(gemm_i16)(struct strips out, struct strips_i16 in, size_t rows, struct panels w,
                 const float *bias, enum gemm_epilogue epilogue, void *scratch)
{
    const struct product p = {.q = in, .w = w, .out = &out};
    K(gemm_by)(K(product_i16), p, rows, w.n, bias, epilogue, scratch);
}

void K(gemm_back)(struct strips dx, struct strips dy, size_t rows, struct panels w,
                  enum gemm_epilogue epilogue, void *scratch)
{
    const struct product p = {.x = dy, .w = w, .back = true, .out = &dx};
    K(gemm_by)(K(product), p, rows, w.k, NULL, epilogue, scratch);
}
