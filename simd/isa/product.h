/* product.h - what the GEMM and the loss head share: 256 columns of x W^T for many rows, handed out
 * sliver by sliver while they are in cache.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_PRODUCT_H
#define TRIPOD_SIMD_ISA_PRODUCT_H

#include "simd/scratch.h"
#include "simd/isa/words.h"

/* Takes finished sums of rows row .. row + n: t[i][0..256), of which the product's columns
 * count. */
typedef void product_sink(void *context, size_t row, size_t n, float *t);

/* Columns n0 .. n0 + 256 (those that W has) of x W^T for rows row0 .. row0 + rows of x, rows <=
 * GEMM_ROWS, to the sink in increasing order of rows. n0 is a multiple of 256. The same columns of
 * `out`, unless NULL, are what the sink will touch. */
void K(product)(struct strips x, size_t row0, size_t rows, struct panels w, size_t n0,
                const struct product_scratch *scratch, const struct strips *out, product_sink *sink,
                void *context);

#endif
