/* gram.h - all inner products of a few thousand vectors, by the native matrix product.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_GRAM_H
#define TRIPOD_GRAM_H

#include "simd/simd.h"

/* OUT [n, n] = the inner products of the rows of X [n][d] (row-major): symmetric bit for bit, the
 * same bits for any number of threads (OpenMP's) and every instruction set. -1: out of memory. */
int gram(struct strips out, const float *x, size_t n, size_t d, const struct kernels *kernels);

#endif
