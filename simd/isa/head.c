/* head.c - the loss of every token without its logits: the vocabulary passes by in blocks of 256,
 * each block's logits stay in L1 between the product and an online log-sum-exp.
 *
 * loss = (m - x_target) + log sum_v exp(x_v - m), m the greatest logit so far (Milakov and
 * Gimelshein, "Online normalizer calculation for softmax", 2018): float32 within a block, one chain
 * a lane and the tree over lanes; double between blocks and from there on.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <string.h>

#include "simd/isa/double.h"
#include "simd/isa/kernels_internal.h"
#include "simd/isa/math.h"
#include "simd/isa/product.h"

/* What is known of a row so far. */
struct row_state {
    double sum;   /* of exp(logit - most) */
    float most;   /* the greatest logit */
    float target; /* the target's logit */
};
_Static_assert(sizeof(struct row_state) <= 2 * sizeof(double), "product_scratch.state");

struct head_context {
    struct row_state *state; /* of the rows from row0 on */
    const uint32_t *targets; /* of all rows */
    float *loss;
    uint32_t *best; /* of all rows, or NULL */
    size_t row0, n0, columns;
    bool first, last;
};

/* The first of a block's columns whose logit is the greatest; 0 where that is not a number. */
static uint32_t first_of(const float *t, size_t columns, float greatest)
{
    for (size_t c = 0; c < columns; c++)
        if (t[c] == greatest) return (uint32_t)c;
    return 0;
}

static void head_sink(void *context, size_t row, size_t n, float *t)
{
    const struct head_context *h = context;
    const size_t end = (h->columns + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
    for (size_t i = 0; i < n; i++, row++, t += SIMD_STRIP) {
        struct row_state *state = &h->state[row - h->row0];
        if (h->columns < end) {
            float *tail = t + end - SIMD_LANES;
            v_store(tail, v_keep_n(v_load(tail), h->columns % SIMD_LANES, v_set1(-FLT_MAX)));
        }
        vf most = v_load(t);
        for (size_t c = SIMD_LANES; c < end; c += SIMD_LANES) most = v_max(most, v_load(t + c));
        float block = v_hmax(most);
        /* A later column must be greater: of equal ones the first stays. */
        if (h->best && (h->first || block > state->most))
            h->best[row] = (uint32_t)h->n0 + first_of(t, h->columns, block);
        if (h->first) {
            state->most = block;
            state->sum = 0;
            state->target = 0;
        } else if (!(block <= state->most)) {
            state->sum *= double_exp((double)state->most - (double)block);
            state->most = block;
        }
        const vf m = v_set1(state->most);
        vf sum = v_zero();
        for (size_t c = 0; c < end; c += SIMD_LANES)
            sum = v_add(sum, m_exp_softmax(v_sub(v_load(t + c), m)));
        state->sum += (double)v_sum(sum);
        if (h->targets[row] - h->n0 < h->columns) state->target = t[h->targets[row] - h->n0];
        if (h->last)
            h->loss[row] =
                (float)(((double)state->most - (double)state->target) + double_log(state->sum));
    }
}

void K(head_by)(product_maker *make, struct product p, float *loss, uint32_t *best, size_t rows,
                const uint32_t *targets, void *scratch)
{
    const struct product_scratch s = product_scratch(scratch);
    const size_t n = p.w.n;
    for (size_t row = 0; row < rows; row += GEMM_ROWS) {
        size_t some = rows - row < GEMM_ROWS ? rows - row : GEMM_ROWS;
        for (size_t n0 = 0; n0 < n; n0 += SIMD_STRIP) {
            size_t columns = n - n0 < SIMD_STRIP ? n - n0 : SIMD_STRIP;
            struct head_context h = {s.state, targets,          loss, best, row, n0, columns,
                                     n0 == 0, n0 + columns == n};
            p.sink = head_sink;
            p.context = &h;
            make(&p, row, some, n0, &s);
        }
    }
}

void K(head_best)(float *loss, uint32_t *best, struct strips x, size_t rows, struct panels w,
                  const uint32_t *targets, void *scratch)
{
    K(head_by)(K(product), (struct product){.x = x, .w = w}, loss, best, rows, targets, scratch);
}

void K(head)(float *loss, struct strips x, size_t rows, struct panels w, const uint32_t *targets,
             void *scratch)
{
    K(head_by)(K(product), (struct product){.x = x, .w = w}, loss, NULL, rows, targets, scratch);
}

void K(head_best_i16)(float *loss, uint32_t *best, struct strips_i16 x, size_t rows,
                      struct panels w, const uint32_t *targets, void *scratch)
{
    K(head_by)
    (K(product_i16), (struct product){.q = x, .w = w}, loss, best, rows, targets, scratch);
}

void K(head_i16)(float *loss, struct strips_i16 x, size_t rows, struct panels w,
                 const uint32_t *targets, void *scratch)
{
    K(head_by)
    (K(product_i16), (struct product){.q = x, .w = w}, loss, NULL, rows, targets, scratch);
}

/* --- one row, and its gradient --- */

/* e[c] = exp(logit[c] - most) for c < n. */
static void exponentials(float *e, const float *logits, size_t n, float most)
{
    for (size_t c = 0; c < n; c++) e[c] = logits[c] - most;
    K(exp)(e, e, n);
}

/* x[0..n) *= scale */
static void multiply(float *x, size_t n, double scale)
{
    for (size_t c = 0; c < n; c++) x[c] = (float)((double)x[c] * scale);
}

float K(head_back)(float *dx, float *dlogits, const float *x, struct panels w, uint32_t target,
                   void *scratch)
{
    _Alignas(64) float block[SIMD_STRIP];
    struct row_state state;
    float loss = 0, most = 0;
    double others = 0; /* all exponentials but the target's, with respect to `most` as dx is */
    const struct strips to = {dx, 1}, from = {block, 1};
    memset(dx, 0, w.k * sizeof *dx);
    for (size_t n0 = 0; n0 < w.n; n0 += SIMD_STRIP) {
        const size_t columns = w.n - n0 < SIMD_STRIP ? w.n - n0 : SIMD_STRIP, end = n0 + columns;
        struct head_context h = {&state, &target, &loss, NULL, 0, n0, columns, n0 == 0, end == w.n};
        K(gemv)(dlogits, x, w, n0, end, NULL, GEMM_STORE);
        memcpy(block, dlogits + n0, columns * sizeof *block);
        head_sink(&h, 0, 1, block);
        if (n0 && state.most != most) {
            const double scale = double_exp((double)most - (double)state.most);
            multiply(dx, w.k, scale);
            others *= scale;
        }
        most = state.most;
        exponentials(block, dlogits + n0, columns, most);
        if (target - n0 < columns) block[target - n0] = 0;
        for (size_t c = 0; c < columns; c++) others += (double)block[c];
        K(gemm_back)(to, from, 1, panels_rows(w, n0, columns), GEMM_ADD, scratch);
    }
    exponentials(dlogits, dlogits, w.n, most);
    const double scale = 1 / (others + (double)dlogits[target]);
    const size_t panel = target / SIMD_PANEL * SIMD_PANEL;
    multiply(dlogits, w.n, scale);
    multiply(dx, w.k, scale);
    dlogits[target] = (float)(-others * scale);
    memset(block, 0, SIMD_PANEL * sizeof *block);
    block[target - panel] = dlogits[target];
    K(gemm_back)
    (to, from, 1, panels_rows(w, panel, w.n - panel < SIMD_PANEL ? w.n - panel : SIMD_PANEL),
     GEMM_ADD, scratch);
    return loss;
}
