/* amx.c - see amx.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/amx.h"
#include "simd/product.h"

#include <cpuid.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TABLE(set)                                                                                 \
    extern const struct kernels kernels_##set;                                                     \
    product_maker product_amx_##set;                                                               \
    product_gemm gemm_by_##set;                                                                    \
    product_head head_by_##set;                                                                    \
    static void gemm_##set(struct strips out, struct strips_i16 in, size_t rows, struct panels w,  \
                           const float *bias, enum gemm_epilogue epilogue, void *scratch)          \
    {                                                                                              \
        const struct product p = {.q = in, .w = w, .out = &out};                                   \
        gemm_by_##set(product_amx_##set, p, rows, w.n, bias, epilogue, scratch);                   \
    }                                                                                              \
    static void head_best_##set(float *loss, uint32_t *best, struct strips_i16 x, size_t rows,     \
                                struct panels w, const uint32_t *targets, void *scratch)           \
    {                                                                                              \
        const struct product p = {.q = x, .w = w};                                                 \
        head_by_##set(product_amx_##set, p, loss, best, rows, targets, scratch);                   \
    }                                                                                              \
    static void head_##set(float *loss, struct strips_i16 x, size_t rows, struct panels w,         \
                           const uint32_t *targets, void *scratch)                                 \
    {                                                                                              \
        head_best_##set(loss, NULL, x, rows, w, targets, scratch);                                 \
    }                                                                                              \
    static void make_##set(struct kernels *table)                                                  \
    {                                                                                              \
        *table = kernels_##set;                                                                    \
        table->name = "amx";                                                                       \
        table->isa = SIMD_AMX;                                                                     \
        table->gemm_i16 = gemm_##set;                                                              \
        table->head_i16 = head_##set;                                                              \
        table->head_best_i16 = head_best_##set;                                                    \
    }
TABLE(avx512)
TABLE(scalar)

/* Why the CPU's tiles cannot be used; NULL: they can. */
static const char *refused(void)
{
    enum { TILE = 1 << 24, INT8 = 1 << 25 };       /* CPUID 7.0 EDX */
    enum { XCR0_TILES = 3 << 17, TILE_DATA = 18 }; /* XCR0 bits 17 and 18 */
    enum { REQUEST = 0x1023 };                     /* ARCH_REQ_XCOMP_PERM */
    unsigned a, b, c, d, low, high;
    if (!simd_kernels(SIMD_AVX512)) return "this CPU has no AVX-512";
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & TILE) || !(d & INT8))
        return "this CPU has no AMX-INT8";
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & XCR0_TILES) != XCR0_TILES)
        return "the operating system does not save AMX's tiles (XCR0)";
    if (syscall(SYS_arch_prctl, REQUEST, TILE_DATA))
        return "the operating system does not permit AMX's tiles (arch_prctl)";
    return NULL;
}

bool simd_amx_agrees(const struct kernels *table)
{
    enum { ROWS = 37, N = 75, K = 684 }; /* even: no padding that must be zero */
    const size_t bytes = panels_bytes(SIMD_I16, N, K), scratch_bytes = simd_scratch_bytes();
    const size_t q_bytes = strips_size(ROWS, K) * sizeof(int16_t);
    const size_t out_bytes = strips_size(ROWS, N) * sizeof(float);
    uint8_t *data = simd_alloc(bytes), *q = simd_alloc(q_bytes);
    float *want = simd_alloc(out_bytes), *got = simd_alloc(out_bytes);
    void *scratch = simd_alloc(scratch_bytes);
    bool same = data && q && want && got && scratch;
    if (same) {
        float scales[ROWS];
        const struct panels w = {data, SIMD_I16, N, K};
        const struct strips_i16 x = {(int16_t *)(void *)q, scales, ROWS};
        uint32_t random = 1;
        for (size_t i = 0; i < bytes; i++) data[i] = (random = random * 1664525 + 1013904223) >> 24;
        for (size_t i = 0; i < q_bytes; i++) q[i] = (random = random * 1664525 + 1013904223) >> 24;
        for (size_t i = 0; i < ROWS; i++) scales[i] = (float)(i + 1);
        for (size_t n = 0; n < panels_count(N) * SIMD_PANEL; n++)
            *(float *)(uintptr_t)panels_scales(w, n) = (float)(n + 1) / 64;
        kernels_scalar.gemm_i16((struct strips){want, ROWS}, x, ROWS, w, NULL, GEMM_STORE, scratch);
        table->gemm_i16((struct strips){got, ROWS}, x, ROWS, w, NULL, GEMM_STORE, scratch);
        for (size_t i = 0; i < ROWS; i++)
            same = same && !memcmp(want + i * SIMD_STRIP, got + i * SIMD_STRIP, N * sizeof *want);
    }
    if (data) simd_free(data, bytes);
    if (q) simd_free(q, q_bytes);
    if (want) simd_free(want, out_bytes);
    if (got) simd_free(got, out_bytes);
    if (scratch) simd_free(scratch, scratch_bytes);
    return same;
}

static struct kernels amx, emulated;
static const char *missing;
static pthread_once_t amx_once = PTHREAD_ONCE_INIT, emulated_once = PTHREAD_ONCE_INIT;

static void amx_find(void)
{
    make_avx512(&amx);
    missing = refused();
    if (!missing && !simd_amx_agrees(&amx))
        missing = "a product by AMX has not the scalar kernel's bits";
}

static void emulated_make(void)
{
    make_scalar(&emulated);
    emulated.name = "amx-emulated";
}

const struct kernels *simd_amx(const char **why)
{
    pthread_once(&amx_once, amx_find);
    if (why && missing) *why = missing;
    return missing ? NULL : &amx;
}

const struct kernels *simd_amx_emulated(void)
{
    pthread_once(&emulated_once, emulated_make);
    return &emulated;
}
