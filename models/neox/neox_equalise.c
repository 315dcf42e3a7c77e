/* neox_equalise.c - see neox_equalise.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_equalise.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/stats.h"

int neox_factors_open(struct neox_factors *f, const struct neox *model, struct err *e)
{
    *f = (struct neox_factors){.layers = model->config.layers, .hidden = model->config.hidden};
    f->exponent = calloc(neox_factors_count(f->layers, f->hidden), 1);
    return f->exponent ? 0 : err_memory(e, model->flat->path);
}

enum { COLUMNS = 64 }; /* of W at a time: their sums stay in the cache */

/* Sums of squares of columns first .. first + n - 1 of W: each of a panel's 32 rows by itself over the
 * panels, then these 32 in order. */
static void column_squares(double *out, const struct kernels *kernels, struct panels w,
                           size_t first, size_t n)
{
    double sums[COLUMNS * SIMD_PANEL] = {0};
    float wide[COLUMNS * SIMD_PANEL];
    for (size_t p = 0; p < panels_count(w.n); p++) {
        const size_t at = (p * w.k + first) * SIMD_PANEL, count = n * SIMD_PANEL;
        const float *x = wide;
        if (w.dtype == SIMD_F32)
            x = (const float *)w.data + at;
        else if (w.dtype == SIMD_F16)
            kernels->f16_to_f32(wide, (const uint16_t *)w.data + at, count);
        else
            kernels->bf16_to_f32(wide, (const uint16_t *)w.data + at, count);
        for (size_t i = 0; i < count; i++) sums[i] += (double)x[i] * (double)x[i];
    }
    for (size_t c = 0; c < n; c++) {
        out[c] = 0;
        for (size_t i = 0; i < SIMD_PANEL; i++) out[c] += sums[c * SIMD_PANEL + i];
    }
}

/* rint(log2(x)) for x > 0, at a half downwards or upwards as the square root of a half is rounded: log2
 * of one C library is not that of another. */
static int nearest_power(double x)
{
    int exponent;
    double fraction = frexp(x, &exponent); /* 1/2 .. 1 */
    return fraction < M_SQRT1_2 ? exponent - 1 : exponent;
}

int neox_equalise(int8_t *exponent, const struct kernels *kernels, struct panels w,
                  const double *squares, size_t rows, struct err *e)
{
    double *u = malloc(2 * (w.k + 1) * sizeof *u), *sorted = u + w.k + 1;
    if (!u) return err_memory(e, NULL);
#pragma omp parallel for schedule(static) if (w.n * w.k > PACK_SMALL)
    for (size_t c = 0; c < w.k; c += COLUMNS)
        column_squares(u + c, kernels, w, c, w.k - c < COLUMNS ? w.k - c : COLUMNS);
    size_t n = 0;
    for (size_t c = 0; c < w.k; c++) {
        u[c] = sqrt(sqrt((u[c] / (double)w.n) / (squares[c] / (double)rows)));
        if (u[c] > 0 && isfinite(u[c])) sorted[n++] = u[c];
    }
    const double median = n ? stats_median(sorted, n) : 1;
    for (size_t c = 0; c < w.k; c++) {
        int power = u[c] > 0 && isfinite(u[c]) ? nearest_power(u[c] / median) : 0;
        if (power > EQUALISE_MOST) power = EQUALISE_MOST;
        if (power < -EQUALISE_MOST) power = -EQUALISE_MOST;
        exponent[c] = (int8_t)power;
    }
    free(u);
    return 0;
}

void neox_scale(float *v, const int8_t *exponent, size_t n)
{
    for (size_t i = 0; i < n; i++) v[i] = ldexpf(v[i], exponent[i]);
}
