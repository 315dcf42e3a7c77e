/* table.c - this instruction set's kernel table, made from the list in simd/kernel_list.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/kernels_internal.h"
#include "simd/kernel_list.h"

#define V_STRING_(a) #a
#define V_STRING(a)  V_STRING_(a)
#define FIELD(name)  .name = K(name),
#define ONE(name)    +1

#if defined ISA_avx512
#define THIS_ISA SIMD_AVX512
#elif defined ISA_avx2
#define THIS_ISA SIMD_AVX2
#else
#define THIS_ISA SIMD_SCALAR
#endif

_Static_assert(sizeof(struct kernels) ==
                   offsetof(struct kernels, embed) + (0 KERNEL_LIST(ONE)) * sizeof(void (*)(void)),
               "every field of struct kernels stands in KERNEL_LIST");

extern const struct kernels K(kernels);
const struct kernels K(kernels) = {.name = V_STRING(ISA), .isa = THIS_ISA, KERNEL_LIST(FIELD)};
