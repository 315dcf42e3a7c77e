/* strip_micro.h - the products' micro-kernels between rows of a strip and a widened panel [k][NR]: one
 * for every number of rows, 1 .. MR.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_STRIP_MICRO_H
#define TRIPOD_SIMD_ISA_STRIP_MICRO_H

#include "simd/isa/gemm_micro.h"

static const struct micro_layout micro_layout = {
    .row = SIMD_STRIP, .step = 1, .b = NR, .out = SIMD_STRIP, .ahead = (size_t)64 * (NR / 16)};
MICRO_HEIGHTS(MICRO)
static micro_kernel *const micro_kernels[MR + 1] = MICRO_TABLE;

enum { STRIP_AHEAD = SIMD_STRIP / 4 * 64 * (NR / 16) }; /* bytes one prefetches over a strip */

#endif
