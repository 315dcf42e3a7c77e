/* kmeans_points.c - see kmeans_points.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/kmeans_points.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

static size_t gram_bytes(size_t n)
{
    return strips_size(n, n) * sizeof(float);
}

int kmeans_points_open(struct kmeans_points *p, size_t n, struct err *e)
{
    *p = (struct kmeans_points){.n = n};
    p->gram = (struct strips){simd_alloc(gram_bytes(n)), n};
    p->norm = calloc(kmeans_strips(p) * SIMD_STRIP, sizeof *p->norm);
    if (p->gram.data && p->norm) return 0;
    kmeans_points_close(p);
    return err_memory(e, NULL);
}

void kmeans_points_close(struct kmeans_points *p)
{
    if (p->gram.data) simd_free(p->gram.data, gram_bytes(p->n));
    free(p->norm);
    free(p->x);
    *p = (struct kmeans_points){.n = 0};
}

/* Centres the coordinates and rounds them to float32. */
static void centre(struct kmeans_points *p, const double *components)
{
    double variance = 0;
#pragma omp parallel for schedule(static)
    for (size_t f = 0; f < p->d; f++) {
        const double *from = components + f * p->n;
        double mean = 0;
        for (size_t i = 0; i < p->n; i++) mean += from[i];
        mean /= (double)p->n;
        for (size_t i = 0; i < p->n; i++) p->x[i * p->d + f] = (float)(from[i] - mean);
    }
    for (size_t i = 0; i < p->n * p->d; i++) variance += (double)p->x[i] * (double)p->x[i];
    p->variance = variance / (double)(p->n * p->d);
}

/* Rows of the Gram matrix: a few at a time, so that threads have enough of them. */
enum { ROWS = 256 };

static int multiply(const struct kmeans_points *p, struct strips x, struct panels w,
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
        for (size_t row = 0; row < p->n; row += ROWS) {
            const struct strips in = {x.data + row * SIMD_STRIP, x.rows},
                                out = {p->gram.data + row * SIMD_STRIP, p->gram.rows};
            const size_t rows = p->n - row < ROWS ? p->n - row : ROWS;
            if (scratch) kernels->gemm(out, in, rows, w, NULL, GEMM_STORE, scratch);
        }
        if (scratch) simd_free(scratch, simd_scratch_bytes());
    }
    return failed ? -1 : 0;
}

int kmeans_points_set(struct kmeans_points *p, const double *components, size_t d,
                      const struct kernels *kernels, struct err *e)
{
    const size_t strips_bytes = strips_size(p->n, d) * sizeof(float),
                 panels_bytes = panels_size(p->n, d) * sizeof(float);
    struct strips x = {simd_alloc(strips_bytes), p->n};
    float *w = simd_alloc(panels_bytes), *rows = realloc(p->x, p->n * d * sizeof *rows);
    int status = -1;
    if (rows) p->x = rows;
    p->d = d;
    if (x.data && w && rows) {
        centre(p, components);
        for (size_t i = 0; i < p->n; i++) {
            for (size_t f = 0; f < d; f += SIMD_STRIP)
                memcpy(strip_at(x, i, f), p->x + i * d + f,
                       (d - f < SIMD_STRIP ? d - f : SIMD_STRIP) * sizeof *p->x);
        }
        panels_pack(w, p->x, p->n, d, sizeof *p->x);
        status = multiply(p, x, (struct panels){w, SIMD_F32, p->n, d}, kernels);
    }
    if (x.data) simd_free(x.data, strips_bytes);
    if (w) simd_free(w, panels_bytes);
    if (status) return err_memory(e, NULL);
    for (size_t i = 0; i < p->n; i++) p->norm[i] = *strip_at(p->gram, i, i);
    return 0;
}
