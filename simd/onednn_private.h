/* onednn_private.h - what the files that call oneDNN share: its functions, opened at run time, and the
 * parts of products.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ONEDNN_PRIVATE_H
#define TRIPOD_SIMD_ONEDNN_PRIVATE_H

#include <oneapi/dnnl/dnnl.h>

#include "simd/simd.h"

#define ONEDNN_FUNCTIONS(X)                                                                        \
    X(engine_create)                                                                               \
    X(engine_destroy)                                                                              \
    X(get_effective_cpu_isa)                                                                       \
    X(matmul_desc_init)                                                                            \
    X(memory_create)                                                                               \
    X(memory_desc_get_size)                                                                        \
    X(memory_desc_init_by_strides)                                                                 \
    X(memory_desc_init_by_tag)                                                                     \
    X(memory_destroy)                                                                              \
    X(memory_set_data_handle)                                                                      \
    X(primitive_attr_create)                                                                       \
    X(primitive_attr_destroy)                                                                      \
    X(primitive_attr_set_scratchpad_mode)                                                          \
    X(primitive_create)                                                                            \
    X(primitive_desc_create)                                                                       \
    X(primitive_desc_destroy)                                                                      \
    X(primitive_desc_query_md)                                                                     \
    X(primitive_destroy)                                                                           \
    X(primitive_execute)                                                                           \
    X(reorder_primitive_desc_create)                                                               \
    X(sgemm)                                                                                       \
    X(stream_create)                                                                               \
    X(stream_destroy)                                                                              \
    X(stream_wait)                                                                                 \
    X(version)

#define ONEDNN_FIELD(name) __typeof__(&dnnl_##name) name;
extern struct onednn_functions {
    ONEDNN_FUNCTIONS(ONEDNN_FIELD)
} dnnl; /* dnnl.sgemm is dnnl_sgemm; after onednn_open */

/* Columns n0 .. n0 + 256 of W^T to OUT [k][256], row-major float32. PANEL: scratch, [k][32]. */
void onednn_widen(const struct kernels *kernels, float *out, float *panel, struct panels w,
                  size_t n0);

/* STATE [rows][3] of losses takes in logits [rows][256] of rows n0 .. n0 + columns of W, which are lost;
 * n0 = 0 comes first. */
void onednn_fold(const struct kernels *kernels, double *state, float *logits, size_t rows,
                 size_t columns, size_t n0, const uint32_t *targets);
void onednn_losses(float *loss, const double *state, size_t rows);

#endif
