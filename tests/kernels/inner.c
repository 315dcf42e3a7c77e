/* inner.c - the check of inner products of long vectors.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/harness.h"

#include <math.h>
#include <string.h>

static struct strips vectors(size_t rows, size_t columns, int kind, bool at_end)
{
    struct strips x = guarded_strips(rows, columns, at_end);
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < columns; c++)
            *strip_at(x, i, c) = kind == 1   ? random_between(-1e15f, 1e15f)
                                 : kind == 2 ? 0x1p-140f * (float)random_below(100)
                                 : kind == 3 ? 0.0f
                                             : random_between(-3, 3);
    return x;
}

/* The contract, from `total` on; and the true value with the sum of its terms' sizes. */
static double chains(double total, struct strips a, size_t i, struct strips b, size_t j,
                     size_t columns, double *truth, double *size)
{
    *truth = *size = 0;
    for (size_t k = 0; k < columns;) {
        float sum = 0;
        do {
            const float x = *strip_at(a, i, k), y = *strip_at(b, j, k);
            sum = fmaf(x, y, sum);
            *truth += (double)x * (double)y;
            *size += fabs((double)x * (double)y);
        } while (++k < columns && k % SIMD_STRIP);
        total += (double)sum;
    }
    return total;
}

static void run(size_t a_rows, size_t b_rows, size_t columns, int kind, bool at_end)
{
    const size_t stride = b_rows + random_below(5);
    struct strips a = vectors(a_rows + random_below(2), columns, kind, at_end),
                  b = vectors(b_rows + random_below(2), columns, 0, at_end);
    void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, at_end);
    double *before = guarded(a_rows * stride * sizeof *before, true);
    for (size_t i = 0; i < a_rows * stride; i++) before[i] = (double)random_between(-9, 9);
    describe("%zu x %zu vectors of %zu, input %d", a_rows, b_rows, columns, kind);
    for (int t = 0; t < tables; t++) {
        double *sums = guarded(a_rows * stride * sizeof *sums, at_end);
        memcpy(sums, before, a_rows * stride * sizeof *sums);
        CALL(t, 2.0 * (double)a_rows * (double)b_rows * (double)columns, 0,
             table[t]->inner_products(sums, stride, a, a_rows, b, b_rows, columns, scratch));
        for (size_t i = 0; i < a_rows && !bench; i++)
            for (size_t j = 0; j < stride; j++) {
                const double start = before[i * stride + j], got = sums[i * stride + j];
                if (j >= b_rows && got != start) fail(t, "column %zu beyond the last: written", j);
                if (j >= b_rows) continue;
                double truth, size;
                const double want = chains(start, a, i, b, j, columns, &truth, &size);
                if (got != want)
                    fail(t, "pair %zu, %zu: the contract's chains give %a, here %a", i, j, want,
                         got);
                const double steps = (double)(columns < SIMD_STRIP ? columns : SIMD_STRIP);
                expect_close(t, got, start + truth,
                             1.01 * steps * UNIT * size + 0x1p-40 * fabs(start) +
                                 (double)columns * 0x1p-149,
                             size);
            }
    }
    release();
}

void check_inner_products(void)
{
    if (bench) {
        run(256, 256, 4096, 0, true);
        run(512, 256, 512, 0, true);
        run(190, 32, 65536, 0, true);
        run(3000, 64, 4096, 0, true);
        return;
    }
    for (size_t a = 0; a <= 3 * SIMD_LANES; a++)
        run(a, 1 + random_below(70), 1 + random_below(600), (int)(a % 4), a % 2);
    for (size_t b = 0; b <= 70; b++) run(1 + random_below(20), b, 1 + random_below(300), 0, b % 2);
    static const size_t lengths[] = {1,   15,  16,  17,  63,   255,  256,
                                     257, 511, 512, 513, 1024, 1025, 3000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        run(1 + random_below(40), 250 + random_below(40), lengths[i], (int)(i % 4), i % 2);
}
