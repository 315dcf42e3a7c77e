/* words.h - the vector words every kernel is written in: a `vf` is always 16 float lanes, one
 * 512-bit register, two 256-bit ones or a plain array.
 *
 * A word gives the same bits on every instruction set. FMAs are single-rounded and stand where they
 * are written; minimum and maximum are x86's (the second operand where the two are unordered or
 * both zero); sums and maxima over lanes are one tree: lanes i and i + 8, then + 4, + 2, + 1.
 *
 *   v_load v_load_n v_store v_store_n         16 floats; _n: only n of 0..16, zeros above
 *   v_load_f16 v_load_bf16 (and _n)           16 halves, widened exactly
 *   v_store_f16 v_store_bf16 (and _n)         narrowed to nearest even; NaN stays NaN
 *   v_set1 v_zero                             one value in all lanes
 *   v_add v_sub v_mul v_div v_sqrt v_max v_min
 *   v_fma(a, b, c) = a b + c                  rounded once
 *   v_fnma(a, b, c) = c - a b
 *   v_round                                   to the nearest even integer
 *   v_abs v_copysign(magnitude, sign)
 *   v_flip(x, bits)                           lane i negated where bit i of 16 is set
 *   v_only(x, bits)                           lane i where bit i is set, else zero
 *   v_select_lt(a, b, x, y) = a < b ? x : y   false where unordered
 *   v_less(a, b)                          bit i: a < b in lane i, false where unordered
 *   v_keep_n(x, n, fill)                      lanes n and above become fill
 *   v_swap(x, n)                              lanes 0 .. n - 1 and n .. 2 n - 1 change places; n 4 or 8
 *   v_scale2(x, n) = x 2^n                    rounded once; x in [0.5, 2], integral |n| <= 250
 *   v_split(x, &e) = m, x = m 2^e             x positive, normal; m in [sqrt(1/2), sqrt(2))
 *   v_add_exponent(p, z)                      p 2^n, z = 1.5 2^23 + n: no rounding, no check
 *   v_sum v_hmax                              a float: the tree over lanes
 *   v_store_i16(p, x)                         to the nearest even integers, |x| < 32768
 *   v_transpose(r)                            16 words: lane j of word i to lane i of word j
 *
 * and for products of integers a `vint`, 16 int32 lanes or 16 pairs of int16:
 *
 *   i_zero i_load i_store                     64 bytes
 *   i_set1(p)                                 the pair at p in all lanes
 *   i_pair(x, y)                              lanes (x, y) to the nearest even, |x|, |y| < 32768
 *   i_dot(c, a, b)                            c + both products of the lane's pairs, modulo 2^32
 *   i_dot_vnni(c, a, b)                       the same in one instruction, where the CPU has it
 *   i_float(x)                                int32 to float, to nearest even
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_WORDS_H
#define TRIPOD_SIMD_ISA_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Sanitizers' checks make flat code take minutes to compile: under them the scalar words are calls
 * and loops stay loops. */
#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define V_SANITIZED 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__
#define V_SANITIZED 1
#endif

#if defined V_SANITIZED && defined ISA_scalar
#define V_WORD static __attribute__((unused))
#else
#define V_WORD static inline __attribute__((always_inline, unused))
#endif

/* for (i = 0; i < n; i++) laid out flat, where n is a constant once inlined: so that an array of
 * words stays in registers. Not where there are none: plain C. */
#if defined V_SANITIZED || defined ISA_scalar
#define V_UNROLL_
#elif defined __clang__
#define V_UNROLL_ _Pragma("clang loop unroll(full)")
#else
#define V_UNROLL_ _Pragma("GCC unroll 16")
#endif
#define V_FOR(i, n) V_UNROLL_ for (int i = 0; i < (n); i++)

/* K(gemm) is gemm_avx2 in the AVX2 object: kernels_internal.h declares them for every table. */
#define V_PASTE_(a, b) a##_##b
#define V_PASTE(a, b)  V_PASTE_(a, b)
#define K(name)        V_PASTE(name, ISA)

#if defined ISA_avx512
#include "simd/isa/words_avx512.h"
#elif defined ISA_avx2
#include "simd/isa/words_avx2.h"
#elif defined ISA_scalar
#include "simd/isa/words_scalar.h"
#else
#error "compile with -DISA=NAME -DISA_NAME=1"
#endif

#endif
