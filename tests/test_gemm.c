/* The native GEMM and the loss head: against float64 within the bound of the arithmetic, the same
 * bits on every instruction set, for every block size and for a row alone; the oneDNN twin close.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simd/onednn.h"
#include "simd/onednn_bf16.h"
#include "simd/scratch.h"

static uint64_t seed = 1;

static uint64_t draw(uint64_t below)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33) % below;
}
static float uniform(void) /* in [-1, 1) */
{
    return (float)((double)draw(1U << 24) * 0x1p-23 - 1.0);
}

static void *room(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 64) / 64 * 64);
    assert_non_null(p);
    return p;
}

struct matrix { /* a weight matrix, its panels and its values in float64 */
    struct panels panels;
    void *data;
    double *value; /* [n][k] */
};

static struct matrix weights(size_t n, size_t k, enum simd_dtype dtype, float scale)
{
    struct matrix m = {{NULL, dtype, n, k}, NULL, NULL};
    size_t size = simd_dtype_bytes(dtype);
    void *rows = room(n * k * size);
    const struct kernels *scalar = simd_kernels(SIMD_SCALAR);
    m.data = room(panels_size(n, k) * size);
    m.value = room(n * k * sizeof(double));
    for (size_t i = 0; i < n * k; i++) {
        float x = uniform() * scale;
        uint16_t half;
        if (dtype == SIMD_F16) {
            scalar->f32_to_f16(&half, &x, 1);
            scalar->f16_to_f32(&x, &half, 1);
        } else if (dtype == SIMD_BF16) {
            scalar->f32_to_bf16(&half, &x, 1);
            scalar->bf16_to_f32(&x, &half, 1);
        }
        if (dtype == SIMD_F32)
            ((float *)rows)[i] = x;
        else
            ((uint16_t *)rows)[i] = half;
        m.value[i] = x;
    }
    panels_pack(m.data, rows, n, k, size);
    m.panels.data = m.data;
    free(rows);
    return m;
}
static void drop(struct matrix *m)
{
    free(m->data);
    free(m->value);
}

/* Undefined columns hold NaN: none may reach a result. */
static struct strips activations(size_t rows, size_t columns, float scale)
{
    struct strips x = {room(strips_size(rows, columns) * sizeof(float)), rows};
    for (size_t i = 0; i < strips_size(rows, columns); i++) x.data[i] = NAN;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) *strip_at(x, r, c) = uniform() * scale;
    return x;
}
static struct strips copy(struct strips x, size_t columns)
{
    size_t bytes = strips_size(x.rows, columns) * sizeof(float);
    struct strips y = {room(bytes), x.rows};
    memcpy(y.data, x.data, bytes);
    return y;
}
/* Both exist up to `columns`; the same bits in rows 0 .. rows. */
static bool same(struct strips a, struct strips b, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            if (memcmp(strip_at(a, r, c), strip_at(b, r, c), sizeof(float))) return false;
    return true;
}

static double gelu(double x, enum gemm_epilogue epilogue)
{
    if (epilogue == GEMM_GELU_ERF) return 0.5 * x * erfc(-x / sqrt(2));
    if (epilogue == GEMM_GELU_TANH)
        return 0.5 * x * (1 + tanh(0.79788456 * (x + 0.044715 * x * x * x)));
    return x;
}

static const struct gemm_block blocks[] = {{256, 256}, {256, 768}, {128, 256}, {32, 512}, {0, 0}};
enum { BLOCKS = sizeof blocks / sizeof *blocks };

/* Greatest error seen, as a share of its bound. */
static double worst;

static void check_gemm(size_t rows, size_t n, size_t k, enum simd_dtype dtype,
                       enum gemm_epilogue epilogue, bool with_bias)
{
    struct matrix w = weights(n, k, dtype, 1.0f);
    struct strips in = activations(rows, k, 1.0f), before = activations(rows + 3, n, 1.0f);
    struct strips scalar = {NULL, 0};
    float *bias = room(n * sizeof *bias);
    for (size_t i = 0; i < n; i++) bias[i] = uniform();

    for (int isa = 0; isa < SIMD_ISAS; isa++) {
        const struct kernels *kernels = simd_kernels((enum simd_isa)isa);
        if (!kernels) continue;
        for (int b = 0; b < BLOCKS; b++) {
            gemm_block_force(blocks[b]);
            void *scratch = room(simd_scratch_bytes());
            struct strips out = copy(before, n);
            kernels->gemm(out, in, rows, w.panels, with_bias ? bias : NULL, epilogue, scratch);
            /* rows beyond the last are the caller's */
            for (size_t r = rows; r < rows + 3; r++)
                for (size_t c = 0; c < n; c += SIMD_STRIP)
                    assert_memory_equal(strip_at(out, r, c), strip_at(before, r, c), 1024);
            free(scratch);
            if (scalar.data) {
                if (!same(scalar, out, rows, n))
                    fail_msg("rows %zu n %zu k %zu dtype %d epilogue %d: %s block %d differs", rows,
                             n, k, dtype, epilogue, kernels->name, b);
                free(out.data);
            } else {
                scalar = out;
            }
        }
    }
    gemm_block_force((struct gemm_block){0, 0});

    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < n; c++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < k; i++) {
                double term = (double)*strip_at(in, r, i) * w.value[c * k + i];
                sum += term;
                size += fabs(term);
            }
            double b = with_bias ? (double)bias[c] : 0, old = (double)*strip_at(before, r, c);
            double expected = gelu(sum + b, epilogue);
            if (epilogue == GEMM_ADD) expected += old;
            size += fabs(b) + fabs(old);
            /* one rounding a step of a chain, one a block, bias, residual; GELU: slope < 1.13 and
             * an error of its own of a few units in the last place */
            double steps = (double)(k < 256 ? k : 256) + (double)((k + 255) / 256) + 2;
            double bound = 1.13 * steps * 0x1p-24 * size + 4 * 0x1p-24 * fabs(expected) + 1e-37;
            double error = fabs((double)*strip_at(scalar, r, c) - expected);
            if (error / bound > worst) worst = error / bound;
            if (!(error <= bound))
                fail_msg(
                    "rows %zu n %zu k %zu dtype %d epilogue %d at %zu,%zu: %.9g, expected %.9g",
                    rows, n, k, dtype, epilogue, r, c, (double)*strip_at(scalar, r, c), expected);
        }
    drop(&w);
    free(in.data);
    free(before.data);
    free(scalar.data);
    free(bias);
}

static void products(void **state)
{
    (void)state;
    static const size_t n[] = {1, 7, 31, 32, 33, 64, 100, 255, 256, 257, 300, 513};
    static const size_t k[] = {1, 2, 3, 4, 5, 15, 16, 17, 255, 256, 257, 300, 511, 512, 513, 1030};
    for (size_t rows = 1; rows <= 40; rows++)
        for (int i = 0; i < 3; i++)
            check_gemm(rows, n[draw(sizeof n / sizeof *n)], k[draw(sizeof k / sizeof *k)],
                       (enum simd_dtype)draw(3), (enum gemm_epilogue)draw(4), draw(4) > 0);
    for (int dtype = 0; dtype < 3; dtype++)
        for (int epilogue = 0; epilogue < 4; epilogue++)
            check_gemm(17, 65, 270, (enum simd_dtype)dtype, (enum gemm_epilogue)epilogue, true);
    check_gemm(GEMM_ROWS + 5, 40, 20, SIMD_F16, GEMM_ADD, true);
    print_message("greatest error: %.3f of its bound\n", worst);
}

/* The result of a row does not depend on the other rows, nor on where it stands. */
static void a_row_alone(void **state)
{
    (void)state;
    const struct kernels *kernels = simd_best();
    size_t rows = 37, n = 300, k = 520;
    struct matrix w = weights(n, k, SIMD_F16, 1.0f);
    struct strips in = activations(rows, k, 1.0f), all = activations(rows, n, 1.0f);
    struct strips one = activations(1, k, 1.0f), out = activations(1, n, 1.0f);
    void *scratch = room(simd_scratch_bytes());
    kernels->gemm(all, in, rows, w.panels, NULL, GEMM_GELU_ERF, scratch);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < k; c++) *strip_at(one, 0, c) = *strip_at(in, r, c);
        kernels->gemm(out, one, 1, w.panels, NULL, GEMM_GELU_ERF, scratch);
        for (size_t c = 0; c < n; c++)
            assert_memory_equal(strip_at(out, 0, c), strip_at(all, r, c), sizeof(float));
    }
    drop(&w);
    free(in.data);
    free(all.data);
    free(one.data);
    free(out.data);
    free(scratch);
}

enum content { ORDINARY, HUGE_LOGITS, EQUAL_LOGITS, CONFIDENT, CONTENTS };

static void check_head(size_t rows, size_t n, size_t k, enum simd_dtype dtype, enum content content)
{
    float scale = content == HUGE_LOGITS ? 1e4f : content == EQUAL_LOGITS ? 0 : 3.0f;
    struct matrix w = weights(n, k, dtype, 1.0f);
    struct strips x = activations(rows, k, scale);
    uint32_t *targets = room(rows * sizeof *targets);
    float *loss = room((rows + 1) * sizeof *loss), *scalar = NULL;
    for (size_t r = 0; r < rows; r++) {
        targets[r] = (uint32_t)(r % 3 == 0 ? 0 : r % 3 == 1 ? n - 1 : draw(n));
        if (content == CONFIDENT) /* the target's own row: its logit stands out */
            for (size_t i = 0; i < k; i++)
                *strip_at(x, r, i) = (float)w.value[targets[r] * k + i] * 4;
    }
    for (int isa = 0; isa < SIMD_ISAS; isa++) {
        const struct kernels *kernels = simd_kernels((enum simd_isa)isa);
        if (!kernels) continue;
        for (int b = 0; b < BLOCKS; b++) {
            gemm_block_force(blocks[b]);
            void *scratch = room(simd_scratch_bytes());
            loss[rows] = 123;
            kernels->head(loss, x, rows, w.panels, targets, scratch);
            assert_true(loss[rows] == 123);
            free(scratch);
            if (!scalar) {
                scalar = room(rows * sizeof *loss);
                memcpy(scalar, loss, rows * sizeof *loss);
            } else if (memcmp(scalar, loss, rows * sizeof *loss)) {
                fail_msg("rows %zu n %zu k %zu dtype %d content %d: %s block %d differs", rows, n,
                         k, dtype, content, kernels->name, b);
            }
        }
    }
    gemm_block_force((struct gemm_block){0, 0});

    double *logit = room(n * sizeof *logit);
    for (size_t r = 0; r < rows; r++) {
        double most = -INFINITY, sum = 0, size = 0;
        for (size_t v = 0; v < n; v++) {
            double s = 0;
            logit[v] = 0;
            for (size_t i = 0; i < k; i++) {
                double term = (double)*strip_at(x, r, i) * w.value[v * k + i];
                logit[v] += term;
                s += fabs(term);
            }
            if (logit[v] > most) most = logit[v];
            if (s > size) size = s;
        }
        for (size_t v = 0; v < n; v++) sum += exp(logit[v] - most);
        double expected = most - logit[targets[r]] + log(sum);
        /* two logits, each within its chain's bound, and the sum of exponentials: 1 + 16 + 4
         * roundings and 2 for exp itself */
        double steps = (double)(k < 256 ? k : 256) + (double)((k + 255) / 256);
        double bound = 2 * steps * 0x1p-24 * size + 24 * 0x1p-24 + 0x1p-24 * expected;
        double error = fabs((double)scalar[r] - expected);
        if (error / bound > worst) worst = error / bound;
        if (!(error <= bound) || scalar[r] < 0)
            fail_msg("rows %zu n %zu k %zu dtype %d content %d row %zu: %.9g, expected %.9g", rows,
                     n, k, dtype, content, r, (double)scalar[r], expected);
    }
    free(logit);
    free(scalar);
    free(loss);
    free(targets);
    free(x.data);
    drop(&w);
}

static void heads(void **state)
{
    (void)state;
    static const size_t n[] = {1, 2, 15, 16, 17, 31, 33, 255, 256, 257, 300, 511, 513, 1000};
    static const size_t k[] = {1, 5, 16, 64, 256, 257, 600};
    worst = 0;
    for (size_t rows = 1; rows <= 30; rows++)
        for (int content = 0; content < CONTENTS; content++)
            check_head(rows, n[draw(sizeof n / sizeof *n)], k[draw(sizeof k / sizeof *k)],
                       (enum simd_dtype)draw(3), (enum content)content);
    check_head(GEMM_ROWS + 3, 50, 8, SIMD_F16, ORDINARY);
    print_message("greatest error: %.3f of its bound\n", worst);
}

/* What a broken model gives must show, not vanish. */
static void not_a_number(void **state)
{
    (void)state;
    for (int isa = 0; isa < SIMD_ISAS; isa++) {
        const struct kernels *kernels = simd_kernels((enum simd_isa)isa);
        if (!kernels) continue;
        struct matrix w = weights(300, 20, SIMD_F32, 1.0f);
        struct strips x = activations(4, 20, 1.0f);
        uint32_t targets[4] = {1, 299, 5, 7};
        float loss[4];
        void *scratch = room(simd_scratch_bytes());
        *strip_at(x, 1, 3) = NAN;
        *strip_at(x, 2, 3) = INFINITY;
        kernels->head(loss, x, 4, w.panels, targets, scratch);
        assert_true(isfinite(loss[0]) && isfinite(loss[3]));
        assert_true(isnan(loss[1]));
        assert_true(!isfinite(loss[2]));
        free(scratch);
        free(x.data);
        drop(&w);
    }
}

/* oneDNN sums in another order: within twice the bound of any order, k + 2 roundings. */
static void onednn(void **state)
{
    (void)state;
    const struct kernels *kernels = simd_best();
    if (onednn_open()) fail_msg("%s", onednn_open());
    for (int i = 0; i < 24; i++) {
        size_t rows = 1 + draw(30), n = 1 + draw(600), k = 1 + draw(700);
        enum gemm_epilogue epilogue = (enum gemm_epilogue)(i % 4);
        struct matrix w = weights(n, k, (enum simd_dtype)(i / 4 % 3), 1.0f);
        struct strips in = activations(rows, k, 1.0f), a = activations(rows, n, 1.0f);
        struct strips b = copy(a, n);
        float *bias = room(n * sizeof *bias), loss[30], other[30];
        uint32_t targets[30];
        for (size_t c = 0; c < n; c++) bias[c] = uniform();
        for (size_t r = 0; r < rows; r++) targets[r] = (uint32_t)draw(n);
        void *scratch = room(simd_scratch_bytes());
        void *theirs = room(onednn_scratch_bytes(rows, n, k));
        double bound = 4.0 * ((double)k + 2) * 0x1p-24 * ((double)k + 2);
        kernels->gemm(a, in, rows, w.panels, bias, epilogue, scratch);
        onednn_gemm(kernels, b, in, rows, w.panels, bias, epilogue, theirs);
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < n; c++)
                assert_true(fabs((double)*strip_at(a, r, c) - (double)*strip_at(b, r, c)) <= bound);
        kernels->head(loss, in, rows, w.panels, targets, scratch);
        onednn_head(kernels, other, in, rows, w.panels, targets, theirs);
        for (size_t r = 0; r < rows; r++)
            assert_true(fabs((double)loss[r] - (double)other[r]) <= bound);
        free(scratch);
        free(theirs);
        free(bias);
        free(in.data);
        free(a.data);
        free(b.data);
        drop(&w);
    }
}

/* More shapes than one model has, as a process that scans many meets them: operands that bfloat16 holds,
 * so that only sums are rounded. */
static void onednn_bf16(void **state)
{
    (void)state;
    enum { SHAPES = 80, ROWS = 3, N = 40 };
    const struct kernels *kernels = simd_best();
    if (onednn_bf16_open()) skip();
    for (size_t i = 1; i <= SHAPES; i++) {
        const size_t k = 4 * i;
        struct matrix w = weights(N, k, SIMD_BF16, 1.0f);
        struct strips in = activations(ROWS, k, 1.0f), out = activations(ROWS, N, 1.0f);
        for (size_t r = 0; r < ROWS; r++) {
            uint16_t half[4 * SHAPES];
            kernels->f32_to_bf16(half, strip_at(in, r, 0), k < SIMD_STRIP ? k : SIMD_STRIP);
            kernels->bf16_to_f32(strip_at(in, r, 0), half, k < SIMD_STRIP ? k : SIMD_STRIP);
            for (size_t c = SIMD_STRIP; c < k; c++) *strip_at(in, r, c) = 0;
        }
        const size_t bytes = onednn_bf16_bytes(N, k);
        assert_true(bytes > 0);
        void *packed = room(bytes), *scratch = room(onednn_bf16_scratch_bytes(ROWS, N, k));
        struct panels p;
        assert_int_equal(onednn_bf16_pack(kernels, &p, packed, w.panels), 0);
        onednn_bf16_gemm(kernels, out, in, ROWS, p, NULL, GEMM_STORE, scratch);
        for (size_t r = 0; r < ROWS; r++) {
            for (size_t n = 0; n < N; n++) {
                double sum = 0, size = 0;
                for (size_t c = 0; c < k; c++) {
                    const double x = w.value[n * k + c] * (double)*strip_at(in, r, c);
                    sum += x;
                    size += fabs(x);
                }
                assert_true(fabs((double)*strip_at(out, r, n) - sum) <=
                            (double)(k + 2) * 0x1p-24 * size);
            }
        }
        free(scratch);
        free(packed);
        free(in.data);
        free(out.data);
        drop(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products), cmocka_unit_test(a_row_alone),
        cmocka_unit_test(heads),    cmocka_unit_test(not_a_number),
        cmocka_unit_test(onednn),   cmocka_unit_test(onednn_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
