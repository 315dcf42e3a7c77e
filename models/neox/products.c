/* products.c - the tables of products; see products.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/products.h"

#include <string.h>

#include "simd/onednn.h"

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

const struct products products_native = {"native",    NULL,        0,
                                         native_gemm, native_head, native_scratch_bytes};
const struct products products_onednn = {"onednn",    onednn_open, 1,
                                         onednn_gemm, onednn_head, onednn_scratch_bytes};

const struct products *products_find(const char *name)
{
    static const struct products *const all[] = {&products_native, &products_onednn};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(name, all[i]->name) == 0) return all[i];
    return NULL;
}
