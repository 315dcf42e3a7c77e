/* products.h - who multiplies by the weights: a table of functions, chosen by name when a model is
 * loaded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_PRODUCTS_H
#define TRIPOD_NEOX_PRODUCTS_H

#include "simd/simd.h"

struct products {
    const char *name; /* as --gemm and the record of a scan have it */
    /* Called once before the others: NULL, or why they cannot be used. NULL: always can be. */
    const char *(*open)(void);
    int number; /* enters the key of a finished scan: never another for the same name */
    /* What the kernels gemm and head do (simd.h), whoever does it; `kernels` for the rest. */
    void (*gemm)(const struct kernels *kernels, struct strips out, struct strips in, size_t rows,
                 struct panels w, const float *bias, enum gemm_epilogue epilogue, void *scratch);
    void (*head)(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                 struct panels w, const uint32_t *targets, void *scratch);
    /* Bytes of scratch for W [n, k] and up to `rows` rows. */
    size_t (*scratch_bytes)(size_t rows, size_t n, size_t k);
};

extern const struct products products_native; /* the kernels: bits are promised */
extern const struct products products_onednn; /* closeness is */

/* NULL for another name than "native" and "onednn". */
const struct products *products_find(const char *name);

#endif
