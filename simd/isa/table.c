/* table.c - this instruction set's kernel table, made from the list in simd/simd.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/kernels_internal.h"

#define V_STRING_(a)      #a
#define V_STRING(a)       V_STRING_(a)
#define FIELD(type, name) .name = K(name),

extern const struct kernels K(kernels);
const struct kernels K(kernels) = {.name = V_STRING(ISA), .isa = THIS_ISA, KERNEL_LIST(FIELD)};
