/* products.c - the tables of products; see products.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/products.h"

#include <string.h>

#include "models/neox/products_int16.h"
#include "simd/onednn.h"
#include "simd/onednn_bf16.h"

static void native_gemm(const struct kernels *kernels, struct strips out, struct strips in,
                        size_t rows, struct panels w, const float *bias,
                        enum gemm_epilogue epilogue, void *scratch)
{
    kernels->gemm(out, in, rows, w, bias, epilogue, scratch);
}

static void native_head(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                        struct panels w, const uint32_t *targets, void *scratch)
{
    kernels->head(loss, x, rows, w, targets, scratch);
}

static size_t native_scratch_bytes(size_t rows, size_t n, size_t k)
{
    (void)rows, (void)n, (void)k;
    return simd_scratch_bytes();
}

static int bf16_pack(const struct kernels *kernels, struct panels *out, void *to, struct panels w,
                     struct pack_factors factors, struct err *e)
{
    (void)factors; /* none are asked for */
    return onednn_bf16_pack(kernels, out, to, w)
               ? err_kind(e, ERR_MEMORY, "oneDNN: out of memory for weights in bf16")
               : 0;
}

static const struct packing bf16 = {false, onednn_bf16_bytes, bf16_pack};
static const struct packing int16 = {true, int16_bytes, int16_pack};

const struct products products_native = {.name = "native",
                                         .precision = "float32",
                                         .number = 0,
                                         .gemm = native_gemm,
                                         .head = native_head,
                                         .scratch_bytes = native_scratch_bytes};
const struct products products_onednn = {.name = "onednn",
                                         .precision = "float32",
                                         .open = onednn_open,
                                         .number = 1,
                                         .gemm = onednn_gemm,
                                         .head = onednn_head,
                                         .scratch_bytes = onednn_scratch_bytes};
const struct products products_int16 = {.name = "native",
                                        .precision = "int16",
                                        .number = 2,
                                        .gemm = int16_gemm,
                                        .head = int16_head,
                                        .scratch_bytes = int16_scratch_bytes,
                                        .packing = &int16,
                                        .packs_head = true};
static const struct products int16_exact_head = {.name = "native",
                                                 .precision = "int16, head float32",
                                                 .number = 3,
                                                 .gemm = int16_gemm,
                                                 .head = native_head,
                                                 .scratch_bytes = int16_scratch_bytes,
                                                 .packing = &int16};
const struct products products_bf16 = {.name = "onednn",
                                       .precision = "bf16",
                                       .open = onednn_bf16_open,
                                       .caution = onednn_bf16_caution,
                                       .number = 4,
                                       .gemm = onednn_bf16_gemm,
                                       .head = onednn_bf16_head,
                                       .scratch_bytes = onednn_bf16_scratch_bytes,
                                       .packing = &bf16,
                                       .packs_head = true};
static size_t bf16_exact_scratch_bytes(size_t rows, size_t n, size_t k)
{
    const size_t bf16_bytes = onednn_bf16_scratch_bytes(rows, n, k), native = simd_scratch_bytes();
    return bf16_bytes > native ? bf16_bytes : native;
}
static const struct products bf16_exact_head = {.name = "onednn",
                                                .precision = "bf16, head float32",
                                                .open = onednn_bf16_open,
                                                .caution = onednn_bf16_caution,
                                                .number = 5,
                                                .gemm = onednn_bf16_gemm,
                                                .head = native_head,
                                                .scratch_bytes = bf16_exact_scratch_bytes,
                                                .packing = &bf16};

bool products_verifiable(const struct products *products)
{
    return !products->packing || !strcmp(products->name, "native");
}

const struct products *products_find(const char *name, const char *precision)
{
    static const struct products *const all[] = {&products_native, &products_onednn,
                                                 &products_int16,  &int16_exact_head,
                                                 &products_bf16,   &bf16_exact_head};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if ((!name || !strcmp(name, all[i]->name)) && !strcmp(precision, all[i]->precision))
            return all[i];
    return NULL;
}
