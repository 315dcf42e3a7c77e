/* peak.c - loops that reach the machine's limits and nothing else.
 *
 * Arithmetic: enough independent chains of one instruction to cover its latency times its units (at
 * most 5 x 2), written as assembly so that no compiler can spoil the denominator. Operands are
 * ordinary numbers, not zeros: a CPU's clock may depend on the bits that toggle.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/peak.h"
#include "simd/vnni.h"

#include <immintrin.h>
#include <stdint.h>

#define FOUR(X, a, b, c, d) X(a) X(b) X(c) X(d)
#define CHAINS12(X)                                                                                \
    FOUR(X, "0", "1", "2", "3") FOUR(X, "4", "5", "6", "7") FOUR(X, "8", "9", "10", "11")
#define CHAINS24(X)                                                                                \
    CHAINS12(X)                                                                                    \
    FOUR(X, "12", "13", "14", "15") FOUR(X, "16", "17", "18", "19") FOUR(X, "20", "21", "22", "23")

/* Operands in registers 14, 15 (ymm, xmm) or 30, 31 (zmm); x = 0.999, y = 0.001 or small
 * integers. */
static const float operand_x[16] = {.999f, .999f, .999f, .999f, .999f, .999f, .999f, .999f,
                                    .999f, .999f, .999f, .999f, .999f, .999f, .999f, .999f};
static const float operand_y[16] = {.001f, .001f, .001f, .001f, .001f, .001f, .001f, .001f,
                                    .001f, .001f, .001f, .001f, .001f, .001f, .001f, .001f};

#define YMM_CLOBBERS                                                                               \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define ZMM_CLOBBERS                                                                               \
    YMM_CLOBBERS, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm30", \
        "xmm31"

#define Z_FMA(i)   "vfmadd213ps %%zmm31, %%zmm30, %%zmm" i "\n\t"
#define Z_CLEAR(i) "vmovaps %%zmm31, %%zmm" i "\n\t"
#define Y_FMA(i)   "vfmadd213ps %%ymm15, %%ymm14, %%ymm" i "\n\t"
#define Y_CLEAR(i) "vmovaps %%ymm15, %%ymm" i "\n\t"
#define X_MUL(i)   "mulps %%xmm14, %%xmm" i "\n\t"
#define X_CLEAR(i) "movaps %%xmm15, %%xmm" i "\n\t"
#define Z_BF16(i)  "vdpbf16ps %%zmm31, %%zmm30, %%zmm" i "\n\t"
#define Z_INT8(i)  "vpdpbusd %%zmm31, %%zmm30, %%zmm" i "\n\t"
#define Z_INT16(i) "vpdpwssd %%zmm31, %%zmm30, %%zmm" i "\n\t"
#define Y_INT16(i) "%{vex%} vpdpwssd %%ymm15, %%ymm14, %%ymm" i "\n\t"
#define Y_MADD(i)  "vpmaddwd %%ymm15, %%ymm14, %%ymm" i "\n\t"

#define LOOP(load, clear, body, ...)                                                               \
    __asm__ volatile(load clear ".p2align 6\n"                                                     \
                                "1:\n\t" body "dec %0\n\t"                                         \
                                "jnz 1b\n\t"                                                       \
                     : "+r"(n)                                                                     \
                     : "r"(operand_x), "r"(operand_y)                                              \
                     : "cc", "memory", __VA_ARGS__)
#define Z_LOAD     "vmovups (%1), %%zmm30\n\tvmovups (%2), %%zmm31\n\t"
#define Y_LOAD     "vmovups (%1), %%ymm14\n\tvmovups (%2), %%ymm15\n\t"
#define X_LOAD     "movups (%1), %%xmm14\n\tmovups (%2), %%xmm15\n\t"
#define VZEROUPPER __asm__ volatile("vzeroupper")

/* Operations: chains x lanes x 2 (a product and a sum) x products a lane. */
#define Z_LOOP(name, instruction, per_lane)                                                        \
    __attribute__((target("avx512f"))) static double run_##name(size_t n)                          \
    {                                                                                              \
        double operations = (double)n * 24 * 16 * 2 * (per_lane);                                  \
        if (!n) return 0;                                                                          \
        LOOP(Z_LOAD, CHAINS24(Z_CLEAR), CHAINS24(instruction), ZMM_CLOBBERS);                      \
        VZEROUPPER;                                                                                \
        return operations;                                                                         \
    }
Z_LOOP(f32_avx512, Z_FMA, 1)
Z_LOOP(bf16_avx512, Z_BF16, 2)
Z_LOOP(int8_avx512, Z_INT8, 4)
Z_LOOP(int16_avx512, Z_INT16, 2)

__attribute__((target("avx2,fma"))) static double run_f32_avx2(size_t n)
{
    double operations = (double)n * 12 * 8 * 2;
    if (!n) return 0;
    LOOP(Y_LOAD, CHAINS12(Y_CLEAR), CHAINS12(Y_FMA), YMM_CLOBBERS);
    VZEROUPPER;
    return operations;
}

__attribute__((target("avx2"))) static double run_int16_avx2(size_t n)
{
    double operations = (double)n * 12 * 8 * 4;
    if (!n) return 0;
    LOOP(Y_LOAD, CHAINS12(Y_CLEAR), CHAINS12(Y_MADD), YMM_CLOBBERS);
    VZEROUPPER;
    return operations;
}

__attribute__((target("avx2"))) static double run_int16_avxvnni(size_t n)
{
    double operations = (double)n * 12 * 8 * 4;
    if (!n) return 0;
    LOOP(Y_LOAD, CHAINS12(Y_CLEAR), CHAINS12(Y_INT16), YMM_CLOBBERS);
    VZEROUPPER;
    return operations;
}

static double run_f32_sse(size_t n)
{
    double operations = (double)n * 12 * 4;
    if (!n) return 0;
    LOOP(X_LOAD, CHAINS12(X_CLEAR), CHAINS12(X_MUL), YMM_CLOBBERS);
    return operations;
}

static bool always(void)
{
    return true;
}
/* gcc's and clang's CPU tests look at XCR0 too. */
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
static bool has_vnni(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}
static bool has_avxvnni(void)
{
    return has_avx2() && simd_vnni(SIMD_AVX2);
}
static bool has_bf16(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

const struct peak_loop peak_loops[] = {
    {"f32_sse", "mulps, one operation a lane", always, run_f32_sse},
    {"f32_avx2", "vfmadd, 8 lanes", has_avx2, run_f32_avx2},
    {"f32_avx512", "vfmadd, 16 lanes", has_avx512, run_f32_avx512},
    {"bf16_avx512", "vdpbf16ps, pairs of bf16 into f32", has_bf16, run_bf16_avx512},
    {"int16_avx2", "vpmaddwd, pairs of int16 into int32, products and one sum each", has_avx2,
     run_int16_avx2},
    {"int16_avxvnni", "vpdpwssd, 8 lanes of pairs of int16 into int32", has_avxvnni,
     run_int16_avxvnni},
    {"int16_avx512", "vpdpwssd, pairs of int16 into int32", has_vnni, run_int16_avx512},
    {"int8_avx512", "vpdpbusd, fours of int8 into int32", has_vnni, run_int8_avx512},
    {NULL, NULL, NULL, NULL},
};

/* Eight lanes of four accumulators: the sum must not be what limits. */
__attribute__((target("avx2"))) static float read_avx2(const float *a, size_t n)
{
    __m256 s[8];
    for (int j = 0; j < 8; j++) s[j] = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 64) {
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++) s[j] = _mm256_add_ps(s[j], _mm256_load_ps(a + i + 8 * j));
    }
    for (int j = 1; j < 8; j++) s[0] = _mm256_add_ps(s[0], s[j]);
    return _mm256_cvtss_f32(s[0]);
}
static float read_sse(const float *a, size_t n)
{
    __m128 s[8];
    for (int j = 0; j < 8; j++) s[j] = _mm_setzero_ps();
    for (size_t i = 0; i < n; i += 32) {
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++) s[j] = _mm_add_ps(s[j], _mm_load_ps(a + i + 4 * j));
    }
    for (int j = 1; j < 8; j++) s[0] = _mm_add_ps(s[0], s[j]);
    return _mm_cvtss_f32(s[0]);
}

double peak_read(const float *a, size_t n, float *sum)
{
    *sum = has_avx2() ? read_avx2(a, n) : read_sse(a, n);
    return (double)n * sizeof *a;
}

/* Non-temporal stores: what is written is not read first, so that the count is the traffic. */
double peak_copy(float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i += 4) _mm_stream_ps(a + i, _mm_load_ps(b + i));
    _mm_sfence();
    return 2.0 * (double)n * sizeof *a;
}

double peak_triad(float *a, const float *b, const float *c, size_t n)
{
    const __m128 three = _mm_set1_ps(3);
    for (size_t i = 0; i < n; i += 4) {
        __m128 v = _mm_add_ps(_mm_load_ps(b + i), _mm_mul_ps(three, _mm_load_ps(c + i)));
        _mm_stream_ps(a + i, v);
    }
    _mm_sfence();
    return 3.0 * (double)n * sizeof *a;
}
