/* cluster_qr.c - see cluster_qr.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/cluster_qr.h"

#include <omp.h>
#include <stdlib.h>

#include "simd/lapack.h"

/* WORK [n][k], CORNER [k][k], PIVOT [n]. */
static const char *rotate(int32_t *label, const struct spectral *s, size_t k, double *work,
                          double *corner, int32_t *pivot)
{
    const size_t n = s->n;
    const int threads = omp_get_max_threads();
    for (size_t i = 0; i < n; i++) {
        for (size_t f = 0; f < k; f++) work[i * k + f] = s->vectors[f * n + i];
    }
    const char *why = lapack_pivots(work, k, n, pivot, threads);
    if (why) return why;
    for (size_t c = 0; c < k; c++) {
        for (size_t f = 0; f < k; f++) corner[c * k + f] = s->vectors[f * n + (size_t)pivot[c]];
    }
    why = lapack_orthogonal(corner, k, threads);
    if (!why) why = lapack_multiply(work, s->vectors, corner, n, k, k, threads);
    if (why) return why;
    for (size_t i = 0; i < n; i++) {
        size_t most = 0;
        for (size_t c = 1; c < k; c++) {
            if (fabs(work[c * n + i]) > fabs(work[most * n + i])) most = c;
        }
        label[i] = (int32_t)most;
    }
    return NULL;
}

int cluster_qr(int32_t *label, const struct spectral *s, size_t k, struct err *e)
{
    double *work = malloc(s->n * k * sizeof *work), *corner = malloc(k * k * sizeof *corner);
    int32_t *pivot = malloc(s->n * sizeof *pivot);
    const char *why =
        work && corner && pivot ? rotate(label, s, k, work, corner, pivot) : "out of memory";
    free(work);
    free(corner);
    free(pivot);
    return why ? err_set(e, "%zu clusters by cluster_qr: %s", k, why) : 0;
}
