/* micro.h - what the micro-kernels of the GEMM and of attention share: the tile of MR rows by NR
 * columns that fills the registers with accumulators, and how one text becomes a function for every
 * height up to it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_MICRO_H
#define TRIPOD_SIMD_ISA_MICRO_H

#include "simd/isa/words.h"
#include "simd/simd.h"

/* MICRO_HEIGHTS(X): X(1) .. X(MR). */
#define MICRO_UP_TO_4(X)  X(1) X(2) X(3) X(4)
#define MICRO_UP_TO_6(X)  MICRO_UP_TO_4(X) X(5) X(6)
#define MICRO_UP_TO_14(X) MICRO_UP_TO_6(X) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)

#if defined ISA_avx512
/* 28 accumulators, 2 registers of B, 2 broadcasts: all 32 registers. */
enum { MR = 14, NR = 32 };
#define MICRO_HEIGHTS MICRO_UP_TO_14
#elif defined ISA_avx2
/* 6 x 2 accumulators of 8 lanes, 2 of B, 2 broadcasts: all 16 registers. */
enum { MR = 6, NR = 16 };
#define MICRO_HEIGHTS MICRO_UP_TO_6
#else
enum { MR = 4, NR = 16 };
#define MICRO_HEIGHTS MICRO_UP_TO_4
#endif

/* The functions micro_1 .. micro_MR by their height; those of 16 columns alone, narrow_1 .. */
#define MICRO_ENTRY(m) micro_##m,
#define MICRO_TABLE                                                                                \
    {                                                                                              \
        NULL, MICRO_HEIGHTS(MICRO_ENTRY)                                                           \
    }
#define NARROW_ENTRY(m) narrow_##m,
#define NARROW_TABLE                                                                               \
    {                                                                                              \
        NULL, MICRO_HEIGHTS(NARROW_ENTRY)                                                          \
    }

#endif
