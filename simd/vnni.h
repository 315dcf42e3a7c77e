/* vnni.h - whether this CPU multiplies and adds pairs of int16 in one instruction (vpdpwssd): the
 * AVX-512 and AVX2 tables' integer products take it where it is there. The bits are the same.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_VNNI_H
#define TRIPOD_SIMD_VNNI_H

#include "simd/simd.h"

/* At the table's width: AVX512_VNNI, AVX-VNNI; never for the scalar one. Any thread. */
bool simd_vnni(enum simd_isa isa);

/* For tests: the products do without. Not while kernels run. */
void simd_vnni_forbid(bool forbid);

#endif
