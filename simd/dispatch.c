/* dispatch.c - which kernel tables this machine can run: what the CPU has (CPUID) and what the
 * operating system saves on a context switch (XCR0); a table needs both.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/amx.h"
#include "simd/simd.h"
#include "simd/vnni.h"

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

static bool forbidden;

void simd_vnni_forbid(bool forbid)
{
    forbidden = forbid;
}

bool simd_vnni(enum simd_isa isa)
{
    enum { KNOWN = 1, AVX2 = 2, AVX512 = 4 };
    static int kept; /* CPUID traps in a virtual machine */
    int has = __atomic_load_n(&kept, __ATOMIC_RELAXED);
    if (!has) {
        unsigned a, b, c, d;
        has = KNOWN;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && c & bit_AVX512VNNI) has |= AVX512;
        if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && a & bit_AVXVNNI) has |= AVX2;
        __atomic_store_n(&kept, has, __ATOMIC_RELAXED);
    }
    return !forbidden && has & (isa == SIMD_AVX512 ? AVX512 : isa == SIMD_AVX2 ? AVX2 : 0);
}

const struct kernels *simd_kernels(enum simd_isa isa)
{
    static const struct kernels *const tables[SIMD_ISAS] = {
        [SIMD_SCALAR] = &kernels_scalar,
        [SIMD_AVX2] = &kernels_avx2,
        [SIMD_AVX512] = &kernels_avx512,
    };
    if (isa == SIMD_AMX) return simd_amx(NULL);
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
    static const char *const names[SIMD_ISAS] = {"scalar", "avx2", "avx512", "amx"};
    for (int i = 0; i < SIMD_ISAS; i++)
        if (strcmp(name, names[i]) == 0) return i;
    return -1;
}
