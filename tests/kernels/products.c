/* products.c - checks of the GEMM and of the loss head.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/products.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct panels make_weights(float **values, size_t n, size_t k, enum simd_dtype dtype, float size,
                           bool at_end)
{
    size_t bytes = simd_dtype_bytes(dtype);
    float *f = guarded(n * k * sizeof *f, true);
    void *rows = guarded(n * k * bytes, at_end);
    void *data = guarded(panels_size(n, k) * bytes, at_end);
    for (size_t i = 0; i < n * k; i++) f[i] = random_below(20) ? random_between(-size, size) : 0.0f;
    if (dtype == SIMD_F32) {
        memcpy(rows, f, n * k * sizeof *f);
    } else if (dtype == SIMD_F16) {
        table[0]->f32_to_f16(rows, f, n * k);
        table[0]->f16_to_f32(f, rows, n * k);
    } else {
        table[0]->f32_to_bf16(rows, f, n * k);
        table[0]->bf16_to_f32(f, rows, n * k);
    }
    panels_pack(data, rows, n, k, bytes);
    *values = f;
    struct panels w = {data, dtype, n, k};
    return w;
}

static size_t chain_length(size_t k)
{
    return k > 256 ? 128 : 64;
}

float chain(struct strips x, size_t row, const float *w, size_t k)
{
    const size_t length = chain_length(k);
    float total = 0;
    for (size_t k0 = 0; k0 < k; k0 += length) {
        float sum = 0;
        for (size_t i = k0; i < k && i < k0 + length; i++)
            sum = fmaf(*strip_at(x, row, i), w[i], sum);
        total = k0 ? total + sum : sum;
    }
    return total;
}

double chain_units(size_t k)
{
    const size_t length = chain_length(k);
    return (double)(k < length ? k : length) + (double)((k + length - 1) / length);
}

static float gelu(enum gemm_epilogue epilogue, float x)
{
    float y;
    (epilogue == GEMM_GELU_ERF ? table[0]->gelu_erf : table[0]->gelu_tanh)(&y, &x, 1);
    return y;
}

static void run_gemm(size_t rows, size_t n, size_t k, enum simd_dtype dtype,
                     enum gemm_epilogue epilogue, bool with_bias, int kind, bool at_end)
{
    size_t capacity = rows + random_below(3);
    struct strips in = guarded_strips(capacity, k, at_end),
                  before = guarded_strips(capacity, n, true);
    float *w, *bias = with_bias ? guarded(n * sizeof *bias, at_end) : NULL;
    struct panels panels = make_weights(&w, n, k, dtype, kind == 1 ? 1e3f : 0.1f, at_end);
    void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, at_end);
    for (size_t i = 0; i < n && bias; i++) bias[i] = random_between(-1, 1);
    for (size_t i = 0; i < rows; i++) {
        for (size_t c = 0; c < k; c++)
            *strip_at(in, i, c) = kind == 1   ? random_between(-1e15f, 1e15f)
                                  : kind == 2 ? 0x1p-140f * (float)random_below(100)
                                  : kind == 3 ? 0.0f
                                              : random_between(-3, 3);
        for (size_t c = 0; c < n; c++) *strip_at(before, i, c) = random_between(-5, 5);
    }
    float *want = guarded(rows * n * sizeof *want, true);
    for (size_t i = 0; i < rows && !bench; i++)
        for (size_t c = 0; c < n; c++) {
            float x = chain(in, i, w + c * k, k) + (bias ? bias[c] : 0.0f);
            if (epilogue == GEMM_ADD)
                x = *strip_at(before, i, c) + x;
            else if (epilogue != GEMM_STORE)
                x = gelu(epilogue, x);
            want[i * n + c] = x;
        }
    describe("M %zu N %zu K %zu, dtype %d, epilogue %d%s, input %d", rows, n, k, (int)dtype,
             (int)epilogue, bias ? ", bias" : "", kind);
    for (int t = 0; t < tables; t++) {
        struct strips out = guarded_strips(capacity, n, at_end);
        memcpy(out.data, before.data, strips_size(capacity, n) * sizeof(float));
        CALL(t, 2.0 * (double)rows * (double)n * (double)k, 0,
             table[t]->gemm(out, in, rows, panels, bias, epilogue, scratch));
        for (size_t i = 0; i < rows && !bench; i++)
            for (size_t c = 0; c < n; c++) {
                float got = *strip_at(out, i, c);
                if (!same(got, want[i * n + c]))
                    fail(t, "row %zu column %zu: the contract's chain gives %a, here %a", i, c,
                         (double)want[i * n + c], (double)got);
                if (t || epilogue == GEMM_GELU_ERF || epilogue == GEMM_GELU_TANH) continue;
                double sum = 0, size = 0;
                for (size_t j = 0; j < k; j++) {
                    double term = (double)*strip_at(in, i, j) * (double)w[c * k + j];
                    sum += term;
                    size += fabs(term);
                }
                double b = bias ? (double)bias[c] : 0;
                double a = epilogue == GEMM_ADD ? (double)*strip_at(before, i, c) : 0;
                double bound = (chain_units(k) + 2) * UNIT * size + 2 * UNIT * (fabs(a) + fabs(b));
                expect_close(t, (double)got, sum + b + a, 1.01 * bound + (double)k * 0x1p-149,
                             size + fabs(a) + fabs(b));
            }
    }
    release();
}

void check_gemm(void)
{
    if (bench) {
        static const size_t shapes[][3] = {{512, 1536, 512},
                                           {512, 2048, 512},
                                           {512, 512, 2048},
                                           {512, 6144, 2048},
                                           {512, 2048, 8192}};
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            run_gemm(shapes[i][0], shapes[i][1], shapes[i][2], SIMD_F16, GEMM_STORE, true, 0, true);
        return;
    }
    /* every edge of the micro-kernels: rows, and columns around panels and strips */
    for (size_t rows = 0; rows <= 3 * SIMD_LANES + 1; rows++)
        run_gemm(rows, 1 + random_below(80), 1 + random_below(70), (enum simd_dtype)(rows % 3),
                 (enum gemm_epilogue)(rows % 4), rows % 5, (int)random_below(4), rows % 2);
    for (size_t n = 1; n <= 70; n++)
        run_gemm(1 + random_below(20), n, 1 + random_below(300), (enum simd_dtype)(n % 3),
                 (enum gemm_epilogue)(n % 4), n % 5, (int)random_below(4), n % 2);
    static const size_t deep[] = {1,   63,  64,  65,  129, 255,  256, 257,
                                  383, 511, 512, 513, 700, 1024, 2300};
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++)
        run_gemm(1 + random_below(40), 1 + random_below(600), deep[i], (enum simd_dtype)(i % 3),
                 (enum gemm_epilogue)(i % 4), true, 0, i % 2);
}

static void run_head(size_t rows, size_t vocabulary, size_t k, enum simd_dtype dtype, int kind,
                     bool at_end)
{
    struct strips x = guarded_strips(rows + 1, k, at_end);
    float *w;
    struct panels panels = make_weights(&w, vocabulary, k, dtype, 0.3f, at_end);
    uint32_t *targets = guarded(rows * sizeof *targets, at_end);
    void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, at_end);
    float *first = NULL;
    for (size_t i = 0; i < rows; i++) {
        for (size_t c = 0; c < k; c++)
            *strip_at(x, i, c) = (kind == 1   ? 30.0f
                                  : kind == 2 ? 0.0f
                                              : 1.0f) *
                                 random_between(-1, 1);
        targets[i] = (uint32_t)random_below(vocabulary);
    }
    if (rows) targets[0] = (uint32_t)vocabulary - 1;
    double *logit = malloc(vocabulary * sizeof *logit);
    for (int t = 0; t < tables; t++) {
        float *loss = guarded(rows * sizeof *loss, at_end);
        describe("%zu rows, vocabulary %zu, width %zu, dtype %d, input %d", rows, vocabulary, k,
                 (int)dtype, kind);
        CALL(t, 2.0 * (double)rows * (double)vocabulary * (double)k, 0,
             table[t]->head(loss, x, rows, panels, targets, scratch));
        if (t == 0) first = loss;
        if (bench) continue;
        expect_same(t, loss, first, rows, table[0]->name);
        for (size_t i = 0; i < rows && t == 0; i++) {
            double top = -INFINITY, sum = 0, error = 0;
            for (size_t v = 0; v < vocabulary; v++) {
                double size = 0;
                logit[v] = 0;
                for (size_t c = 0; c < k; c++) {
                    double term = (double)*strip_at(x, i, c) * (double)w[v * k + c];
                    logit[v] += term;
                    size += fabs(term);
                }
                error = fmax(error, chain_units(k) * UNIT * size);
                top = fmax(top, logit[v]);
            }
            for (size_t v = 0; v < vocabulary; v++) sum += exp(logit[v] - top);
            double target = logit[targets[i]], all = top + log(sum), want = all - target;
            /* both logits; the sum of exponentials in lanes; the logarithm's, the maximum's and the
             * target's roundings */
            double bound = 2 * error + ((double)vocabulary / 16 + 40) * UNIT +
                           4 * UNIT * (fabs(all) + fabs(top) + fabs(target)) + ulp(want);
            expect_close(t, (double)loss[i], want, bound, fabs(all) + fabs(target));
        }
        /* a row alone gives the same bits as among others */
        if (rows > 1) {
            size_t i = random_below(rows);
            struct strips one = guarded_strips(1, k, at_end);
            float alone = NAN;
            for (size_t c = 0; c < k; c++) *strip_at(one, 0, c) = *strip_at(x, i, c);
            describe("row %zu of %zu alone, vocabulary %zu, width %zu", i, rows, vocabulary, k);
            CALL(t, 0, 0, table[t]->head(&alone, one, 1, panels, targets + i, scratch));
            expect_same(t, &alone, &first[i], 1, "the batch");
        }
    }
    free(logit);
    release();
}

void check_head(void)
{
    if (bench) {
        run_head(512, 50304, 512, SIMD_F16, 0, true);
        return;
    }
    for (size_t rows = 0; rows <= 3 * SIMD_LANES + 1; rows++)
        run_head(rows, 1 + random_below(200), 1 + random_below(60), (enum simd_dtype)(rows % 3),
                 (int)random_below(3), rows % 2);
    static const size_t vocabulary[] = {1, 2, 31, 32, 33, 255, 256, 257, 511, 513, 2048, 3000};
    for (size_t i = 0; i < sizeof vocabulary / sizeof vocabulary[0]; i++)
        run_head(1 + random_below(20), vocabulary[i], i % 3 == 2 ? 300 : 40,
                 (enum simd_dtype)(i % 3), (int)(i % 3), i % 2);
}

static void run_gemv(size_t n, size_t k, enum simd_dtype dtype, enum gemm_epilogue epilogue,
                     bool with_bias, bool at_end)
{
    struct strips x = guarded_strips(1, k, at_end);
    float *w, *bias = with_bias ? guarded(n * sizeof *bias, at_end) : NULL;
    float *want = guarded(n * sizeof *want, at_end), *before = guarded(n * sizeof *before, at_end);
    struct panels panels = make_weights(&w, n, k, dtype, 0.1f, at_end);
    for (size_t c = 0; c < k; c++) *strip_at(x, 0, c) = random_between(-3, 3);
    for (size_t c = 0; c < n; c++) before[c] = random_between(-5, 5);
    for (size_t i = 0; i < n && bias; i++) bias[i] = random_between(-1, 1);
    for (size_t c = 0; c < n && !bench; c++) {
        float sum = chain(x, 0, w + c * k, k) + (bias ? bias[c] : 0.0f);
        want[c] = epilogue == GEMM_STORE ? sum
                  : epilogue == GEMM_ADD ? before[c] + sum
                                         : gelu(epilogue, sum);
    }
    describe("N %zu K %zu, dtype %d, epilogue %d%s", n, k, (int)dtype, (int)epilogue,
             bias ? ", bias" : "");
    for (int t = 0; t < tables; t++) {
        float *out = guarded(n * sizeof *out, at_end), *copy = guarded(k * sizeof *copy, at_end);
        memcpy(out, before, n * sizeof *out);
        memcpy(copy, x.data, k * sizeof *copy);
        /* in two parts, as threads share it */
        size_t cut = bench ? 0 : random_below(n / SIMD_PANEL + 1) * SIMD_PANEL;
        CALL(t, 0, (double)(panels_size(n, k) * simd_dtype_bytes(dtype)),
             table[t]->gemv(out, copy, panels, cut, n, bias, epilogue));
        if (bench) continue;
        for (size_t c = 0; c < cut; c++)
            if (!same(out[c], before[c])) fail(t, "column %zu, of another part, was written", c);
        table[t]->gemv(out, copy, panels, 0, cut, bias, epilogue);
        expect_same(t, out, want, n, "the contract's chain");
    }
    release();
}

void check_gemv(void)
{
    if (bench) {
        run_gemv(65536, 1024, SIMD_F16, GEMM_STORE, true, true);
        run_gemv(16384, 4096, SIMD_F16, GEMM_STORE, true, true);
        run_gemv(65536, 1024, SIMD_F32, GEMM_STORE, true, true);
        return;
    }
    for (size_t n = 1; n <= 140; n++)
        run_gemv(n, 1 + random_below(300), (enum simd_dtype)(n % 3), (enum gemm_epilogue)(n % 4),
                 n % 5, n % 2);
    static const size_t deep[] = {1, 63, 64, 65, 127, 128, 129, 255, 256, 257, 384, 700, 2300};
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++)
        run_gemv(1 + random_below(400), deep[i], (enum simd_dtype)(i % 3), GEMM_STORE, i % 2,
                 i % 2);
}

/* Weights of -1, 0 and 1: many logits are equal. */
static void run_head_best(size_t rows, size_t vocabulary, size_t k, bool whole, bool at_end)
{
    struct strips x = guarded_strips(rows, k, at_end);
    float *w = guarded(vocabulary * k * sizeof *w, true);
    float *data = guarded(panels_size(vocabulary, k) * sizeof *data, at_end);
    uint32_t *targets = guarded(rows * sizeof *targets, at_end);
    uint32_t *want = guarded(rows * sizeof *want, at_end);
    void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, at_end);
    for (size_t i = 0; i < vocabulary * k; i++) w[i] = (float)random_below(3) - 1;
    panels_pack(data, w, vocabulary, k, sizeof *data);
    struct panels panels = {data, SIMD_F32, vocabulary, k};
    for (size_t i = 0; i < rows; i++) {
        targets[i] = (uint32_t)random_below(vocabulary);
        for (size_t c = 0; c < k; c++)
            *strip_at(x, i, c) =
                whole ? (float)random_below(5) - 2 : random_between(-3, 3) * (float)(i % 4 != 0);
        float most = -INFINITY;
        for (size_t v = 0; v < vocabulary; v++) {
            float logit = chain(x, i, w + v * k, k);
            if (logit > most) {
                most = logit;
                want[i] = (uint32_t)v;
            }
        }
    }
    describe("%zu rows, vocabulary %zu, width %zu", rows, vocabulary, k);
    for (int t = 0; t < tables; t++) {
        float *loss = guarded(rows * sizeof *loss, at_end), *same_loss = guarded(rows * 4, at_end);
        uint32_t *best = guarded(rows * sizeof *best, at_end);
        CALL(t, 2.0 * (double)rows * (double)vocabulary * (double)k, 0,
             table[t]->head_best(loss, best, x, rows, panels, targets, scratch));
        table[t]->head(same_loss, x, rows, panels, targets, scratch);
        expect_same(t, loss, same_loss, rows, "head");
        for (size_t i = 0; i < rows; i++)
            if (best[i] != want[i])
                fail(t, "row %zu: expected %u, the first of the greatest, found %u", i, want[i],
                     best[i]);
    }
    release();
}

void check_head_best(void)
{
    if (bench) {
        run_head_best(512, 50304, 512, false, true);
        return;
    }
    static const size_t vocabulary[] = {1, 2, 15, 17, 31, 33, 255, 256, 257, 511, 513, 2048, 3000};
    for (size_t i = 0; i < 2 * sizeof vocabulary / sizeof vocabulary[0]; i++)
        run_head_best(1 + random_below(30), vocabulary[i / 2], 1 + random_below(20), i % 2, i % 3);
}
