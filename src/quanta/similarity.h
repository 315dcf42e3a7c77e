/* similarity.h - C [n, n], the cosines between the gradients of n samples, from their sketches; and how
 * far they may be from those of the whole gradients.
 *
 * Sample i's two vectors are a_i and b_i (sketch.h), an estimate is
 *
 *     C_ij = (a_i . a_j + b_i . b_j) / (|(a_i, b_i)| |(a_j, b_j)|)
 *
 * with inner products in float32 within 256 coordinates and in double between (kernel
 * inner_products), lengths in double: the same bits for any instruction set, number of threads or
 * parts. It lies in [-1, 1], is symmetric bit for bit, and its diagonal is 1. Its variance is
 * (1 - c^2)^2 / k. The vectors are independent, so their own cosines differ by twice the error of
 * the whole (root mean square).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_SIMILARITY_H
#define TRIPOD_QUANTA_SIMILARITY_H

#include "simd/simd.h"
#include "src/quanta/sketches.h"

struct similarity_error {
    double rms, max; /* over pairs; NaN: not known */
};

/* Of all pairs of two samples. */
struct similarity {
    size_t n, k; /* k 0: cosines of whole gradients */
    uint64_t pairs;
    double mean, sd, least, greatest;
    struct similarity_error theory; /* (1 - C^2) / sqrt(k); max: to be expected of so many errors */
    struct similarity_error halves; /* half the difference of the two vectors' cosines */
};

/* Where to; each NULL: not wanted. All are float32 [n, n]. */
struct similarity_files {
    const char *cosines;
    const char *angular;   /* 1 - arccos(C) / pi */
    const char *halves[2]; /* the cosines of each vector alone */
};

/* Whether similarity_write can begin: there are two samples, the names are names of arrays. It is for
 * whoever has long work to do before. */
int similarity_check(const struct sketches *s, const struct similarity_files *files, struct err *e);

/* Computes C by OpenMP's threads and writes the files, 6 MB a thread whatever n. Errors: what
 * similarity_check and sketches_norms find; exact cosines that are no such matrix; a file cannot be written: then none
 * of them is. */
int similarity_write(const struct sketches *s, const struct similarity_files *files,
                     const struct kernels *kernels, struct similarity *result, struct err *e);

/* C of M of the samples, which have sketches, among themselves: c [m, m], as above bit for bit. */
int similarity_of(const struct sketches *s, const size_t *sample, size_t m,
                  const struct kernels *kernels, float *c, struct err *e);

/* The error of C [m, m] measured by WANT [m, m]. */
struct similarity_error similarity_compare(const float *c, const float *want, size_t m);

#endif
