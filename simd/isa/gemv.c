/* gemv.c - the product of one row: what generating text is made of, a token at a time. Every weight
 * is used once, so nothing is packed or widened in memory: panels stream through the registers, four
 * at a time, and memory is what it waits for. Several streams are what keeps it busy: from a mapped
 * file one gives 23.6 GB/s a core, two 24.2, four 26.0; prefetching any distance ahead costs a fifth.
 *
 * Bit for bit the GEMM's: the same chains (simd_chain()) over k, their sums added in the same order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/kernels_internal.h"
#include "simd/isa/math.h"
#include "simd/isa/weights.h"

enum { PANELS = 4, WORDS = PANELS * SIMD_PANEL / SIMD_LANES };

/* sum[] = x W^T for `words` words of columns of the panels from `at` on, which lie w.k * 32 elements
 * apart. */
V_WORD void columns(vf sum[WORDS], const float *x, struct panels w, enum simd_dtype dtype,
                    size_t at, const int words)
{
    const size_t chain = simd_chain(w.k), next = w.k * SIMD_PANEL;
    for (size_t k0 = 0; k0 < w.k; k0 += chain) {
        const size_t end = w.k - k0 < chain ? w.k : k0 + chain;
        vf part[WORDS];
        vf v = v_set1(x[k0]);
        V_FOR (i, words) {
            size_t from =
                at + (size_t)(i / 2) * next + k0 * SIMD_PANEL + (size_t)(i % 2) * SIMD_LANES;
            part[i] = v_mul(v, load_weights(w.data, dtype, from));
        }
        for (size_t k = k0 + 1; k < end; k++) {
            v = v_set1(x[k]);
            V_FOR (i, words) {
                size_t from =
                    at + (size_t)(i / 2) * next + k * SIMD_PANEL + (size_t)(i % 2) * SIMD_LANES;
                part[i] = v_fma(v, load_weights(w.data, dtype, from), part[i]);
            }
        }
        V_FOR (i, words) sum[i] = k0 ? v_add(sum[i], part[i]) : part[i];
    }
}

V_WORD void columns_of(vf sum[WORDS], const float *x, struct panels w, size_t at, const int words)
{
    if (w.dtype == SIMD_F16)
        columns(sum, x, w, SIMD_F16, at, words);
    else if (w.dtype == SIMD_BF16)
        columns(sum, x, w, SIMD_BF16, at, words);
    else
        columns(sum, x, w, SIMD_F32, at, words);
}

V_WORD vf finished(vf sum, float *out, const float *bias, enum gemm_epilogue epilogue, size_t n)
{
    sum = v_add(sum, bias ? v_load_n(bias, n) : v_zero());
    if (epilogue == GEMM_ADD) return v_add(v_load_n(out, n), sum);
    if (epilogue == GEMM_GELU_ERF) return m_gelu_erf(sum);
    if (epilogue == GEMM_GELU_TANH) return m_gelu_tanh(sum);
    return sum;
}

void K(gemv)(float *out, const float *x, struct panels w, size_t first, size_t end,
             const float *bias, enum gemm_epilogue epilogue)
{
    enum { ALL = PANELS * SIMD_PANEL };
    for (size_t n0 = first, width; n0 < end; n0 += width) {
        vf sum[WORDS];
        width = end - n0 > ALL - SIMD_PANEL ? ALL : SIMD_PANEL; /* the last few one by one */
        if (width == ALL)
            columns_of(sum, x, w, n0 * w.k, WORDS);
        else
            columns_of(sum, x, w, n0 * w.k, WORDS / PANELS);
        for (size_t i = 0, c = n0; c < n0 + width && c < end; i++, c += SIMD_LANES) {
            size_t n = end - c < SIMD_LANES ? end - c : SIMD_LANES;
            v_store_n(out + c, finished(sum[i], out + c, bias ? bias + c : NULL, epilogue, n), n);
        }
    }
}
