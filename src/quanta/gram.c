/* gram.c - see gram.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/gram.h"

#include <string.h>

enum { ROWS = 256 }; /* at a time, so that there are enough pieces for all threads */

static int multiply(struct strips out, struct strips x, struct panels w,
                    const struct kernels *kernels)
{
    int failed = 0;
#pragma omp parallel
    {
        void *scratch = simd_alloc(simd_scratch_bytes());
        if (!scratch) {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(dynamic)
        for (size_t row = 0; row < w.n; row += ROWS) {
            const struct strips from = {x.data + row * SIMD_STRIP, x.rows},
                                to = {out.data + row * SIMD_STRIP, out.rows};
            const size_t rows = w.n - row < ROWS ? w.n - row : ROWS;
            if (scratch) kernels->gemm(to, from, rows, w, NULL, GEMM_STORE, scratch);
        }
        if (scratch) simd_free(scratch, simd_scratch_bytes());
    }
    return failed ? -1 : 0;
}

int gram(struct strips out, const float *x, size_t n, size_t d, const struct kernels *kernels)
{
    const size_t strips_bytes = strips_size(n, d) * sizeof *x,
                 panels_bytes = panels_size(n, d) * sizeof *x;
    struct strips in = {simd_alloc(strips_bytes), n};
    float *w = simd_alloc(panels_bytes);
    int status = -1;
    if (in.data && w) {
        for (size_t i = 0; i < n; i++) {
            for (size_t f = 0; f < d; f += SIMD_STRIP)
                memcpy(strip_at(in, i, f), x + i * d + f,
                       (d - f < SIMD_STRIP ? d - f : SIMD_STRIP) * sizeof *x);
        }
        panels_pack(w, x, n, d, sizeof *x);
        status = multiply(out, in, (struct panels){w, SIMD_F32, n, d}, kernels);
    }
    if (in.data) simd_free(in.data, strips_bytes);
    if (w) simd_free(w, panels_bytes);
    return status;
}
