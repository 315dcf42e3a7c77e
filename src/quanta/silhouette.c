/* silhouette.c - see silhouette.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/silhouette.h"

#include <stdlib.h>

/* Of sample I, whose DISTANCE [n] is known, among K clusters of sizes SIZE. */
static double silhouette(size_t i, const double *distance, const int32_t *label, size_t n, size_t k,
                         const uint32_t *size, double *sum)
{
    const size_t own = (size_t)label[i];
    if (size[own] < 2) return 0;
    memset(sum, 0, k * sizeof *sum);
    for (size_t j = 0; j < n; j++) sum[label[j]] += distance[j];
    const double a = sum[own] / (size[own] - 1);
    double b = INFINITY;
    for (size_t c = 0; c < k; c++) {
        const double mean = sum[c] / size[c];
        if (c != own && size[c] && mean < b) b = mean;
    }
    const double most = a > b ? a : b;
    return isfinite(b) && most > 0 ? (b - a) / most : 0;
}

int silhouettes(double *mean, const int32_t *labels, const size_t *clusters, size_t kinds,
                const struct affinity *a, struct err *e)
{
    const size_t n = a->n;
    size_t most = 0, failed = 0;
    for (size_t k = 0; k < kinds; k++) most = clusters[k] > most ? clusters[k] : most;
    uint32_t *size = calloc(kinds * most, sizeof *size);
    double *all = malloc(kinds * n * sizeof *all);
    if (!size || !all) failed = 1;
    for (size_t k = 0; k < kinds && !failed; k++) {
        for (size_t i = 0; i < n; i++) size[k * most + (size_t)labels[k * n + i]]++;
    }
#pragma omp parallel if (!failed)
    {
        double *distance = malloc(n * sizeof *distance), *sum = malloc(most * sizeof *sum);
        if (!distance || !sum) {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(dynamic, 16)
        for (size_t i = 0; i < n; i++) {
            if (!distance || !sum || !all || !size) continue;
            for (size_t j = 0; j < n; j++) distance[j] = j == i ? 0 : a->top - affinity_at(a, i, j);
            for (size_t k = 0; k < kinds; k++)
                all[k * n + i] =
                    silhouette(i, distance, labels + k * n, n, clusters[k], size + k * most, sum);
        }
        free(distance);
        free(sum);
    }
    for (size_t k = 0; k < kinds && !failed; k++) {
        mean[k] = 0;
        for (size_t i = 0; i < n; i++) mean[k] += all[k * n + i];
        mean[k] /= (double)n;
    }
    free(all);
    free(size);
    return failed ? err_memory(e, a->name) : 0;
}
