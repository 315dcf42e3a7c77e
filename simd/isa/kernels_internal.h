/* kernels_internal.h - declares the functions a kernel table is made of: name_scalar, name_avx2 and
 * name_avx512.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_KERNELS_INTERNAL_H
#define TRIPOD_SIMD_ISA_KERNELS_INTERNAL_H

#include "simd/simd.h"
#include "simd/isa/words.h"

/* Whose objects these are. */
#if defined ISA_avx512
#define THIS_ISA SIMD_AVX512
#elif defined ISA_avx2
#define THIS_ISA SIMD_AVX2
#else
#define THIS_ISA SIMD_SCALAR
#endif

#define KERNEL_DECLARATION(type, name) type K(name);
KERNEL_LIST(KERNEL_DECLARATION)
#undef KERNEL_DECLARATION

#endif
