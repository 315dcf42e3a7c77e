/* Unit tests of Approach 1: the envelope of exact curves, its edges, refusals.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "fit/envelope.h"
#include "src/report/report_approaches.h"

enum { SIZES = 16, CHECKPOINTS = 60, ROWS = SIZES * CHECKPOINTS };
static double N[ROWS], D[ROWS], C[ROWS], L[ROWS];
static size_t run[ROWS];

/* Runs of 16 sizes on Hoffmann et al.'s surface, checkpoints even in ln D. */
static void curves(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        size_t s = i / CHECKPOINTS, k = i % CHECKPOINTS;
        N[i] = 1e7 * pow(2, 0.5 * (double)s);
        D[i] = 1e8 * pow(10, 4 * (double)k / (CHECKPOINTS - 1));
        C[i] = 6 * N[i] * D[i];
        L[i] = 1.69 + 406.4 * pow(N[i], -0.34) + 410.7 * pow(D[i], -0.28);
        run[i] = (s * 7) % SIZES; /* names in no order */
    }
}

static void exact(void **state)
{
    (void)state;
    struct err e;
    struct envelope f, g;
    struct envelope_options o = {0};
    const double a = 0.28 / 0.62;
    curves();
    assert_int_equal(envelope_fit(&(struct envelope_rows){N, D, C, L, run, ROWS}, &o, &f, &e), 0);
    assert_int_equal(f.runs, SIZES);
    assert_true(f.compared > 1300 && f.used < f.compared);
    assert_true(fabs(f.factor - 6) < 1e-12);
    assert_true(fabs(f.N_of_C.slope - a) < 0.01);
    assert_true(fabs(f.N_by_size.slope - a) < 0.01);
    assert_true(fabs(f.N_of_C.slope + f.D_of_C.slope - 1) < 1e-9);
    assert_true(f.N_of_C.slope_lo < a && a < f.N_of_C.slope_hi);
    assert_true(f.N_of_C.slope_hi - f.N_of_C.slope_lo < 0.1);
    assert_true(fabs(f.D_of_C.slope_se - f.N_of_C.slope_se) < 1e-12);
    assert_true(f.winner[0].edge && !f.winner[1].edge && f.winner[f.n - 1].edge);
    for (size_t i = 1; i < f.n; i++) assert_true(f.winner[i].C > f.winner[i - 1].C);
    for (size_t i = 1; i < f.compared; i++) assert_true(f.loss[i] <= f.loss[i - 1]);
    struct points p = {.path = "curves.csv", .n = ROWS};
    struct sheet *s = sheet_open();
    json_t *j = envelope_report(s, &p, &f);
    assert_int_equal(json_array_size(json_object_get(j, "winners")), f.n);
    json_decref(j);
    sheet_free(s);
    /* The edges bias the published recipe. */
    o.keep_edges = true;
    assert_int_equal(envelope_fit(&(struct envelope_rows){N, D, C, L, run, ROWS}, &o, &g, &e), 0);
    assert_true(g.used == g.compared);
    assert_true(fabs(g.N_of_C.slope - a) > fabs(f.N_of_C.slope - a));
    envelope_free(&g);
    /* Rows in another order: the same bits. */
    for (size_t i = 0; i < ROWS / 2; i++) {
        double *columns[] = {N, D, C, L};
        for (int c = 0; c < 4; c++) {
            double t = columns[c][i];
            columns[c][i] = columns[c][ROWS - 1 - i];
            columns[c][ROWS - 1 - i] = t;
        }
        size_t r = run[i];
        run[i] = run[ROWS - 1 - i];
        run[ROWS - 1 - i] = r;
    }
    o.keep_edges = false;
    assert_int_equal(envelope_fit(&(struct envelope_rows){N, D, C, L, run, ROWS}, &o, &g, &e), 0);
    assert_true(fabs(g.N_of_C.slope - f.N_of_C.slope) < 1e-12);
    envelope_free(&g);
    envelope_free(&f);
}

static void refusals(void **state)
{
    (void)state;
    struct err e;
    struct envelope f;
    struct envelope_options o = {0};
    curves();
    assert_int_equal(envelope_fit(&(struct envelope_rows){N, D, C, L, run, 0}, &o, &f, &e), -1);
    assert_int_equal(
        envelope_fit(&(struct envelope_rows){N, D, C, L, run, CHECKPOINTS}, &o, &f, &e), -1);
    assert_non_null(strstr(e.text, "overlap"));
    assert_int_equal(
        envelope_fit(&(struct envelope_rows){N, D, C, L, run, 3 * CHECKPOINTS}, &o, &f, &e), -1);
    assert_non_null(strstr(e.text, "two are needed"));
    for (size_t i = 0; i < ROWS; i++) run[i] = i; /* one checkpoint each */
    assert_int_equal(envelope_fit(&(struct envelope_rows){N, D, C, L, run, ROWS}, &o, &f, &e), -1);
    assert_non_null(strstr(e.text, "two checkpoints"));
    curves();
    L[7] = NAN;
    assert_int_equal(envelope_fit(&(struct envelope_rows){N, D, C, L, run, ROWS}, &o, &f, &e), -1);
    assert_non_null(strstr(e.text, "row 8"));
    assert_null(f.winner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exact), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
