/* elements.h - numbers of one element type as another, and those that are none.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FLAT_ELEMENTS_H
#define TRIPOD_FLAT_ELEMENTS_H

#include "simd/simd.h"

/* N elements of type FROM as TO: widened exactly, narrowed to nearest even. SCRATCH: n floats, used
 * where neither is float32. OUT and IN must not overlap. */
void elements_convert(void *out, enum simd_dtype to, const void *in, enum simd_dtype from, size_t n,
                      float *scratch);

/* The first of N that is infinite or no number; N: all are finite. */
size_t elements_not_finite(const void *data, enum simd_dtype dtype, size_t n);

#endif
