/* products_int16.c - see products_int16.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/products_int16.h"

#include <stdlib.h>
#include <string.h>

static size_t lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

size_t int16_bytes(size_t n, size_t k)
{
    return lines(panels_bytes(SIMD_I16, n, k));
}

/* Scratch: the kernels', then the input [rows, k] in integers and its scales. */
size_t int16_scratch_bytes(size_t rows, size_t n, size_t k)
{
    (void)n;
    return lines(simd_scratch_bytes()) + lines(strips_size(rows, k) * sizeof(int16_t)) +
           lines(rows * sizeof(float));
}

static struct strips_i16 quantize(const struct kernels *kernels, struct strips in, size_t rows,
                                  size_t k, void *scratch)
{
    uint8_t *data = (uint8_t *)scratch + lines(simd_scratch_bytes());
    uint8_t *scales = data + lines(strips_size(rows, k) * sizeof(int16_t));
    struct strips_i16 x = {(int16_t *)(void *)data, (float *)(void *)scales, rows};
    kernels->quantize(x, in, rows, k);
    return x;
}

void int16_gemm(const struct kernels *kernels, struct strips out, struct strips in, size_t rows,
                struct panels w, const float *bias, enum gemm_epilogue epilogue, void *scratch)
{
    kernels->gemm_i16(out, quantize(kernels, in, rows, w.k, scratch), rows, w, bias, epilogue,
                      scratch);
}

void int16_head(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                struct panels w, const uint32_t *targets, void *scratch)
{
    kernels->head_i16(loss, quantize(kernels, x, rows, w.k, scratch), rows, w, targets, scratch);
}

/* Panel P of W, [k][32], times the factors: float32. */
static void widen(float *out, const struct kernels *kernels, struct panels w, size_t p,
                  struct pack_factors factors)
{
    const size_t count = w.k * SIMD_PANEL, at = p * count;
    if (w.dtype == SIMD_F32)
        memcpy(out, (const float *)w.data + at, count * sizeof *out);
    else if (w.dtype == SIMD_F16)
        kernels->f16_to_f32(out, (const uint16_t *)w.data + at, count);
    else
        kernels->bf16_to_f32(out, (const uint16_t *)w.data + at, count);
    for (size_t c = 0; factors.columns && c < w.k; c++)
        for (size_t i = 0; i < SIMD_PANEL; i++) out[c * SIMD_PANEL + i] *= factors.columns[c];
    for (size_t i = 0; factors.rows && i < SIMD_PANEL && p * SIMD_PANEL + i < w.n; i++)
        for (size_t c = 0; c < w.k; c++)
            out[c * SIMD_PANEL + i] *= factors.rows[p * SIMD_PANEL + i];
}

int int16_pack(const struct kernels *kernels, struct panels *out, void *to, struct panels w,
               struct pack_factors factors, struct err *e)
{
    const size_t bytes = panels_bytes(SIMD_I16, SIMD_PANEL, w.k), all = panels_count(w.n);
    int status = 0;
#pragma omp parallel if (w.n * w.k > PACK_SMALL)
    {
        float *wide = simd_alloc(w.k * SIMD_PANEL * sizeof *wide);
        if (!wide)
#pragma omp atomic write
            status = -1;
#pragma omp for schedule(static)
        for (size_t p = 0; p < all; p++) {
            if (!wide) continue;
            const size_t left = w.n - p * SIMD_PANEL;
            widen(wide, kernels, w, p, factors);
            kernels->quantize_panels(
                (uint8_t *)to + p * bytes,
                (struct panels){wide, SIMD_F32, left < SIMD_PANEL ? left : SIMD_PANEL, w.k});
        }
        if (wide) simd_free(wide, w.k * SIMD_PANEL * sizeof *wide);
    }
    *out = (struct panels){to, SIMD_I16, w.n, w.k};
    return status ? err_memory(e, "weights") : 0;
}
