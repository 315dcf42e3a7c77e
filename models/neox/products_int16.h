/* products_int16.h - products of 16-bit integers (simd.h: quantize, gemm_i16, head_i16) as products.h
 * wants them: inputs are rounded on the way in, weights beforehand.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_PRODUCTS_INT16_H
#define TRIPOD_NEOX_PRODUCTS_INT16_H

#include "models/neox/packing.h"

size_t int16_bytes(size_t n, size_t k);
int int16_pack(const struct kernels *kernels, struct panels *out, void *to, struct panels w,
               struct pack_factors factors, struct err *e);
void int16_gemm(const struct kernels *kernels, struct strips out, struct strips in, size_t rows,
                struct panels w, const float *bias, enum gemm_epilogue epilogue, void *scratch);
void int16_head(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                struct panels w, const uint32_t *targets, void *scratch);
size_t int16_scratch_bytes(size_t rows, size_t n, size_t k);

#endif
