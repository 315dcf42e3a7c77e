/* sketch.c - checks of the signed sum and of the sum of squares.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/harness.h"

#include <math.h>
#include <string.h>

/* One rounding an element, so the result is known exactly. */
static void run_sketch_add(size_t n, size_t first, bool at_end)
{
    size_t bytes = (first + n) / 8 + 4;
    float *x = guarded(n * sizeof *x, at_end), *old = guarded(n * sizeof *old, at_end);
    float *want = guarded(n * sizeof *want, true);
    uint8_t *signs = guarded(bytes, at_end);
    for (size_t i = 0; i < bytes; i++) signs[i] = (uint8_t)random_bits();
    for (size_t i = 0; i < n; i++) {
        x[i] = bench ? random_between(-1, 1) : random_special(true);
        old[i] = bench ? 0 : random_special(false);
        bool minus = signs[(first + i) / 8] >> (first + i) % 8 & 1;
        want[i] = old[i] + (minus ? -x[i] : x[i]);
    }
    describe("n = %zu, bit %zu", n, first);
    for (int t = 0; t < tables; t++) {
        float *v = guarded(n * sizeof *v, at_end);
        if (n) memcpy(v, old, n * sizeof *v);
        CALL(t, 0, 12.0 * (double)n, table[t]->sketch_add(v, x, signs, first, n));
        if (!bench) expect_same(t, v, want, n, "one sum an element");
    }
    release();
}

void check_sketch_add(void)
{
    if (bench) {
        run_sketch_add(8192, 5, true);
        return;
    }
    for (size_t n = 0; n <= 3 * SIMD_LANES + 1; n++)
        for (size_t first = 0; first < 17; first++) run_sketch_add(n, first, first % 2);
    for (int i = 0; i < 20; i++) run_sketch_add(random_below(9000), random_below(1000), i % 2);
}

/* Roundings of one element's way: 16 FMAs, 4 sums of the tree; then double's. */
static void run_sum_squares(size_t n, float size, bool at_end)
{
    float *x = guarded(n * sizeof *x, at_end);
    double want = 0, first = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = random_between(-size, size);
        want += (double)x[i] * (double)x[i];
    }
    describe("n = %zu of size %g", n, (double)size);
    for (int t = 0; t < tables; t++) {
        double got = 0;
        CALL(t, 2.0 * (double)n, 4.0 * (double)n, got = table[t]->sum_squares(x, n));
        if (!t) first = got;
        if (got != first) fail(t, "expected %a, found %a", first, got);
        expect_close(t, got, want, 20 * UNIT * want, want);
    }
    release();
}

void check_sum_squares(void)
{
    if (bench) {
        run_sum_squares(8192, 1, true);
        return;
    }
    for (size_t n = 0; n <= 3 * SIMD_LANES + 1; n++) run_sum_squares(n, 1, n % 2);
    for (int i = 0; i < 30; i++)
        run_sum_squares(200 + random_below(9000), i % 3 ? 1e-6f : 1e6f, i % 2);
    float *x = guarded(600 * sizeof *x, true);
    for (size_t i = 0; i < 600; i++) x[i] = i == 255 ? INFINITY : 0;
    describe("an infinity");
    for (int t = 0; t < tables; t++)
        if (!isinf(table[t]->sum_squares(x, 600))) fail(t, "expected infinity");
    release();
}
