/* products.h - who multiplies by the weights, and in which precision: a table of functions, chosen by
 * name when a model is loaded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_PRODUCTS_H
#define TRIPOD_NEOX_PRODUCTS_H

#include "models/neox/packing.h"

struct products {
    const char *name;      /* as --gemm and the record of a scan have it */
    const char *precision; /* as the record has it: "float32", "int16" ... */
    /* Called once before the others: NULL, or why they cannot be used. NULL: always can be. */
    const char *(*open)(void);
    /* Then: NULL, or what a user should know. NULL: nothing. */
    const char *(*caution)(void);
    int number; /* enters the key of a finished scan: never another for the same name */
    /* What the kernels gemm and head do (simd.h), whoever does it; `kernels` for the rest. */
    void (*gemm)(const struct kernels *kernels, struct strips out, struct strips in, size_t rows,
                 struct panels w, const float *bias, enum gemm_epilogue epilogue, void *scratch);
    void (*head)(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                 struct panels w, const uint32_t *targets, void *scratch);
    /* Bytes of scratch for W [n, k] and up to `rows` rows. */
    size_t (*scratch_bytes)(size_t rows, size_t n, size_t k);
    /* What a loaded model's weights are packed into (neox_narrow.h), those of the head too where
     * packs_head; NULL: they are read as the file has them. */
    const struct packing *packing;
    bool packs_head;
};

extern const struct products products_native; /* the kernels: bits are promised */
extern const struct products products_onednn; /* closeness is */
extern const struct products products_int16;  /* bits are; float32's within some 1e-4 nat */
extern const struct products products_bf16;   /* closeness is, to bfloat16's */

/* Whether losses by them can be verified by computing them again: to the bit, or, by oneDNN in
 * float32, closely. */
bool products_verifiable(const struct products *products);

/* By `name` (NULL: whichever it is) and `precision`; NULL: there are none of these. */
const struct products *products_find(const char *name, const char *precision);

#endif
