/* sketch.h - a gradient of millions of coordinates kept as k numbers that tell its cosine with any other.
 *
 * The definition, which with the order of additions is part of what results depend on. Coordinates
 * are numbered 0 .. P - 1 (coordinates.h). They are cut into blocks of k / 2; block b holds
 * coordinates b k / 2 .. (b + 1) k / 2 - 1. Each of two independent vectors v = 0, 1 of k / 2
 * numbers takes every block, with one random sign a coordinate and one cyclic shift a block:
 *
 *     vector_v[(c - b k / 2 + shift_v(b)) mod k / 2] += sign_v(c) g[c]
 *
 * in float32, in the order in which the backward pass delivers the coordinates. From the
 * counter-based generator of src/base/rng.h: sign_v(c) is -1 where bit c mod 64 of number v of
 * rng_block(seed, SKETCH_SIGNS, c / 64) is set, else 1; shift_v(b) is rng_below(seed, SKETCH_SHIFTS
 * + v, b, k / 2), any whole number: shifts by multiples of 16 cost 1.3 times the error.
 *
 * Inner products of such vectors are unbiased, and the cosine of two k-vectors as wholes has variance
 * (1 - c^2)^2 / k around the true cosine c; the difference of the two halves' cosines estimates
 * the error: its root mean square is twice that of the whole.
 * (Count sketches by blocks: Charikar, Chen, Farach-Colton, "Finding frequent items in data streams",
 * 2002; Weinberger et al., "Feature hashing for large scale multitask learning", 2009.)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_SKETCH_H
#define TRIPOD_QUANTA_SKETCH_H

#include "simd/simd.h"
#include "src/base/err.h"

enum { SKETCH_SIGNS = 0x51, SKETCH_SHIFTS = 0x52 }; /* streams of the generator */
enum { SKETCH_LEAST = 64, SKETCH_MOST = 1 << 26 };  /* k, even */

/* What all gradients share; read-only once open, any thread. */
struct sketch {
    size_t k;
    /* private */
    uint8_t *signs[2]; /* a bit a coordinate */
    uint32_t *shifts[2];
    size_t bytes; /* of a vector's signs */
};

/* Makes the signs (P / 4 bytes) on OpenMP's threads. Errors: out of memory. */
int sketch_open(struct sketch *s, size_t k, uint64_t seed, uint64_t coordinates, struct err *e);
void sketch_close(struct sketch *s); /* safe on a zeroed one */

/* Bytes that sketch_open takes. */
uint64_t sketch_bytes(size_t k, uint64_t coordinates);

/* Adds values [n] of coordinates AT .. AT + n - 1 to VECTORS [k]: the first vector, then the second. */
void sketch_add(const struct sketch *s, const struct kernels *kernels, float *vectors, uint64_t at,
                const float *values, size_t n);

#endif
