/* onednn_bf16.h - products in bfloat16 by oneDNN: both operands rounded to 8 bits, sums in float32 in its
 * own order. The arithmetic of PyTorch's bfloat16; closeness to that, not bits, is promised.
 *
 * Weights are packed beforehand: strips of 256 rows of W, each in the layout that oneDNN's matmul asks for
 * on this CPU.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ONEDNN_BF16_H
#define TRIPOD_SIMD_ONEDNN_BF16_H

#include "simd/simd.h"

/* onednn_open, and that oneDNN has bfloat16 on this CPU. Everything else here only after a NULL. */
const char *onednn_bf16_open(void);
/* What a user should know of speed, or NULL: this CPU has no products of bfloat16. */
const char *onednn_bf16_caution(void);

/* Bytes of W [n, k] packed; 0: oneDNN refuses. */
size_t onednn_bf16_bytes(size_t n, size_t k);
/* Packs W at TO, 64-byte aligned; *out is for the two below alone. By OpenMP's threads, not inside a
 * parallel region. -1: no memory, or oneDNN refuses. */
int onednn_bf16_pack(const struct kernels *kernels, struct panels *out, void *to, struct panels w);

/* The gemm and head kernels; what oneDNN refuses becomes NaN. Any thread, scratch:
 * onednn_bf16_scratch_bytes(rows, n, k). */
void onednn_bf16_gemm(const struct kernels *kernels, struct strips out, struct strips in,
                      size_t rows, struct panels w, const float *bias, enum gemm_epilogue epilogue,
                      void *scratch);
void onednn_bf16_head(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                      struct panels w, const uint32_t *targets, void *scratch);
size_t onednn_bf16_scratch_bytes(size_t rows, size_t n, size_t k);

#endif
