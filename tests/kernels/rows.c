/* rows.c - checks of the embedding and of the layer norm.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/harness.h"

#include <math.h>
#include <string.h>

/* --- embedding: exact --- */

static void run_embed(size_t n, size_t d, enum simd_dtype dtype, bool at_end)
{
    enum { WORDS = 50 };
    size_t size = dtype == SIMD_F32 ? 4 : 2, row0 = random_below(3), rows = row0 + n + 1;
    void *words = guarded(WORDS * d * size, at_end);
    uint32_t *ids = guarded(n * sizeof *ids, at_end);
    float *value = guarded(WORDS * d * sizeof *value, true);
    for (size_t i = 0; i < WORDS * d; i++) {
        uint16_t h = (uint16_t)random_bits();
        if (dtype == SIMD_F32) {
            value[i] = random_special(true);
            memcpy((float *)words + i, &value[i], sizeof *value);
        } else {
            memcpy((uint16_t *)words + i, &h, sizeof h);
            /* the conversions have checks of their own */
            (dtype == SIMD_F16 ? table[0]->f16_to_f32 : table[0]->bf16_to_f32)(&value[i], &h, 1);
        }
    }
    for (size_t i = 0; i < n; i++) ids[i] = (uint32_t)random_below(WORDS);
    describe("%zu rows of %zu, dtype %d", n, d, (int)dtype);
    for (int t = 0; t < tables; t++) {
        struct strips x = guarded_strips(rows, d, at_end);
        CALL(t, 0, (double)(n * d * (size + 4)), table[t]->embed(x, row0, ids, n, words, dtype, d));
        for (size_t i = 0; i < rows; i++)
            for (size_t c = 0; c < d; c++) {
                bool inside = i >= row0 && i < row0 + n;
                float want = inside ? value[ids[i - row0] * d + c] : NAN;
                if (!same(*strip_at(x, i, c), want))
                    fail(t, "row %zu column %zu: expected %a, found %a", i, c, (double)want,
                         (double)*strip_at(x, i, c));
            }
    }
    release();
}

void check_embed(void)
{
    if (bench) {
        for (int dtype = 0; dtype < 3; dtype++) run_embed(1024, 512, (enum simd_dtype)dtype, true);
        return;
    }
    for (size_t d = 1; d <= 3 * SIMD_LANES + 1; d++)
        for (int dtype = 0; dtype < 3; dtype++)
            run_embed(random_below(5), d, (enum simd_dtype)dtype, d % 2);
    for (int i = 0; i < 30; i++)
        run_embed(random_below(9), 200 + random_below(500), (enum simd_dtype)(i % 3), i % 2);
}

/* --- layer norm --- */

static void run_layer_norm(size_t rows, size_t d, int kind, bool at_end, bool in_place)
{
    struct strips in = guarded_strips(rows, d, at_end), first = {NULL, rows};
    float *weight = guarded(d * sizeof *weight, at_end), *bias = guarded(d * sizeof *bias, at_end);
    float eps = 1e-5f;
    for (size_t c = 0; c < d; c++) {
        weight[c] = kind == 3 ? random_special(false) : random_between(-2, 2);
        bias[c] = random_between(-1, 1);
        if (kind == 3) weight[c] = fminf(fmaxf(weight[c], -1e3f), 1e3f);
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < d; c++) {
            float x = random_between(-3, 3);
            if (kind == 1) x = 5.0f;                    /* no variance */
            if (kind == 2) x = 1000.0f + x;             /* far from zero */
            if (kind == 4) x *= 0x1p-140f;              /* denormals */
            if (kind == 5) x *= 1e15f;                  /* squares near 1e30 */
            if (kind == 6) x = c == d / 2 ? 300.0f : x; /* one outlier, as in trained models */
            *strip_at(in, i, c) = x;
        }
    describe("%zu rows of %zu, input %d%s", rows, d, kind, in_place ? ", in place" : "");
    for (int t = 0; t < tables; t++) {
        struct strips out = guarded_strips(rows, d, at_end), from = in_place ? out : in;
        if (in_place) memcpy(out.data, in.data, strips_size(rows, d) * sizeof(float));
        CALL(t, 8.0 * (double)(rows * d), 8.0 * (double)(rows * d),
             table[t]->layer_norm(out, from, rows, d, weight, bias, eps));
        if (t == 0) first = out;
        if (bench) continue;
        expect_same_strips(t, out, first, 0, rows, d);
        for (size_t i = 0; i < rows; i++) {
            double mean = 0, size = 0, variance = 0;
            for (size_t c = 0; c < d; c++) {
                mean += (double)*strip_at(in, i, c);
                size += fabs((double)*strip_at(in, i, c));
            }
            mean /= (double)d;
            size /= (double)d;
            for (size_t c = 0; c < d; c++) variance += pow((double)*strip_at(in, i, c) - mean, 2);
            variance /= (double)d;
            double sigma = sqrt(variance + (double)eps);
            /* Sums: a chain per lane and accumulator, then two and four levels of trees. The mean's
             * error dm shifts every centred value and adds its square to the variance. */
            double chain = (double)(d / 64 + 1) + 6, dm = (chain + 1) * UNIT * size + 0x1p-149;
            double scale_error = (dm * dm / (sigma * sigma) + (chain + 4) * UNIT) / 2 + UNIT;
            for (size_t c = 0; c < d; c++) {
                double w = (double)weight[c], z = ((double)*strip_at(in, i, c) - mean) / sigma;
                double want = z * w + (double)bias[c];
                double bound = fabs(w) * (dm / sigma + fabs(z) * (scale_error + 2 * UNIT));
                bound = 1.1 * bound + 0.5 * ulp(want) + 0x1p-148;
                expect_close(t, (double)*strip_at(out, i, c), want, bound,
                             fabs(w) * (fabs((double)*strip_at(in, i, c)) + size) / sigma +
                                 fabs((double)bias[c]));
            }
        }
    }
    release();
}

void check_layer_norm(void)
{
    if (bench) {
        run_layer_norm(256, 512, 0, true, false);
        run_layer_norm(256, 2048, 0, true, false);
        return;
    }
    for (size_t d = 1; d <= 3 * SIMD_LANES + 1; d++)
        for (int kind = 0; kind < 7; kind++)
            run_layer_norm(1 + random_below(3), d, kind, d % 2, kind % 2);
    static const size_t wide[] = {63, 64, 65, 255, 256, 257, 272, 500, 512, 513, 1024, 2048, 2561};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        for (int kind = 0; kind < 7; kind++) run_layer_norm(2, wide[i], kind, kind % 2, i % 2);
}
