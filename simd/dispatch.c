/* dispatch.c - which kernel tables this machine can run: what the CPU has (CPUID) and what the
 * operating system saves on a context switch (XCR0); a table needs both.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/simd.h"

#include <cpuid.h>
#include <string.h>

extern const struct kernels kernels_scalar, kernels_avx2, kernels_avx512;

enum {
    XCR0_YMM = 0x6,  /* SSE and AVX state */
    XCR0_ZMM = 0xe6, /* and the mask registers, the upper halves, registers 16 to 31 */
};

static uint64_t xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static enum simd_isa detect(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return SIMD_SCALAR;
    if (!(c & bit_OSXSAVE) || !(c & bit_AVX) || !(c & bit_FMA) || !(c & bit_F16C))
        return SIMD_SCALAR;
    uint64_t saved = xcr0();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return SIMD_SCALAR;
    if ((saved & XCR0_YMM) != XCR0_YMM || !(b & bit_AVX2)) return SIMD_SCALAR;
    const unsigned all = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if ((saved & XCR0_ZMM) != XCR0_ZMM || (b & all) != all) return SIMD_AVX2;
    return SIMD_AVX512;
}

const struct kernels *simd_kernels(enum simd_isa isa)
{
    static const struct kernels *const tables[SIMD_ISAS] = {
        [SIMD_SCALAR] = &kernels_scalar,
        [SIMD_AVX2] = &kernels_avx2,
        [SIMD_AVX512] = &kernels_avx512,
    };
    /* detect() takes a few hundred nanoseconds (CPUID traps in a virtual machine: microseconds);
     * callers keep the pointer */
    return (unsigned)isa < SIMD_ISAS && isa <= detect() ? tables[isa] : NULL;
}

const struct kernels *simd_best(void)
{
    return simd_kernels(detect());
}

int simd_isa_from_name(const char *name)
{
    static const char *const names[SIMD_ISAS] = {"scalar", "avx2", "avx512"};
    for (int i = 0; i < SIMD_ISAS; i++)
        if (strcmp(name, names[i]) == 0) return i;
    return -1;
}
