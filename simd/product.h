/* product.h - what the GEMMs and the loss head share: 256 columns of x W^T or x W for many rows,
 * handed out sliver by sliver while they are in cache.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_PRODUCT_H
#define TRIPOD_SIMD_PRODUCT_H

#include "simd/scratch.h"

/* Takes finished sums of rows row .. row + n: t[i][0..256), of which the product's columns
 * count. */
typedef void product_sink(void *context, size_t row, size_t n, float *t);

struct product {
    struct strips x;
    struct strips_i16 q; /* in its place where w is of SIMD_I16 */
    struct panels w;
    bool back;                /* x W instead of x W^T: the sums run over W's n, its k are columns */
    const struct strips *out; /* whose same columns the sink will touch, or NULL */
    product_sink *sink;
    void *context;
};

/* Columns n0 .. n0 + 256 (those that there are) for rows row0 .. row0 + rows of x, rows <=
 * GEMM_ROWS, to the sink in increasing order of rows. n0 is a multiple of 256. */
typedef void product_maker(const struct product *p, size_t row0, size_t rows, size_t n0,
                           const struct product_scratch *scratch);

/* gemm of `columns` columns of out, and head_best, by any of them. */
typedef void product_gemm(product_maker *make, struct product p, size_t rows, size_t columns,
                          const float *bias, enum gemm_epilogue epilogue, void *scratch);
typedef void product_head(product_maker *make, struct product p, float *loss, uint32_t *best,
                          size_t rows, const uint32_t *targets, void *scratch);

#endif
