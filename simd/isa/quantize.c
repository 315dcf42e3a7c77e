/* quantize.c - float32 activations and weights to 16-bit integers with a scale a row or column; the
 * arithmetic, and why no product of a block can overflow, are in simd/simd.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "simd/isa/kernels_internal.h"
#include "simd/isa/weights.h"

/* s for the greatest magnitude, the greatest sum of squares of a block and the sum of all blocks. */
V_WORD vf scale_of(vf most, vf block, vf all)
{
    vf s = v_max(v_div(most, v_set1(32767)), v_div(v_sqrt(block), v_set1(46300)));
    s = v_max(s, v_set1(0x1p-66f));
    return v_select_lt(all, v_set1(INFINITY), s, v_set1(NAN));
}

V_WORD vf load_some(const float *x, size_t n)
{
    return n < SIMD_LANES ? v_load_n(x, n) : v_load(x);
}

/* The scale of row `row`. */
static float row_scale(struct strips in, size_t row, size_t k)
{
    vf most = v_zero();
    float block = 0, all = 0;
    for (size_t k0 = 0; k0 < k; k0 += SIMD_STRIP) {
        const float *x = strip_at(in, row, k0);
        const size_t n = k - k0 < SIMD_STRIP ? k - k0 : SIMD_STRIP;
        vf squares = v_zero();
        for (size_t i = 0; i < n; i += SIMD_LANES) {
            const vf v = load_some(x + i, n - i);
            squares = v_fma(v, v, squares);
            most = v_max(v_abs(v), most);
        }
        const float sum = v_sum(squares);
        if (sum > block) block = sum;
        all += sum;
    }
    float s[SIMD_LANES];
    v_store(s, scale_of(v_set1(v_hmax(most)), v_set1(block), v_set1(all)));
    return s[0];
}

void K(quantize)(struct strips_i16 out, struct strips in, size_t rows, size_t k)
{
    for (size_t row = 0; row < rows; row++) {
        const float s = row_scale(in, row, k);
        const vf r = v_set1(1 / s);
        out.scales[row] = s;
        for (size_t k0 = 0; k0 < k; k0 += SIMD_STRIP) {
            const float *x = strip_at(in, row, k0);
            int16_t *q = strip_i16_at(out, row, k0);
            const size_t n = k - k0 < SIMD_STRIP ? k - k0 : SIMD_STRIP;
            for (size_t i = 0; i < n; i += SIMD_LANES)
                v_store_i16(q + i, isnan(s) ? v_zero() : v_mul(load_some(x + i, n - i), r));
        }
    }
}

/* One half of a panel, 16 columns: from element `at` of W on, which lie 32 apart, to the pairs of
 * int16 at q, which lie as far apart. */
V_WORD void quantize_columns(float *scales, int16_t *q, struct panels w, enum simd_dtype dtype,
                             size_t at)
{
    vf most = v_zero(), block = v_zero(), all = v_zero();
    for (size_t k0 = 0; k0 < w.k; k0 += SIMD_STRIP) {
        const size_t end = w.k - k0 < SIMD_STRIP ? w.k : k0 + SIMD_STRIP;
        vf squares = v_zero();
        for (size_t k = k0; k < end; k++) {
            const vf v = load_weights(w.data, dtype, at + k * SIMD_PANEL);
            squares = v_fma(v, v, squares);
            most = v_max(v_abs(v), most);
        }
        block = v_max(squares, block);
        all = v_add(all, squares);
    }
    const vf s = scale_of(most, block, all), r = v_div(v_set1(1), s), finite = v_set1(INFINITY);
    v_store(scales, s);
    for (size_t k = 0; k < w.k; k += 2, q += 2 * SIMD_PANEL) {
        vf x = v_mul(load_weights(w.data, dtype, at + k * SIMD_PANEL), r), y = v_zero();
        if (k + 1 < w.k) y = v_mul(load_weights(w.data, dtype, at + (k + 1) * SIMD_PANEL), r);
        i_store(q, i_pair(v_select_lt(all, finite, x, v_zero()),
                          v_select_lt(all, finite, y, v_zero())));
    }
}

void K(quantize_panels)(void *out, struct panels w)
{
    const struct panels to = {out, SIMD_I16, w.n, w.k};
    for (size_t n = 0; n < panels_count(w.n) * SIMD_PANEL; n += SIMD_LANES) {
        /* the panels are the caller's memory, const only to those who read them */
        float *scales = (float *)(uintptr_t)panels_scales(to, n);
        int16_t *q = (int16_t *)(uintptr_t)panels_i16_at(to, n, 0);
        const size_t at = n / SIMD_PANEL * SIMD_PANEL * w.k + n % SIMD_PANEL;
        if (w.dtype == SIMD_F16)
            quantize_columns(scales, q, w, SIMD_F16, at);
        else if (w.dtype == SIMD_BF16)
            quantize_columns(scales, q, w, SIMD_BF16, at);
        else
            quantize_columns(scales, q, w, SIMD_F32, at);
    }
}
