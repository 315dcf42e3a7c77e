/* int16.c - checks of the quantisation, of the product of integers and of the loss head on it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/amx.h"
#include "simd/scratch.h"
#include "simd/vnni.h"
#include "tests/kernels/products.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- what the kernels promise, in plain C --- */

struct row_scale {
    float most, block, all;
};

static void scale_block(struct row_scale *s, float squares)
{
    if (squares > s->block) s->block = squares;
    s->all += squares;
}

static float scale_value(const struct row_scale *s)
{
    if (!(s->all < INFINITY)) return NAN;
    float a = s->most / 32767, b = sqrtf(s->block) / 46300;
    return fmaxf(fmaxf(a, b), 0x1p-66f);
}

static int16_t integer(float x, float s)
{
    return isnan(s) ? 0 : (int16_t)lrint((double)(x * (1 / s)));
}

/* Of x[0..n): chains of FMAs over every 16th element, then lanes i and i + 8, + 4, + 2, + 1. */
static float lane_squares(const float *x, size_t n)
{
    float lane[16] = {0};
    for (size_t i = 0; i < n; i++) lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    for (size_t half = 8; half; half /= 2)
        for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

/* Of a vector whose block sums of squares are taken in lanes (a row) or in one chain (a column). */
static float scale_of(const float *x, size_t k, bool lanes)
{
    struct row_scale s = {0, 0, 0};
    for (size_t k0 = 0; k0 < k; k0 += 256) {
        const size_t n = k - k0 < 256 ? k - k0 : 256;
        float chain = 0;
        for (size_t i = 0; i < n; i++) {
            chain = fmaf(x[k0 + i], x[k0 + i], chain);
            if (fabsf(x[k0 + i]) > s.most) s.most = fabsf(x[k0 + i]);
        }
        scale_block(&s, lanes ? lane_squares(x + k0, n) : chain);
    }
    return scale_value(&s);
}

/* What follows from the definition whatever the rounding: no integer beyond 32767, no block whose
 * norm is sqrt(2^31) or more. */
static void expect_bounded(int t, const int16_t *q, size_t k)
{
    for (size_t k0 = 0; k0 < k; k0 += 256) {
        int64_t sum = 0;
        for (size_t i = k0; i < k && i < k0 + 256; i++) {
            sum += (int64_t)q[i] * q[i];
            if (q[i] == INT16_MIN) fail(t, "element %zu is -32768", i);
        }
        if (sum >= (int64_t)1 << 31) fail(t, "block at %zu: squares sum to 2^31 or more", k0);
    }
}

/* --- quantize, quantize_panels --- */

enum vector_kind { ORDINARY, SPIKED, LEVEL, TINY, VANISHING, HUGE_ONES, SPECIAL, ZEROS, KINDS };

static void make_vector(float *x, size_t k, enum vector_kind kind)
{
    const float level = random_between(-5, 5);
    for (size_t i = 0; i < k; i++) {
        const float one = random_between(-1, 1);
        x[i] = kind == SPIKED      ? (random_below(100) ? one : 300 * one)
               : kind == LEVEL     ? (random_below(2) ? level : -level)
               : kind == TINY      ? 0x1p-70f * one
               : kind == VANISHING ? 0x1p-75f * (one > 0 ? 1.0f : -1.0f) /* squares round to 0 */
               : kind == HUGE_ONES ? 0x1p61f * one
               : kind == SPECIAL   ? random_special(true)
               : kind == ZEROS     ? 0.0f
                                   : one;
    }
}

static void expect_quantized(int t, const float *x, const int16_t *q, float s, size_t k, bool lanes)
{
    const float want = scale_of(x, k, lanes);
    if (!same(s, want)) fail(t, "scale %a, expected %a", (double)s, (double)want);
    for (size_t i = 0; i < k; i++)
        if (q[i] != integer(x[i], want))
            fail(t, "element %zu, %a with scale %a: %d, expected %d", i, (double)x[i], (double)want,
                 q[i], integer(x[i], want));
    expect_bounded(t, q, k);
}

static void run_quantize(size_t rows, size_t k, bool at_end)
{
    const size_t capacity = rows + random_below(3);
    struct strips in = guarded_strips(capacity, k, at_end);
    float *x = guarded(rows * k * sizeof *x, true);
    for (size_t i = 0; i < rows; i++) {
        make_vector(x + i * k, k, bench ? ORDINARY : (enum vector_kind)(i % KINDS));
        for (size_t c = 0; c < k; c++) *strip_at(in, i, c) = x[i * k + c];
    }
    describe("%zu rows, width %zu", rows, k);
    for (int t = 0; t < tables; t++) {
        struct strips_i16 out = {guarded(strips_size(capacity, k) * sizeof(int16_t), at_end),
                                 guarded(capacity * sizeof(float), at_end), capacity};
        CALL(t, 0, 6.0 * (double)rows * (double)k, table[t]->quantize(out, in, rows, k));
        int16_t *q = malloc(k * sizeof *q);
        for (size_t i = 0; i < rows && !bench; i++) {
            for (size_t c = 0; c < k; c++) q[c] = *strip_i16_at(out, i, c);
            expect_quantized(t, x + i * k, q, out.scales[i], k, true);
        }
        free(q);
    }
    release();
}

void check_quantize(void)
{
    if (bench) {
        run_quantize(512, 512, true);
        run_quantize(512, 2048, true);
        return;
    }
    for (size_t k = 1; k <= 50; k++) run_quantize(1 + random_below(12), k, k % 2);
    static const size_t widths[] = {255, 256, 257, 271, 272, 273, 511, 513, 768, 1030};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        run_quantize(KINDS, widths[i], i % 2);
    run_quantize(0, 40, true);
}

static void run_quantize_panels(size_t n, size_t k, enum simd_dtype dtype, bool at_end)
{
    float *x;
    struct panels w = make_weights(&x, n, k, dtype, 1, at_end);
    void *data = (void *)(uintptr_t)w.data, *rows = guarded(n * k * 4, true);
    for (size_t i = 0; i < n && !bench; i++)
        make_vector(x + i * k, k, (enum vector_kind)((n + i) % KINDS));
    if (dtype == SIMD_F32) {
        panels_pack(data, x, n, k, 4);
    } else {
        (dtype == SIMD_F16 ? table[0]->f32_to_f16 : table[0]->f32_to_bf16)(rows, x, n * k);
        (dtype == SIMD_F16 ? table[0]->f16_to_f32 : table[0]->bf16_to_f32)(x, rows, n * k);
        panels_pack(data, rows, n, k, 2);
    }
    const size_t bytes = panels_bytes(SIMD_I16, n, k);
    describe("N %zu K %zu, dtype %d", n, k, (int)dtype);
    for (int t = 0; t < tables; t++) {
        const struct panels q = {guarded(bytes, at_end), SIMD_I16, n, k};
        const size_t cut = bench ? 0 : random_below(n / SIMD_PANEL + 1) * SIMD_PANEL;
        const struct panels second = panels_rows(q, cut, n - cut);
        CALL(t, 0, (double)panels_bytes(dtype, n, k),
             table[t]->quantize_panels((void *)(uintptr_t)second.data,
                                       panels_rows(w, cut, n - cut)));
        if (bench) continue;
        table[t]->quantize_panels((void *)(uintptr_t)q.data, panels_rows(w, 0, cut));
        int16_t *column = malloc(k * sizeof *column);
        for (size_t i = 0; i < panels_count(n) * SIMD_PANEL; i++) {
            for (size_t c = 0; c < k; c++) column[c] = *panels_i16_at(q, i, c);
            if (i < n) expect_quantized(t, x + i * k, column, *panels_scales(q, i), k, false);
            for (size_t c = i < n ? k : 0; c < (k + 1) / 2 * 2; c++)
                if (*panels_i16_at(q, i, c)) fail(t, "padding (%zu, %zu) is not zero", i, c);
        }
        free(column);
    }
    release();
}

void check_quantize_panels(void)
{
    if (bench) {
        run_quantize_panels(2048, 512, SIMD_F16, true);
        return;
    }
    for (size_t n = 1; n <= 70; n++)
        run_quantize_panels(n, 1 + random_below(40), (enum simd_dtype)(n % 3), n % 2);
    static const size_t deep[] = {255, 256, 257, 511, 512, 513, 1025};
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++)
        run_quantize_panels(1 + random_below(70), deep[i], (enum simd_dtype)(i % 3), i % 2);
}

/* --- the product --- */

enum operand_kind {
    TIED,      /* of -1, 0 and 1: many sums are equal */
    QUANTIZED, /* of random numbers */
    ALIGNED,   /* rows and columns are multiples of each other: blocks come nearest to 2^31 */
    EXTREME,   /* +-32767 */
    ANY,       /* any bits: sums wrap around */
    OPERANDS
};

struct operands {
    struct strips_i16 x;
    struct panels w;
    size_t rows;
};

static struct operands make_operands(size_t rows, size_t n, size_t k, enum operand_kind kind,
                                     bool at_end)
{
    const size_t capacity = rows + random_below(3);
    float *values, *pattern = guarded(k * sizeof *pattern, true);
    struct operands o = {{guarded(strips_size(capacity, k) * sizeof(int16_t), at_end),
                          guarded(capacity * sizeof(float), at_end), capacity},
                         {guarded(panels_bytes(SIMD_I16, n, k), at_end), SIMD_I16, n, k},
                         rows};
    void *data = (void *)(uintptr_t)o.w.data;
    struct panels w = make_weights(&values, n, k, SIMD_F32, 0.1f, at_end);
    struct strips x = guarded_strips(capacity, k, at_end);
    make_vector(pattern, k, random_below(2) ? LEVEL : ORDINARY);
    for (size_t i = 0; i < n && kind == ALIGNED; i++) {
        const float sign = random_between(-1, 1);
        for (size_t c = 0; c < k; c++) values[i * k + c] = sign * pattern[c];
    }
    for (size_t i = 0; i < n * k && kind == TIED; i++) values[i] = (float)random_below(3) - 1;
    if (kind <= ALIGNED) panels_pack((void *)(uintptr_t)w.data, values, n, k, 4);
    for (size_t i = 0; i < rows; i++) {
        const float sign = random_between(-1, 1);
        for (size_t c = 0; c < k; c++)
            *strip_at(x, i, c) = kind == ALIGNED ? sign * pattern[c]
                                 : kind == TIED  ? (float)random_below(3) - 1
                                                 : random_between(-3, 3);
    }
    table[0]->quantize(o.x, x, rows, k);
    table[0]->quantize_panels(data, w);
    if (kind < EXTREME) return o;
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < k; c++)
            *strip_i16_at(o.x, i, c) = kind == ANY        ? (int16_t)random_bits()
                                       : random_below(50) ? 32767
                                                          : -32767;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < k; c++)
            *(int16_t *)(uintptr_t)panels_i16_at(o.w, i, c) = kind == ANY ? (int16_t)random_bits()
                                                              : random_below(50) ? -32767
                                                                                 : 32767;
    return o;
}

/* The contract. exact: no block left an int32. */
static float contract(const struct operands *o, size_t row, size_t column, bool *exact)
{
    const size_t k = o->w.k;
    float acc = 0;
    for (size_t k0 = 0; k0 < k; k0 += 256) {
        int64_t sum = 0;
        for (size_t i = k0; i < k && i < k0 + 256; i++)
            sum += (int64_t)*strip_i16_at(o->x, row, i) * *panels_i16_at(o->w, column, i);
        *exact = *exact && sum == (int32_t)sum;
        acc += (float)(int32_t)(uint32_t)sum;
    }
    return acc * o->x.scales[row] * *panels_scales(o->w, column);
}

static float gelu(enum gemm_epilogue epilogue, float x)
{
    float y;
    (epilogue == GEMM_GELU_ERF ? table[0]->gelu_erf : table[0]->gelu_tanh)(&y, &x, 1);
    return y;
}

/* With the CPU's own instruction and without; other blocks of the cache. */
static void vary(int t, int how)
{
    static const struct gemm_block blocks[] = {{0, 0}, {64, 256}, {256, 256}, {128, 512}};
    simd_vnni_forbid(how == 1);
    gemm_block_force(blocks[bench ? 0 : (size_t)(t + how) % 4]);
}

static void run_gemm(size_t rows, size_t n, size_t k, enum operand_kind kind,
                     enum gemm_epilogue epilogue, bool with_bias, bool at_end)
{
    struct operands o = make_operands(rows, n, k, kind, at_end);
    const size_t capacity = o.x.rows;
    struct strips before = guarded_strips(capacity, n, true);
    float *bias = with_bias ? guarded(n * sizeof *bias, at_end) : NULL;
    float *want = guarded(rows * n * sizeof *want, true);
    bool exact = true;
    for (size_t i = 0; i < n && bias; i++) bias[i] = random_between(-1, 1);
    for (size_t i = 0; i < rows && !bench; i++)
        for (size_t c = 0; c < n; c++) {
            const float add = *strip_at(before, i, c) = random_between(-5, 5);
            const float x = contract(&o, i, c, &exact) + (bias ? bias[c] : 0.0f);
            want[i * n + c] = epilogue == GEMM_ADD     ? add + x
                              : epilogue == GEMM_STORE ? x
                                                       : gelu(epilogue, x);
        }
    describe("M %zu N %zu K %zu, epilogue %d%s, input %d", rows, n, k, (int)epilogue,
             bias ? ", bias" : "", (int)kind);
    for (int t = 0; t < tables; t++)
        for (int how = 0; how < (simd_vnni(table[t]->isa) ? 2 : 1); how++) {
            struct strips out = guarded_strips(capacity, n, at_end);
            vary(t, how);
            void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, at_end);
            memcpy(out.data, before.data, strips_size(capacity, n) * sizeof(float));
            CALL(t, 2.0 * (double)rows * (double)n * (double)k, 0,
                 table[t]->gemm_i16(out, o.x, rows, o.w, bias, epilogue, scratch));
            vary(0, 0);
            if (kind < EXTREME && !exact) fail(t, "a block's sum left the int32");
            for (size_t i = 0; i < rows && !bench; i++)
                for (size_t c = 0; c < n; c++) {
                    const float got = *strip_at(out, i, c);
                    if (!same(got, want[i * n + c]))
                        fail(t, "row %zu column %zu%s: the contract gives %a, here %a", i, c,
                             how ? ", without VNNI" : "", (double)want[i * n + c], (double)got);
                }
        }
    release();
}

/* Rows and columns that are not finite: NaN, and nowhere else. */
static void run_nonfinite(void)
{
    enum { ROWS = 20, N = 40, K = 300 };
    struct strips x = guarded_strips(ROWS, K, true);
    float *values;
    struct panels w = make_weights(&values, N, K, SIMD_F32, 0.1f, true);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t c = 0; c < K; c++) *strip_at(x, i, c) = random_between(-1, 1);
    static const float bad[] = {NAN, INFINITY, -INFINITY, 0x1p64f};
    const size_t row = random_below(ROWS), column = random_below(N);
    *strip_at(x, row, random_below(K)) = bad[random_below(4)];
    values[column * K + random_below(K)] = bad[random_below(4)];
    panels_pack((void *)(uintptr_t)w.data, values, N, K, 4);
    void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, true);
    void *data = guarded(panels_bytes(SIMD_I16, N, K), true);
    describe("row %zu and column %zu are not finite", row, column);
    for (int t = 0; t < tables; t++) {
        struct strips_i16 q = {guarded(strips_size(ROWS, K) * sizeof(int16_t), true),
                               guarded(ROWS * sizeof(float), true), ROWS};
        struct strips out = guarded_strips(ROWS, N, true);
        const struct panels w_i16 = {data, SIMD_I16, N, K};
        table[t]->quantize(q, x, ROWS, K);
        table[t]->quantize_panels(data, w);
        table[t]->gemm_i16(out, q, ROWS, w_i16, NULL, GEMM_STORE, scratch);
        for (size_t i = 0; i < ROWS; i++)
            for (size_t c = 0; c < N; c++)
                if (!isnan(*strip_at(out, i, c)) != (i != row && c != column))
                    fail(t, "row %zu column %zu is %g", i, c, (double)*strip_at(out, i, c));
    }
    release();
}

/* All zeros, as simd_alloc() left it. */
static void no_product(struct strips out, struct strips_i16 in, size_t rows, struct panels w,
                       const float *bias, enum gemm_epilogue epilogue, void *scratch)
{
    (void)out, (void)in, (void)rows, (void)w, (void)bias, (void)epilogue, (void)scratch;
}

void check_gemm_i16(void)
{
    if (bench) {
        static const size_t shapes[][3] = {{512, 1536, 512},
                                           {512, 2048, 512},
                                           {512, 512, 2048},
                                           {512, 6144, 2048},
                                           {512, 2048, 8192}};
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            run_gemm(shapes[i][0], shapes[i][1], shapes[i][2], QUANTIZED, GEMM_STORE, true, true);
        return;
    }
    for (size_t rows = 0; rows <= 3 * SIMD_LANES + 1; rows++)
        run_gemm(rows, 1 + random_below(80), 1 + random_below(70),
                 (enum operand_kind)(rows / 2 % OPERANDS), (enum gemm_epilogue)(rows % 4), rows % 5,
                 rows % 2);
    for (size_t n = 1; n <= 70; n++)
        run_gemm(1 + random_below(20), n, 1 + random_below(300),
                 (enum operand_kind)(n / 2 % OPERANDS), (enum gemm_epilogue)(n % 4), n % 5, n % 2);
    static const size_t deep[] = {1, 2, 3, 255, 256, 257, 511, 512, 513, 700, 1024, 2300};
    for (size_t i = 0; i < 2 * sizeof deep / sizeof deep[0]; i++)
        run_gemm(1 + random_below(30), 1 + random_below(300), deep[i / 2],
                 (enum operand_kind)(1 + 2 * (i % 2) + random_below(2)),
                 (enum gemm_epilogue)(i % 4), true, i % 2);
    for (int i = 0; i < 8; i++) run_nonfinite();
    for (int t = 0; t < tables; t++)
        if (!simd_amx_agrees(table[t])) fail(t, "AMX's check before use refuses it");
    struct kernels broken = *table[0];
    broken.gemm_i16 = no_product;
    if (simd_amx_agrees(&broken)) fail(0, "AMX's check before use takes no product for one");
}

/* --- the loss head --- */

/* head_best's losses and columns, and head's losses, beside logits of the contract. */
static void run_head(size_t rows, size_t vocabulary, size_t k, enum operand_kind kind, bool at_end)
{
    struct operands o = make_operands(rows, vocabulary, k, kind, at_end);
    uint32_t *targets = guarded(rows * sizeof *targets, at_end);
    uint32_t *want = guarded(rows * sizeof *want, at_end);
    float *logit = malloc(rows * vocabulary * sizeof *logit), *first = NULL;
    bool exact = true;
    for (size_t i = 0; i < rows; i++) {
        targets[i] = (uint32_t)random_below(vocabulary);
        want[i] = 0;
        for (size_t v = 0; v < vocabulary && !bench; v++) {
            logit[i * vocabulary + v] = contract(&o, i, v, &exact);
            if (logit[i * vocabulary + v] > logit[i * vocabulary + want[i]]) want[i] = (uint32_t)v;
        }
    }
    if (rows) targets[0] = (uint32_t)vocabulary - 1;
    describe("%zu rows, vocabulary %zu, width %zu, input %d", rows, vocabulary, k, (int)kind);
    for (int t = 0; t < tables; t++)
        for (int how = 0; how < (simd_vnni(table[t]->isa) ? 2 : 1); how++) {
            float *loss = guarded(rows * sizeof *loss, at_end);
            float *other = guarded(rows * sizeof *other, at_end);
            uint32_t *best = guarded(rows * sizeof *best, at_end);
            vary(t, how);
            void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, at_end);
            CALL(t, 2.0 * (double)rows * (double)vocabulary * (double)k, 0,
                 table[t]->head_i16(other, o.x, rows, o.w, targets, scratch));
            if (!bench) table[t]->head_best_i16(loss, best, o.x, rows, o.w, targets, scratch);
            vary(0, 0);
            if (bench) continue;
            if (!first) first = loss;
            expect_same(t, loss, first, rows, table[0]->name);
            expect_same(t, other, first, rows, "head_best_i16");
            for (size_t i = 0; i < rows; i++) {
                const float *x = logit + i * vocabulary;
                const double top = (double)x[want[i]], target = (double)x[targets[i]];
                double sum = 0;
                for (size_t v = 0; v < vocabulary; v++) sum += exp((double)x[v] - top);
                const double all = top + log(sum);
                const double bound = ((double)vocabulary / 16 + 40) * UNIT + 4 * UNIT * fabs(top) +
                                     ulp(all - target);
                expect_close(t, (double)loss[i], all - target, bound, fabs(all) + fabs(target));
                if (best[i] != want[i])
                    fail(t, "row %zu: expected %u, the first of the greatest, found %u", i, want[i],
                         best[i]);
            }
        }
    free(logit);
    release();
}

void check_head_i16(void)
{
    if (bench) {
        run_head(512, 50304, 512, QUANTIZED, true);
        return;
    }
    for (size_t rows = 0; rows <= 3 * SIMD_LANES + 1; rows++)
        run_head(rows, 1 + random_below(200), 1 + random_below(60), QUANTIZED, rows % 2);
}

void check_head_best_i16(void)
{
    if (bench) return;
    static const size_t vocabulary[] = {1, 2, 31, 32, 33, 255, 256, 257, 511, 513, 2048, 3000};
    for (size_t i = 0; i < sizeof vocabulary / sizeof vocabulary[0]; i++) {
        run_head(1 + random_below(20), vocabulary[i], i % 3 == 2 ? 300 : 40, QUANTIZED, i % 2);
        run_head(1 + random_below(20), vocabulary[i], 1 + random_below(4), TIED, i % 2);
    }
}
