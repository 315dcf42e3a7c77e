/* kmeans_seed.c - see kmeans_seed.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/kmeans_seed.h"

#include <math.h>
#include <string.h>

#include "src/base/rng.h"

/* Squared distances from all points to the nearest seed, and their sums by strips, from which a
 * point is drawn. */
struct nearest {
    float *distance; /* [strips x 256], zeros beyond n */
    double *sum;     /* [strips] */
    double total;
};

size_t kmeans_seed_floats(const struct kmeans_points *p)
{
    return 3 * kmeans_strips(p) * (SIMD_STRIP + 2);
}

static struct nearest cut(float **scratch, const struct kmeans_points *p)
{
    struct nearest n = {.sum = (double *)(void *)*scratch};
    n.distance = *scratch + 2 * kmeans_strips(p);
    *scratch = n.distance + kmeans_strips(p) * SIMD_STRIP;
    return n;
}

/* A fixed order of additions that a compiler can do eight at a time. */
static double sum_strip(const float *v)
{
    double lane[8] = {0};
    for (size_t i = 0; i < SIMD_STRIP; i += 8) {
        for (size_t k = 0; k < 8; k++) lane[k] += (double)v[i + k];
    }
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) +
           ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

/* TO = FROM with one more seed. */
static void add_seed(struct nearest *to, const struct nearest *from, const struct kmeans_points *p,
                     size_t seed)
{
    const float own = p->norm[seed];
    to->total = 0;
    for (size_t s = 0; s < kmeans_strips(p); s++) {
        const size_t at = s * SIMD_STRIP, left = p->n - at;
        const float *restrict dot = strip_at(p->gram, seed, at), *restrict norm = p->norm + at,
                              *restrict old = from->distance + at;
        float *restrict out = to->distance + at;
#pragma omp simd
        for (size_t i = 0; i < SIMD_STRIP; i++) {
            float d = (norm[i] + own) - 2 * dot[i]; /* to itself: 0 exactly */
            d = d > 0 ? d : 0;
            out[i] = d < old[i] ? d : old[i];
        }
        if (left < SIMD_STRIP) memset(out + left, 0, (SIMD_STRIP - left) * sizeof *out);
        to->sum[s] = sum_strip(out);
        to->total += to->sum[s];
    }
}

/* The first point at which the distances' running sum reaches LEFT. */
static size_t draw(const struct nearest *near, const struct kmeans_points *p, double left)
{
    size_t s = 0, found = p->n;
    for (; s + 1 < kmeans_strips(p) && near->sum[s] < left; s++) left -= near->sum[s];
    double sum = 0;
    for (size_t i = s * SIMD_STRIP; i < p->n && i < (s + 1) * SIMD_STRIP; i++) {
        if (near->distance[i] > 0) found = i;
        sum += (double)near->distance[i];
        if (found == i && sum >= left) break;
    }
    return found < p->n ? found : 0; /* all distances are 0: any point is as good */
}

static void swap(struct nearest *a, struct nearest *b)
{
    const struct nearest t = *a;
    *a = *b;
    *b = t;
}

void kmeans_seed(size_t *seeds, size_t k, const struct kmeans_points *p, uint64_t seed,
                 uint64_t stream, float *scratch)
{
    const size_t trials = 2 + (size_t)log((double)k);
    struct nearest now = cut(&scratch, p), trial = cut(&scratch, p), best = cut(&scratch, p);
    uint64_t counter = 0;
    for (size_t i = 0; i < kmeans_strips(p) * SIMD_STRIP; i++) best.distance[i] = INFINITY;
    seeds[0] = rng_below(seed, stream, counter++, p->n);
    add_seed(&now, &best, p, seeds[0]);
    for (size_t c = 1; c < k; c++) {
        size_t candidate[64]; /* ln 2^64 is 44 */
        for (size_t t = 0; t < trials; t++)
            candidate[t] = draw(&now, p, rng_uniform(seed, stream, counter++) * now.total);
        best.total = INFINITY;
        for (size_t t = 0; t < trials; t++) {
            add_seed(&trial, &now, p, candidate[t]);
            if (!(trial.total < best.total)) continue;
            swap(&trial, &best);
            seeds[c] = candidate[t];
        }
        swap(&now, &best);
    }
}
