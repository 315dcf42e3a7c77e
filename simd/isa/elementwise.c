/* elementwise.c - kernels that treat one element at a time: functions, conversions, embedding rows.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/kernels_internal.h"
#include "simd/isa/math.h"

/* Whole words, then one part: the same arithmetic, so that a result does not depend on where in the
 * vector it stands. */
#define EACH(name, in_type, out_type, load, store, f)                                              \
    void K(name)(out_type * out, const in_type *in, size_t n)                                      \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + 16 <= n; i += 16) store(out + i, f(load(in + i)));                              \
        if (i < n) store##_n(out + i, f(load##_n(in + i, n - i)), n - i);                          \
    }

EACH(exp, float, float, v_load, v_store, m_exp)
EACH(log, float, float, v_load, v_store, m_log)
EACH(erf, float, float, v_load, v_store, m_erf)
EACH(tanh, float, float, v_load, v_store, m_tanh)
EACH(gelu_erf, float, float, v_load, v_store, m_gelu_erf)
EACH(gelu_tanh, float, float, v_load, v_store, m_gelu_tanh)
EACH(f16_to_f32, uint16_t, float, v_load_f16, v_store, )
EACH(bf16_to_f32, uint16_t, float, v_load_bf16, v_store, )
EACH(f32_to_f16, float, uint16_t, v_load, v_store_f16, )
EACH(f32_to_bf16, float, uint16_t, v_load, v_store_bf16, )

#define EACH_BACK(name, slope)                                                                     \
    void K(name)(float *du, const float *dy, const float *u, size_t n)                             \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + 16 <= n; i += 16) v_store(du + i, v_mul(v_load(dy + i), slope(v_load(u + i)))); \
        if (i < n)                                                                                 \
            v_store_n(du + i, v_mul(v_load_n(dy + i, n - i), slope(v_load_n(u + i, n - i))),       \
                      n - i);                                                                      \
    }

EACH_BACK(gelu_erf_back, m_gelu_erf_slope)
EACH_BACK(gelu_tanh_back, m_gelu_tanh_slope)

#define EACH_SLOPE(name, f, f_slope)                                                               \
    void K(name)(float *y, float *slope, const float *u, size_t n)                                 \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + 16 <= n; i += 16) {                                                             \
            const vf x = v_load(u + i);                                                            \
            v_store(y + i, f(x));                                                                  \
            v_store(slope + i, f_slope(x));                                                        \
        }                                                                                          \
        if (i == n) return;                                                                        \
        const vf x = v_load_n(u + i, n - i);                                                       \
        v_store_n(y + i, f(x), n - i);                                                             \
        v_store_n(slope + i, f_slope(x), n - i);                                                   \
    }

EACH_SLOPE(gelu_erf_slope, m_gelu_erf, m_gelu_erf_slope)
EACH_SLOPE(gelu_tanh_slope, m_gelu_tanh, m_gelu_tanh_slope)

void K(embed)(struct strips x, size_t row0, const uint32_t *ids, size_t n, const void *table,
              enum simd_dtype dtype, size_t d)
{
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < d; c += SIMD_STRIP) {
            size_t at = ids[i] * d + c, width = d - c < SIMD_STRIP ? d - c : SIMD_STRIP;
            float *out = strip_at(x, row0 + i, c);
            if (dtype == SIMD_F32)
                memcpy(out, (const float *)table + at, width * sizeof *out);
            else if (dtype == SIMD_F16)
                K(f16_to_f32)(out, (const uint16_t *)table + at, width);
            else
                K(bf16_to_f32)(out, (const uint16_t *)table + at, width);
        }
}
