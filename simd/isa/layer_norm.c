/* layer_norm.c - layer norm (Ba et al. 2016).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/kernels_internal.h"
#include "simd/isa/layer_norm.h"

void K(layer_norm)(struct strips out, struct strips in, size_t rows, size_t d, const float *weight,
                   const float *bias, float eps)
{
    for (size_t i = 0; i < rows; i++) {
        const struct moments m = moments(in, i, d, eps);
        const vf mean = v_set1(m.mean), scale = v_set1(m.scale);
        for (size_t c = 0; c < d; c += SIMD_STRIP) {
            const float *x = strip_at(in, i, c);
            float *y = strip_at(out, i, c);
            size_t j = 0, n = strip_width(d, c);
            for (; j + 16 <= n; j += 16) {
                vf z = v_mul(v_sub(v_load(x + j), mean), scale);
                v_store(y + j, v_fma(z, v_load(weight + c + j), v_load(bias + c + j)));
            }
            if (j < n) {
                vf z = v_mul(v_sub(v_load_n(x + j, n - j), mean), scale);
                vf w = v_load_n(weight + c + j, n - j), b = v_load_n(bias + c + j, n - j);
                v_store_n(y + j, v_fma(z, w, b), n - j);
            }
        }
    }
}
