/* amx.h - the kernel table whose integer products are AMX's, all else AVX-512's. No CPU of ours has had
 * AMX: it is never chosen by itself, and tests run its arithmetic on the definition of the
 * instructions.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_AMX_H
#define TRIPOD_SIMD_AMX_H

#include "simd/simd.h"

/* The table, after the CPU and the operating system have been asked for the tiles (CPUID, XCR0,
 * arch_prctl(ARCH_REQ_XCOMP_PERM)) and a product has had the scalar kernel's bits; NULL, and what is
 * missing to *why (unless NULL). Any thread; the answer is kept. */
const struct kernels *simd_amx(const char **why);

/* Whether a product of any bits, several strips deep and of odd sizes, has the scalar table's: what is
 * asked before simd_amx() gives out its table. */
bool simd_amx_agrees(const struct kernels *table);

/* For tests: the same products on the instructions' definition in C, all else the scalar table's. It
 * calls itself SIMD_AMX, too. Any thread. */
const struct kernels *simd_amx_emulated(void);

#endif
