/* kernels_internal.h - the functions a kernel table is made of: name_scalar, name_avx2 and
 * name_avx512.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_KERNELS_INTERNAL_H
#define TRIPOD_SIMD_ISA_KERNELS_INTERNAL_H

#include "simd/simd.h"
#include "simd/isa/words.h"

void K(embed)(struct strips x, size_t row0, const uint32_t *ids, size_t n, const void *table,
              enum simd_dtype dtype, size_t d);
void K(layer_norm)(struct strips out, struct strips in, size_t rows, size_t d, const float *weight,
                   const float *bias, float eps);
void K(gemm)(struct strips out, struct strips in, size_t rows, struct panels w, const float *bias,
             enum gemm_epilogue epilogue, void *scratch);
void K(attention)(struct strips out, struct strips qkv, size_t row0, size_t n, size_t first,
                  size_t count, const struct attention_shape *shape, void *scratch);
void K(head)(float *loss, struct strips x, size_t rows, struct panels w, const uint32_t *targets,
             void *scratch);
void K(exp)(float *out, const float *in, size_t n);
void K(log)(float *out, const float *in, size_t n);
void K(erf)(float *out, const float *in, size_t n);
void K(tanh)(float *out, const float *in, size_t n);
void K(gelu_erf)(float *out, const float *in, size_t n);
void K(gelu_tanh)(float *out, const float *in, size_t n);
void K(f16_to_f32)(float *out, const uint16_t *in, size_t n);
void K(bf16_to_f32)(float *out, const uint16_t *in, size_t n);
void K(f32_to_f16)(uint16_t *out, const float *in, size_t n);
void K(f32_to_bf16)(uint16_t *out, const float *in, size_t n);

#endif
