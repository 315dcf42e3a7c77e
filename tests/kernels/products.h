/* products.h - what the checks of the products share: random weights and the contract of a sum.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TESTS_KERNELS_PRODUCTS_H
#define TRIPOD_TESTS_KERNELS_PRODUCTS_H

#include "tests/kernels/harness.h"

/* Weights [n][k] in both forms: panels of dtype, and the same values as floats. */
struct panels make_weights(float **values, size_t n, size_t k, enum simd_dtype dtype, float size,
                           bool at_end);

/* The contract: chains of FMAs over 128 of k, 64 where k is at most 256; their sums added in order;
 * then bias, which is the caller's. */
float chain(struct strips x, size_t row, const float *w, size_t k);

/* Its error: the chain and the sum of chains, in units of sum |x w|. */
double chain_units(size_t k);

#endif
