/* kmeans_points.c - see kmeans_points.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/kmeans_points.h"

#include <stdlib.h>

#include "src/quanta/gram.h"

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

int kmeans_points_set(struct kmeans_points *p, const double *components, size_t d,
                      const struct kernels *kernels, struct err *e)
{
    float *x = realloc(p->x, p->n * d * sizeof *x);
    if (!x) return err_memory(e, NULL);
    p->x = x;
    p->d = d;
    centre(p, components);
    if (gram(p->gram, x, p->n, d, kernels)) return err_memory(e, NULL);
    for (size_t i = 0; i < p->n; i++) p->norm[i] = *strip_at(p->gram, i, i);
    return 0;
}
