/* onednn.h - products by oneDNN, loaded at run time where it is asked for: a second opinion on every
 * number, and the baseline of every speed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ONEDNN_H
#define TRIPOD_SIMD_ONEDNN_H

#include "simd/simd.h"

/* Loads the library, once for all threads. NULL, or why it cannot be used, in one line. Everything
 * else here may only be called after a NULL. */
const char *onednn_open(void);

/* The gemm and head kernels by oneDNN (float32, its own order of sums: closeness, not bits, is
 * promised). Same arguments as the kernels; scratch: onednn_scratch_bytes(rows, n, k). */
void onednn_gemm(const struct kernels *kernels, struct strips out, struct strips in, size_t rows,
                 struct panels w, const float *bias, enum gemm_epilogue epilogue, void *scratch);
void onednn_head(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                 struct panels w, const uint32_t *targets, void *scratch);
size_t onednn_scratch_bytes(size_t rows, size_t n, size_t k);

/* oneDNN at its best, for `tripod bench` only: a float32 matmul primitive that chose its own layout
 * for the weights and packed them beforehand, on row-major activations. */
struct onednn_matmul;

/* out [rows, n] = in [rows, k] W^T with W [n, k] row-major, which is copied. A primitive is used by
 * the thread that made it; `share`, unless NULL, is one of the same shape whose weights it uses and
 * that outlives it (w is then not read). NULL when oneDNN refuses or memory runs out. */
struct onednn_matmul *onednn_matmul_new(size_t rows, size_t n, size_t k, const float *w,
                                        const struct onednn_matmul *share);
/* -1 when oneDNN reports a failure. */
int onednn_matmul_run(struct onednn_matmul *m, float *out, float *in);
void onednn_matmul_free(struct onednn_matmul *m);

/* "2.6.3" */
const char *onednn_version(void);

#endif
