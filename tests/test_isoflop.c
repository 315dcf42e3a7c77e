/* Unit tests of Approach 2: lines and parabolas, MinChilla's minima and exponents, the closed-form
 * bias, refusals. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "fit/bias.h"
#include "fit/isoflop.h"
#include "src/report/report_approaches.h"

static void near(double found, double expected, double relative)
{
    if (!(fabs(found - expected) <= relative * fabs(expected)))
        fail_msg("expected %.12g, found %.12g", expected, found);
}

static void lines(void **state)
{
    (void)state;
    /* NIST StRD Norris, certified: slope 1.00211681802045, intercept -0.262323073774029. */
    const double y[] = {0.1,   338.8, 118.1, 888.0, 9.2,   228.1, 668.5, 998.5, 449.1,
                        778.9, 559.2, 0.3,   0.1,   778.1, 668.8, 339.3, 448.9, 10.8,
                        557.7, 228.3, 998.0, 888.8, 119.6, 0.3,   0.6,   557.6, 339.3,
                        888.0, 998.5, 778.9, 10.2,  117.6, 228.9, 668.4, 449.2, 0.2};
    const double x[] = {0.2,   337.4, 118.2, 884.6, 10.1,  226.5, 666.3, 996.3, 448.6,
                        777.0, 558.2, 0.4,   0.6,   775.5, 666.9, 338.0, 447.5, 11.6,
                        556.0, 228.1, 995.8, 887.6, 120.2, 0.3,   0.3,   556.8, 339.1,
                        887.2, 999.0, 779.0, 11.1,  118.3, 229.2, 669.1, 448.9, 0.5};
    struct ols_line l;
    assert_true(ols_line(x, y, 36, 0.95, &l));
    near(l.slope, 1.00211681802045, 1e-12);
    near(l.intercept, -0.262323073774029, 1e-10);
    near(l.slope_se, 0.429796848199937e-3, 1e-10);
    near(l.intercept_se, 0.232818234301152, 1e-10);
    near(l.r2, 0.999993745883712, 1e-12);
    near(ols_t(0.95, 3), 3.18244630528371, 1e-9);
    assert_true(isnan(ols_t(0.95, 0)));
    assert_false(ols_line(x, y, 1, 0.95, &l));
    assert_true(ols_line(x, y, 2, 0.95, &l) && isnan(l.slope_lo));
    const double same[] = {3, 3, 3};
    assert_false(ols_line(same, y, 3, 0.95, &l));
}

/* nanoGPT's linear D(N) law through the Approach 2 table. */
static void nanogpt_line(void **state)
{
    (void)state;
    const double N[] = {4e8, 1e9, 1e10, 6.7e10, 1.75e11, 2.8e11, 5.2e11, 1e12, 1e13};
    const double D[] = {7.7e9, 20e9, 219.5e9, 1.7e12, 4.3e12, 7.1e12, 13.4e12, 26.5e12, 292e12};
    double x[9], y[9];
    for (int i = 0; i < 9; i++) {
        x[i] = log10(N[i]);
        y[i] = log10(D[i]);
    }
    struct ols_line l;
    assert_true(ols_line(x, y, 9, 0.95, &l));
    near(l.slope, 1.0409573169995892, 1e-13);
    near(l.intercept, 0.9353887152390791, 1e-12);
    near(pow(10, ols_line_at(&l, log10(124e6), NULL, NULL)), 2.292426e9, 5e-7);
}

static void parabolas(void **state)
{
    (void)state;
    const double x[] = {20, 20.5, 21, 21.5, 22}, y0[] = {4, 1, 0, 1, 4};
    double y[5], lo, hi;
    for (int i = 0; i < 5; i++) y[i] = 2.5 + 0.01 * y0[i];
    struct ols_parabola p;
    assert_true(ols_parabola(x, y, NULL, 5, &p));
    near(p.c[2], 0.04, 1e-12);
    near(ols_vertex(&p, 0.95, &lo, &hi), 21, 1e-14);
    assert_true(hi - lo < 1e-10);
    /* Noise: Fieller's interval against Monte Carlo would be slow; check it inverts the t-test. */
    /* Noise, sizes not symmetric: both ends of Fieller's interval are where the slope's t is the
     * quantile. */
    const double noise[] = {0.004, -0.003, 0.001, 0.002, -0.004},
                 skew[] = {20, 20.2, 21, 21.7, 22.5};
    for (int i = 0; i < 5; i++) y[i] = 2.5 + 0.04 * pow(skew[i] - 21, 2) + noise[i];
    assert_true(ols_parabola(skew, y, NULL, 5, &p));
    double v = ols_vertex(&p, 0.95, &lo, &hi);
    assert_true(lo < v && v < hi && hi < 23);
    for (int end = 0; end < 2; end++) {
        double u = (end ? hi : lo) - p.centre, slope = p.c[1] + 2 * p.c[2] * u;
        double se = sqrt(p.cov[1][1] + 4 * u * p.cov[1][2] + 4 * u * u * p.cov[2][2]);
        near(slope / se, (end ? 1 : -1) * ols_t(0.95, 2), 1e-9);
    }
    ols_vertex(&p, 0.9999, &lo, &hi);
    assert_true(isinf(lo) && isinf(hi));
    bool three[] = {true, false, true, false, true};
    assert_true(ols_parabola(x, y, three, 5, &p));
    ols_vertex(&p, 0.95, &lo, &hi);
    assert_true(isnan(lo));
    const double two[] = {1, 1, 2, 2, 2};
    assert_false(ols_parabola(two, y, NULL, 5, &p));
}

/* MinChilla's published losses; runs above 2 nats are left out as its rule says. 0 stands for
 * those. */
static const double widths[] = {256, 320, 384, 448, 512, 576, 640};
static const double budgets[] = {1e15, 3e15, 6e15, 10e15, 30e15};
static const double published[5][7] = {
    {1.29079, 1.29935, 1.33768, 1.42053, 1.55097, 0, 0},
    {1.07772, 1.04844, 1.04621, 1.07046, 1.10515, 1.19733, 0},
    {0.980898, 0.946310, 0.937635, 0.919884, 0.927825, 0.974640, 1.179393},
    {0.920348, 0.891859, 0.869188, 0.850453, 0.856721, 0.876694, 1.061843},
    {0.816, 0.786, 0.764102, 0.750331, 0.751587, 0.758679, 0.765145},
};

static size_t minchilla_rows(double *N, double *D, double *C, double *L, bool read_off,
                             bool drop640)
{
    size_t n = 0;
    for (int b = 0; b < 5; b++) {
        for (int i = 0; i < 7; i++) {
            if (published[b][i] <= 0 || (b == 4 && i < 2 && !read_off)) continue;
            if (drop640 && i == 6 && (b == 2 || b == 3)) continue;
            double d = widths[i], l = d / 64;
            N[n] = 348 * d + 174 + l * (12 * d * d + 13 * d);
            C[n] = budgets[b];
            D[n] = C[n] / (6 * N[n]);
            L[n++] = published[b][i];
        }
    }
    return n;
}

static void minchilla(void **state)
{
    (void)state;
    const double mad[] = {0.04689, 0.02677, 0.02643, 0.01997, 0.01251};
    const double Ns[] = {4.844e6, 7.781e6, 1.248e7, 1.796e7, 2.239e7};
    const double Ds[] = {3.441e7, 6.426e7, 8.016e7, 9.278e7, 2.233e8};
    const double Ls[] = {1.2802, 1.0353, 0.9258, 0.8593, 0.7532};
    double N[40], D[40], C[40], L[40];
    struct isoflop f;
    struct isoflop_options o = {.reject = ISOFLOP_REJECT_MAD, .keep = true};
    struct err e;
    size_t n = minchilla_rows(N, D, C, L, true, false);
    assert_int_equal(isoflop_fit(N, D, C, L, n, &o, &f, &e), 0);
    assert_int_equal(f.n, 5);
    assert_int_equal(f.used, 5);
    for (int b = 0; b < 5; b++) {
        const struct isoflop_budget *g = &f.budget[b];
        near(g->threshold, mad[b], 5e-4);
        near(g->N, Ns[b], 5e-4);
        near(g->D, Ds[b], 5e-4);
        near(g->loss, Ls[b], 1e-4);
        for (size_t i = 0; i < g->n; i++)
            assert_int_equal(g->in[i], !((b == 2 || b == 3) && N[g->row[i]] > 4.5e7));
    }
    assert_true(fabs(f.N_of_C.slope - 0.4782) < 5e-5);
    near(f.N_of_C.intercept + 15 * f.N_of_C.slope, 6.698, 1e-4); /* C in PFLOP */
    assert_true(fabs(f.D_of_C.slope - 0.5218) < 5e-5);
    assert_true(fabs(f.D_of_N.slope - 1.0114) < 5e-4);
    near(f.N_of_C.slope_se, 0.055, 0.02);
    assert_true(fabs((f.N_of_C.slope_hi - f.N_of_C.slope_lo) / 2 - 0.17) < 0.01);
    isoflop_free(&f);
    /* No rejection, the five real 30 PF points. */
    o.reject = ISOFLOP_REJECT_NONE;
    n = minchilla_rows(N, D, C, L, false, false);
    assert_int_equal(isoflop_fit(N, D, C, L, n, &o, &f, &e), 0);
    assert_true(fabs(f.N_of_C.slope - 0.428) < 5e-4);
    isoflop_free(&f);
    n = minchilla_rows(N, D, C, L, false, true);
    assert_int_equal(isoflop_fit(N, D, C, L, n, &o, &f, &e), 0);
    assert_true(fabs(f.N_of_C.slope - 0.475) < 5e-4);
    isoflop_free(&f);
    /* The exact rule: at 5 % it leaves out the same two (at 1 % that of 6 PF, p = 0.03, stays). */
    o.reject = ISOFLOP_REJECT_EXACT;
    o.reject_level = 0.05;
    n = minchilla_rows(N, D, C, L, true, false);
    assert_int_equal(isoflop_fit(N, D, C, L, n, &o, &f, &e), 0);
    for (int b = 2; b < 4; b++) {
        assert_int_equal(f.budget[b].inliers, 6);
        assert_false(f.budget[b].in[6]);
    }
    /* Permuted rows: the same bits. */
    double first = f.N_of_C.slope;
    isoflop_free(&f);
    for (size_t i = 0; i < n / 2; i++) {
        double *columns[] = {N, D, C, L};
        for (int c = 0; c < 4; c++) {
            double t = columns[c][i];
            columns[c][i] = columns[c][n - 1 - i];
            columns[c][n - 1 - i] = t;
        }
    }
    assert_int_equal(isoflop_fit(N, D, C, L, n, &o, &f, &e), 0);
    assert_true(f.N_of_C.slope == first);
    isoflop_free(&f);
}

static void bias(void **state)
{
    (void)state;
    /* Hoffmann et al.'s printed surface, +-16x, 15 points: the error of D*. */
    double v = bias_even(0.34, 0.28, 16, 15);
    assert_true(fabs(100 * expm1(-v) + 5.1002) < 5e-5);
    assert_true(fabs(100 * expm1(v) - 5.3743) < 5e-5);
    assert_true(fabs(bias_even(0.35, 0.35, 16, 9)) < 1e-14);
    for (size_t n = 3; n < 40; n += 4) {
        double grid[40];
        for (size_t i = 0; i < n; i++)
            grid[i] = 20 - log(16) + 2 * log(16) * (double)i / (double)(n - 1);
        near(bias_vertex(0.34, 0.28, grid, n, 20) - 20, bias_even(0.34, 0.28, 16, n), 1e-9);
        double star;
        assert_true(bias_correct(0.34, 0.28, grid, n, 20 + bias_even(0.34, 0.28, 16, n), &star));
        near(star, 20, 1e-11);
    }
    double star, grid[] = {1, 2, 3};
    assert_false(bias_correct(0.34, 0.28, grid, 3, 100, &star));
    assert_false(bias_correct(0.34, 0.28, grid, 1, 2, &star));
}

/* Exact losses of a surface on drifting grids: Approach 2's exponent is wrong, the corrected one
 * exact. */
static void correction(void **state)
{
    (void)state;
    const double E = 1.69, A = 406.4, B = 410.7, alpha = 0.34, beta = 0.28,
                 a = beta / (alpha + beta);
    double N[45], D[45], C[45], L[45], G = pow(alpha * A / (beta * B), 1 / (alpha + beta));
    size_t n = 0;
    for (int b = 0; b < 5; b++) {
        double c = pow(10, 18 + b), star = G * pow(c / 6, a) * pow(1.4, b);
        for (int i = 0; i < 9; i++, n++) {
            N[n] = star * pow(2, i - 4);
            C[n] = c;
            D[n] = c / (6 * N[n]);
            L[n] = E + A * pow(N[n], -alpha) + B * pow(D[n], -beta);
        }
    }
    struct isoflop f;
    struct isoflop_corrected c;
    struct isoflop_options o = {.reject = ISOFLOP_REJECT_NONE};
    struct err e;
    assert_int_equal(isoflop_fit(N, D, C, L, n, &o, &f, &e), 0);
    assert_true(fabs(f.N_of_C.slope - a) > 0.002);
    assert_int_equal(isoflop_correct(&f, N, alpha, beta, &c, &e), 0);
    assert_int_equal(c.used, 5);
    near(c.N_of_C.slope, a, 1e-9);
    near(c.D_of_C.slope, 1 - a, 1e-9);
    near(pow(10, c.N_of_C.intercept), G * pow(6, -a), 1e-7);
    struct points p = {.path = "surface.csv", .n = n};
    struct sheet *s = sheet_open();
    json_t *j = isoflop_report(s, &p, &f, &(struct approaches_correction){.known = true, .c = c});
    const json_t *list = json_object_get(j, "budgets");
    assert_int_equal(json_array_size(list), 5);
    near(json_real_value(json_object_get(json_array_get(list, 0), "bias")), expm1(c.shift[0]),
         1e-12);
    json_decref(j);
    sheet_free(s);
    isoflop_corrected_free(&c);
    assert_int_equal(isoflop_correct(&f, N, -1, 0.3, &c, &e), -1);
    isoflop_free(&f);
}

static void refusals(void **state)
{
    (void)state;
    struct err e;
    struct isoflop f;
    struct isoflop_options o = {0};
    double N[20], D[20], C[20], L[20];
    /* Budget 0 opens downwards, 1 and 2 are good, 3 has its minimum outside, 4 two sizes. */
    size_t n = 0;
    for (int b = 0; b < 5; b++) {
        for (int i = 0; i < (b == 4 ? 2 : 4); i++, n++) {
            double u = i - 1.4 - (b == 3 ? 6 : 0);
            N[n] = 1e8 * pow(2, i + b);
            C[n] = 1e18 * pow(10, b) * (1 + 0.001 * i);
            D[n] = C[n] / (6 * N[n]);
            L[n] = 3 + (b == 0 ? -0.1 : 0.1) * u * u + 1e-4 * (i % 2);
        }
    }
    assert_int_equal(isoflop_fit(N, D, C, L, n, &o, &f, &e), 0);
    assert_int_equal(f.n, 5);
    assert_int_equal(f.budget[0].status, ISOFLOP_REFUSED);
    assert_non_null(strstr(f.budget[0].reason, "not positive"));
    assert_int_equal(f.budget[1].status, ISOFLOP_OK);
    assert_int_equal(f.budget[3].status, ISOFLOP_OUTSIDE);
    assert_int_equal(f.budget[4].status, ISOFLOP_REFUSED);
    assert_non_null(strstr(f.budget[4].reason, "2 sizes"));
    assert_int_equal(f.used, 2);
    assert_true(isnan(f.N_of_C.slope_lo));
    struct points p = {.path = "refused.csv", .n = n};
    struct sheet *s = sheet_open();
    json_t *j = isoflop_report(s, &p, &f, &(struct approaches_correction){.known = false});
    assert_null(json_object_get(json_array_get(json_object_get(j, "budgets"), 1), "bias"));
    const json_t *x = json_object_get(json_object_get(j, "exponents"), "N_of_C");
    assert_string_equal(json_string_value(json_object_get(x, "verdict")), "unidentified");
    json_decref(j);
    sheet_free(s);
    isoflop_free(&f);
    assert_int_equal(isoflop_fit(N, D, C, L, 4, &o, &f, &e), -1);
    assert_non_null(strstr(e.text, "0 of 1 budgets"));
    assert_non_null(strstr(e.text, "not positive"));
    assert_int_equal(isoflop_fit(N, D, C, L, 0, &o, &f, &e), -1);
    for (size_t i = 0; i < n; i++) L[i] = 2; /* constant losses: no minimum anywhere */
    assert_int_equal(isoflop_fit(N, D, C, L, n, &o, &f, &e), -1);
    for (size_t i = 0; i < n; i++) N[i] = 1e9; /* one size only */
    assert_int_equal(isoflop_fit(N, D, C, L, n, &o, &f, &e), -1);
    assert_non_null(strstr(e.text, "1 size"));
    N[3] = -1;
    assert_int_equal(isoflop_fit(N, D, C, L, n, &o, &f, &e), -1);
    assert_null(f.budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),     cmocka_unit_test(nanogpt_line), cmocka_unit_test(parabolas),
        cmocka_unit_test(minchilla), cmocka_unit_test(bias),         cmocka_unit_test(correction),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
