/* product.h - this instruction set's products (simd/product.h).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_PRODUCT_H
#define TRIPOD_SIMD_ISA_PRODUCT_H

#include "simd/isa/words.h"
#include "simd/product.h"

product_maker K(product), K(product_i16), K(product_amx); /* _i16, _amx: of integers, q and w */
product_gemm K(gemm_by);
product_head K(head_by);

#endif
