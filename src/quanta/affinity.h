/* affinity.h - how alike samples are: a square matrix of cosines, or of affinities as they are.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_AFFINITY_H
#define TRIPOD_AFFINITY_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/npy.h"

enum affinity_kind {
    AFFINITY_ANGULAR, /* the matrix holds cosines c: 1 - arccos(c) / pi, 0.5 where they are 0 */
    AFFINITY_GIVEN,   /* the matrix holds affinities */
};

struct affinity {
    const char *name; /* the file's, for messages; the caller's */
    size_t n;
    enum affinity_kind kind;
    bool wide;          /* float64, else float32 */
    const void *values; /* [n, n] */
    double top;         /* what an affinity is subtracted from for a distance: 1, or the largest */
    struct npy npy;     /* of a file */
};

/* Opens PATH.npy, float32 or float64, and looks at all of it. Errors, a line each: not square, fewer
 * than two samples, a number that is not finite, a pair that is not symmetric (by more than 1e-6), a
 * cosine beyond 1 (by more than 1e-3). */
int affinity_open(struct affinity *a, const char *path, enum affinity_kind kind, struct err *e);
void affinity_close(struct affinity *a);

/* VALUES [n, n] in memory, which must be affinities and stay the caller's. */
void affinity_take(struct affinity *a, const char *name, const float *values, size_t n);

/* The matrix's own number. */
static inline double affinity_value(const struct affinity *a, size_t i, size_t j)
{
    return a->wide ? ((const double *)a->values)[i * a->n + j]
                   : (double)((const float *)a->values)[i * a->n + j];
}

static inline double affinity_at(const struct affinity *a, size_t i, size_t j)
{
    const double c = affinity_value(a, i, j);
    if (a->kind == AFFINITY_GIVEN) return c;
    return 1 - acos(c > 1 ? 1 : c < -1 ? -1 : c) / 3.141592653589793;
}

#endif
