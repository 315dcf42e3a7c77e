/* kmeans_points.h - the points of a k-means and all their inner products.
 *
 * A centre is a mean of points, so its inner product with a point is a mean of rows of the Gram
 * matrix: with that matrix at hand neither seeding nor the search for the nearest centre needs the
 * coordinates (a centre's length and the inertia do), and 30 restarts share one matrix product.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_KMEANS_POINTS_H
#define TRIPOD_KMEANS_POINTS_H

#include "simd/simd.h"
#include "src/base/err.h"

struct kmeans_points {
    size_t n, d;
    float *x;           /* [n][d], their mean subtracted */
    struct strips gram; /* [n][n] x_i . x_j, symmetric bit for bit */
    float *norm;        /* [strips x 256] |x_i|^2, the diagonal; zeros beyond n */
    double variance;    /* mean over the coordinates */
};

/* Memory for N points: 4 n (n + 255) bytes. Errors: out of memory. */
int kmeans_points_open(struct kmeans_points *p, size_t n, struct err *e);
void kmeans_points_close(struct kmeans_points *p);

/* The points whose coordinates are COMPONENTS [d][n]. OpenMP's threads; the same bits for any number
 * of them and every instruction set. Errors: out of memory. */
int kmeans_points_set(struct kmeans_points *p, const double *components, size_t d,
                      const struct kernels *kernels, struct err *e);

static inline size_t kmeans_strips(const struct kmeans_points *p)
{
    return (p->n + SIMD_STRIP - 1) / SIMD_STRIP;
}

#endif
