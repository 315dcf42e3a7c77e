/* weights.h - a word of weights of any floating type.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_WEIGHTS_H
#define TRIPOD_SIMD_ISA_WEIGHTS_H

#include "simd/isa/words.h"
#include "simd/layout.h"

/* 16 elements of DATA from number AT on, as floats. */
V_WORD vf load_weights(const void *data, enum simd_dtype dtype, size_t at)
{
    if (dtype == SIMD_F16) return v_load_f16((const uint16_t *)data + at);
    if (dtype == SIMD_BF16) return v_load_bf16((const uint16_t *)data + at);
    return v_load((const float *)data + at);
}

#endif
