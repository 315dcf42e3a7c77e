/* onednn.c - the GEMM and the loss head by oneDNN, behind the arguments of our own: a second
 * opinion on every number and the baseline of every speed.
 *
 * One strip of output columns at a time: its weight panels are widened to a row-major [k][256]
 * matrix and dnnl_sgemm is called once per strip of k (beta = 1), all leading dimensions 256. It
 * runs on one thread when called from inside a parallel region. float32 throughout; the order of
 * sums is oneDNN's, so results are close to ours, not equal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <string.h>

#include "simd/simd.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Scratch: weights [k][256], one panel [k][32], logits [rows][256], state [rows][3]. */
struct parts {
    float *weights, *panel, *logits;
    double *state;
};

size_t onednn_scratch_bytes(size_t rows, size_t n, size_t k)
{
    (void)n;
    return (k * (SIMD_STRIP + SIMD_PANEL) + rows * SIMD_STRIP) * sizeof(float) +
           rows * 3 * sizeof(double);
}

static struct parts cut(void *scratch, size_t rows, size_t k)
{
    struct parts p;
    p.weights = scratch;
    p.panel = p.weights + k * SIMD_STRIP;
    p.logits = p.panel + k * SIMD_PANEL;
    p.state = (double *)(void *)(p.logits + rows * SIMD_STRIP);
    return p;
}

/* Columns n0 .. n0 + 256 of W^T to p->weights, row-major. */
static void widen(const struct kernels *kernels, const struct parts *p, struct panels w, size_t n0)
{
    for (size_t c = 0; c < SIMD_STRIP && n0 + c < w.n; c += SIMD_PANEL) {
        size_t at = (n0 + c) * w.k;
        const float *from = p->panel;
        if (w.dtype == SIMD_F32)
            from = (const float *)w.data + at;
        else if (w.dtype == SIMD_F16)
            kernels->f16_to_f32(p->panel, (const uint16_t *)w.data + at, w.k * SIMD_PANEL);
        else
            kernels->bf16_to_f32(p->panel, (const uint16_t *)w.data + at, w.k * SIMD_PANEL);
        for (size_t i = 0; i < w.k; i++)
            memcpy(p->weights + i * SIMD_STRIP + c, from + i * SIMD_PANEL,
                   SIMD_PANEL * sizeof *from);
    }
}

/* out[rows][columns] = or += x[rows][k] weights[k][columns]. What oneDNN refuses becomes NaN, not a
 * number that looks right. */
static void multiply(float *out, struct strips x, size_t rows, const struct parts *p,
                     size_t columns, size_t k, bool add)
{
    dnnl_dim_t ld = SIMD_STRIP;
    for (size_t k0 = 0; k0 < k; k0 += SIMD_STRIP) {
        dnnl_status_t status =
            dnnl_sgemm('N', 'N', (dnnl_dim_t)rows, (dnnl_dim_t)columns,
                       (dnnl_dim_t)least(SIMD_STRIP, k - k0), 1.0f, strip_at(x, 0, k0), ld,
                       p->weights + k0 * SIMD_STRIP, ld, add || k0 ? 1.0f : 0.0f, out, ld);
        if (status == dnnl_success) continue;
        for (size_t i = 0; i < rows; i++)
            for (size_t c = 0; c < columns; c++) out[i * SIMD_STRIP + c] = NAN;
    }
}

void onednn_gemm(const struct kernels *kernels, struct strips out, struct strips in, size_t rows,
                 struct panels w, const float *bias, enum gemm_epilogue epilogue, void *scratch)
{
    const struct parts p = cut(scratch, rows, w.k);
    for (size_t n0 = 0; n0 < w.n; n0 += SIMD_STRIP) {
        size_t columns = least(SIMD_STRIP, w.n - n0);
        widen(kernels, &p, w, n0);
        multiply(strip_at(out, 0, n0), in, rows, &p, columns, w.k, epilogue == GEMM_ADD);
        for (size_t r = 0; r < rows; r++) {
            float *row = strip_at(out, r, n0);
            if (bias)
                for (size_t c = 0; c < columns; c++) row[c] += bias[n0 + c];
            if (epilogue == GEMM_GELU_ERF) kernels->gelu_erf(row, row, columns);
            if (epilogue == GEMM_GELU_TANH) kernels->gelu_tanh(row, row, columns);
        }
    }
}

void onednn_head(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                 struct panels w, const uint32_t *targets, void *scratch)
{
    const struct parts p = cut(scratch, rows, w.k);
    for (size_t n0 = 0; n0 < w.n; n0 += SIMD_STRIP) {
        size_t columns = least(SIMD_STRIP, w.n - n0);
        widen(kernels, &p, w, n0);
        multiply(p.logits, x, rows, &p, columns, w.k, false);
        for (size_t r = 0; r < rows; r++) {
            float *row = p.logits + r * SIMD_STRIP;
            double *most = p.state + 3 * r, *sum = most + 1, *target = most + 2, block = -INFINITY;
            if (targets[r] - n0 < columns) *target = (double)row[targets[r] - n0];
            for (size_t c = 0; c < columns; c++)
                if (!((double)row[c] <= block)) block = (double)row[c];
            if (n0 == 0) {
                *most = block;
                *sum = 0;
            } else if (!(block <= *most)) {
                *sum *= exp(*most - block);
                *most = block;
            }
            for (size_t c = 0; c < columns; c++) row[c] -= (float)*most;
            kernels->exp(row, row, columns);
            for (size_t c = 0; c < columns; c++) *sum += (double)row[c];
        }
    }
    for (size_t r = 0; r < rows; r++) {
        const double *state = p.state + 3 * r;
        loss[r] = (float)(state[0] - state[2] + log(state[1]));
    }
}
