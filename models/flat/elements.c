/* elements.c - see elements.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/elements.h"

#include <math.h>
#include <string.h>

void elements_convert(void *out, enum simd_dtype to, const void *in, enum simd_dtype from, size_t n,
                      float *scratch)
{
    const struct kernels *k = simd_best();
    if (to == from) {
        memcpy(out, in, n * simd_dtype_bytes(to));
        return;
    }
    const float *wide = in;
    if (from != SIMD_F32) {
        float *const x = to == SIMD_F32 ? out : scratch;
        (from == SIMD_F16 ? k->f16_to_f32 : k->bf16_to_f32)(x, in, n);
        wide = x;
    }
    if (to != SIMD_F32) (to == SIMD_F16 ? k->f32_to_f16 : k->f32_to_bf16)(out, wide, n);
}

size_t elements_not_finite(const void *data, enum simd_dtype dtype, size_t n)
{
    const uint16_t exponent = dtype == SIMD_F16 ? 0x7c00 : 0x7f80; /* all ones */
    for (size_t i = 0; i < n; i++)
        if (dtype == SIMD_F32 ? !isfinite(((const float *)data)[i])
                              : (((const uint16_t *)data)[i] & exponent) == exponent)
            return i;
    return n;
}
