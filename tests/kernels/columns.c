/* columns.c - checks of the kernels for tables of numbers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/harness.h"

#include <math.h>
#include <string.h>

static void run_columns(size_t rows, size_t columns, size_t stride, bool at_end)
{
    /* Both flush against unmapped pages: nothing is read or written beyond them. */
    const size_t used = columns ? (columns - 1) * stride + rows : 0;
    float *in = guarded(rows * columns * sizeof *in, at_end);
    for (size_t i = 0; i < rows * columns; i++)
        in[i] = i % 7 ? random_between(-9, 9) : random_special(true);
    describe("%zu x %zu, stride %zu", rows, columns, stride);
    for (int t = 0; t < tables; t++) {
        float *out = guarded(used * sizeof *out, at_end), mark = -12345;
        for (size_t i = 0; i < used; i++) out[i] = mark;
        CALL(t, 0, 8.0 * (double)(rows * columns),
             table[t]->columns(out, stride, in, rows, columns));
        for (size_t j = 0; j < columns; j++)
            for (size_t i = 0; i < stride && j * stride + i < used; i++) {
                float want = i < rows ? in[i * columns + j] : mark, got = out[j * stride + i];
                if (!same(got, want))
                    fail(t, "row %zu, column %zu: expected %a, found %a", i, j, (double)want,
                         (double)got);
            }
    }
    release();
}

void check_columns(void)
{
    if (bench) {
        run_columns(10000, 7, 10000, true);
        run_columns(1000, 154, 1000, true);
        return;
    }
    for (size_t rows = 0; rows <= 3 * SIMD_LANES + 1; rows++)
        for (int i = 0; i < 8; i++)
            run_columns(rows, random_below(3 * SIMD_LANES + 2), rows + random_below(20), i % 2);
    for (size_t columns = 1; columns <= 3 * SIMD_LANES + 1; columns++)
        run_columns(100 + random_below(50), columns, 150, columns % 2);
}

/* A number, or one that is on, just beside or far from LIMIT. */
static float around(float limit)
{
    switch (random_below(6)) {
    case 0:
        return limit;
    case 1:
        return nextafterf(limit, INFINITY);
    case 2:
        return nextafterf(limit, -INFINITY);
    case 3:
        return random_special(true);
    default:
        return random_between(-4, 4);
    }
}

/* KIND 0: below; 1: apart. */
static void run_bits(int kind, size_t n, bool at_end)
{
    const size_t words = (n + 63) / 64;
    const float low = random_below(4) ? random_between(-3, 1) : random_special(false),
                high = random_between(1, 3);
    float *a = guarded(n * sizeof *a, at_end), *b = guarded(n * sizeof *b, at_end);
    for (size_t i = 0; i < n; i++) {
        a[i] = kind ? random_between(-4, 4) : around(low);
        b[i] = a[i] + around(random_below(2) ? low : high);
    }
    describe("n = %zu", n);
    for (int t = 0; t < tables; t++) {
        uint64_t *bits = guarded(words * sizeof *bits, at_end);
        if (kind)
            CALL(t, 0, 8.0 * (double)n, table[t]->apart(bits, a, b, n, low, high));
        else
            CALL(t, 0, 4.0 * (double)n, table[t]->below(bits, a, n, low));
        for (size_t i = 0; i < 64 * words; i++) {
            float difference = i < n ? b[i] - a[i] : 0;
            bool want = i < n && (kind ? difference < low || difference > high : a[i] < low);
            if ((bits[i / 64] >> i % 64 & 1) != want)
                fail(t, "element %zu (%a, %a): expected %d of %a, %a", i, i < n ? (double)a[i] : 0,
                     i < n ? (double)b[i] : 0, want, (double)low, (double)high);
        }
    }
    release();
}

static void check_bits(int kind)
{
    if (bench) {
        run_bits(kind, 10000, true);
        return;
    }
    for (size_t n = 0; n <= 200; n++) run_bits(kind, n, n % 2);
    for (int i = 0; i < 20; i++) run_bits(kind, random_below(5000), i % 2);
}

void check_below(void)
{
    check_bits(0);
}

void check_apart(void)
{
    check_bits(1);
}

/* Rows near, on and off lines, of which many fall by just about `slope`, with R^2 of just about r2. */
static void fill_lines(float *x, size_t columns, size_t stride, size_t n, const double *at)
{
    for (size_t i = 0; i < n; i++) {
        float slope = random_below(3) ? random_between(-0.31f, -0.29f) : random_between(-2, 1);
        float noise = random_between(0, 0.5f), level = random_between(0, 40);
        if (random_below(20) == 0) level = 1e6f;
        for (size_t j = 0; j < columns; j++) {
            x[j * stride + i] = level + slope * (float)at[j] + noise * random_between(-1, 1);
            if (random_below(50 * columns) == 0) x[j * stride + i] = random_special(true);
        }
    }
}

/* Row I, column after column STRIDE apart, in double. A bit there must be, may be, or must not be:
 * 1, 0, -1. 1e-4 of the losses is far more than rounding does. */
static int line_bit(const float *x, size_t stride, const double *weight,
                    const struct line_test *test)
{
    const size_t n = test->columns;
    double slope = 0, sum = 0, all = 0, spread = 0;
    for (size_t j = 0; j < n; j++) {
        const double v = (double)x[j * stride];
        slope += weight[j] * v;
        sum += v;
        all += v * v;
    }
    for (size_t j = 0; j < n; j++) {
        const double d = (double)x[j * stride] - sum / (double)n;
        spread += d * d;
    }
    const double r2 = slope * slope * (double)test->squares / spread;
    if (!(all < 1e30)) return 0;
    if (slope < (double)test->slope && r2 > (double)test->r2) return 1;
    return slope > (double)test->slope + 1e-4 * sqrt(all) ||
                   r2 < (double)test->r2 - 1e-4 * (1 + all / spread)
               ? -1
               : 0;
}

static void run_lines(size_t columns, size_t n, bool at_end)
{
    const size_t stride = n + random_below(9), words = (n + 63) / 64;
    float *x = guarded(((columns - 1) * stride + n) * sizeof *x, at_end);
    float *weight = guarded(columns * sizeof *weight, at_end);
    double *at = guarded(columns * sizeof *at, true), *exact = guarded(columns * sizeof *at, true);
    double mean = 0, squares = 0;
    for (size_t j = 0; j < columns; j++) {
        at[j] = (double)j + (double)random_between(0, 0.9f);
        mean += at[j] / (double)columns;
    }
    for (size_t j = 0; j < columns; j++) squares += (at[j] - mean) * (at[j] - mean);
    for (size_t j = 0; j < columns; j++) weight[j] = (float)(exact[j] = (at[j] - mean) / squares);
    const struct line_test test = {.weight = weight,
                                   .columns = columns,
                                   .squares = (float)squares,
                                   .slope = random_below(8) ? -0.3f : 0.1f,
                                   .r2 = random_below(8) ? 0.98f : -0.5f};
    fill_lines(x, columns, stride, n, at);
    describe("%zu columns, n = %zu", columns, n);
    uint64_t *first = NULL;
    for (int t = 0; t < tables; t++) {
        uint64_t *bits = guarded(words * sizeof *bits, at_end);
        CALL(t, 6.0 * (double)(columns * n), 4.0 * (double)(columns * n),
             table[t]->lines(bits, x, stride, n, &test));
        for (size_t i = 0; i < 64 * words; i++) {
            const int want = i < n ? line_bit(x + i, stride, exact, &test) : -1;
            if (want && (bits[i / 64] >> i % 64 & 1) != (want > 0))
                fail(t, "row %zu: expected %s", i, want > 0 ? "a bit" : "none");
        }
        if (t == 0) first = bits;
        if (words && memcmp(bits, first, words * sizeof *bits)) fail(t, "other bits");
    }
    release();
}

void check_lines(void)
{
    if (bench) {
        run_lines(7, 10000, true);
        return;
    }
    for (size_t n = 0; n <= 70; n++) run_lines(2 + random_below(9), n, n % 2);
    for (int i = 0; i < 60; i++) run_lines(2 + random_below(200), random_below(300), i % 2);
}
