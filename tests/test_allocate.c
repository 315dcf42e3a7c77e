/* Unit tests of the allocation: published optima by closed form, numerically and on grids; the
 * reverse questions; draws. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fit/allocate.h"
#include "fit/root.h"

static void near(double found, double expected, double relative)
{
    if (!(fabs(found - expected) <= relative * fabs(expected)))
        fail_msg("expected %.12g, found %.12g", expected, found);
}

static struct allocate preset(const char *name)
{
    struct err e;
    for (size_t i = 0; i < n_allocate_presets; i++) {
        const struct allocate_preset *p = &allocate_presets[i];
        if (!strcmp(p->name, name))
            return (struct allocate){.law = law_find(p->law, &e), .params = p->params};
    }
    fail_msg("no preset %s", name);
    return (struct allocate){0};
}

static void closed_form(void **state)
{
    (void)state;
    const struct {
        const char *name;
        double a, G, N, D;          /* at 2.21e19 */
        double C400, D400, D13;     /* N = 400M, 1.3B */
        double big_N, big_D, big_L; /* at 5.76e23 */
    } rows[] = {
        {"hoffmann", 0.45161, 1.34471, 326.1e6, 11.29e9, 3.473e19, 14.47e9, 60.55e9, 32.2e9,
         2.98e12, 1.9308},
        {"hoffmann-tex", 0.45653, 1.30005, 389.0e6, 9.47e9, 2.349e19, 9.79e9, 39.8e9, 40.4e9,
         2.38e12, 1.9184},
        {"epoch", 0.51390, 0.11318, 393.6e6, 9.36e9, 2.280e19, 9.50e9, 29.0e9, 73.2e9, 1.31e12,
         1.9739},
        {"epoch-bootstrap", 0.51261, 0.11963, 393.7e6, 9.36e9, 2.280e19, 9.50e9, 29.1e9, 72.2e9,
         1.33e12, 0},
    };
    struct err e;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct allocate p = preset(rows[i].name);
        struct allocation o, n;
        double a, b, G;
        assert_true(law_optimum(p.law, p.params, &a, &b, &G));
        near(a, rows[i].a, 1.2e-5);
        near(G, rows[i].G, 1e-4);
        assert_int_equal(allocate_optimum(&p, 2.21e19, &o, &e), 0);
        near(o.N, rows[i].N, 4e-4);
        near(o.D, rows[i].D, 8e-4);
        assert_true(o.closed && o.around > 1.1 && o.around < 4);
        p.numeric = true;
        assert_int_equal(allocate_optimum(&p, 2.21e19, &n, &e), 0);
        assert_false(n.closed);
        near(n.N, o.N, 1e-7);
        near(n.loss, o.loss, 1e-14);
        p.numeric = false;
        assert_int_equal(allocate_for_size(&p, 400e6, &o, &e), 0);
        near(o.C, rows[i].C400, 4e-4);
        near(o.D, rows[i].D400, 8e-4);
        near(o.N, 400e6, 1e-12);
        assert_int_equal(allocate_for_size(&p, 1.3e9, &o, &e), 0);
        near(o.D, rows[i].D13, 2e-3);
        assert_int_equal(allocate_optimum(&p, 5.76e23, &o, &e), 0);
        near(o.N, rows[i].big_N, 2e-3);
        near(o.D, rows[i].big_D, 4e-3);
        if (rows[i].big_L > 0) near(o.loss, rows[i].big_L, 3e-5);
    }
    struct allocate p = preset("epoch-optimum");
    struct allocation o;
    assert_int_equal(allocate_optimum(&p, 5.76e23, &o, &e), 0);
    near(o.D / o.N, 17.921, 3e-5);
    p = preset("hoffmann");
    assert_int_equal(allocate_optimum(&p, 5.76e23, &o, &e), 0);
    near(o.D / o.N, 92.65, 1e-4);
}

/* nanoGPT's notebook: argmin over N = 10^(7 + i/16), and the fine sweep. */
static void grids(void **state)
{
    (void)state;
    struct allocate p = preset("hoffmann");
    struct allocation a;
    struct err e;
    assert_int_equal(allocate_grid(&p, 1.92e19, 7, 11, 16, &a, &e), 0);
    near(a.N, 316.23e6, 1e-5);
    near(a.D, 10.12e9, 1e-4);
    near(a.loss, 2.862303, 2e-7);
    assert_int_equal(allocate_grid(&p, 2.21e19, 7, 11, 16, &a, &e), 0);
    near(a.N, 316.23e6, 1e-5);
    near(a.D, 11.65e9, 3e-4);
    near(a.loss, 2.837247, 2e-7);
    const double wanted[] = {1.3e9, 400e6}, N[] = {1298.02e6, 399.54e6}, D[] = {60.32e9, 14.43e9};
    const double C[] = {4.697589e20, 3.459892e19}, L[] = {2.41, 2.76};
    for (int k = 0; k < 2; k++) {
        struct allocation best = {0};
        double nearest = INFINITY;
        for (int i = 0; i < 2304; i += 1) {
            double c = pow(10, 17 + i / 256.0);
            if (c < 1e19 || c > 1e21) continue; /* the rest is far from both */
            assert_int_equal(allocate_grid(&p, c, 7, 14, 256, &a, &e), 0);
            if (fabs(a.N - wanted[k]) >= nearest) continue;
            nearest = fabs(a.N - wanted[k]);
            best = a;
        }
        near(best.N, N[k], 1e-5);
        near(best.D, D[k], 4e-4);
        near(best.C, C[k], 2e-7);
        near(best.loss, L[k], 2e-3);
    }
    assert_int_equal(allocate_grid(&p, 1e20, 11, 7, 16, &a, &e), -1);
    assert_int_equal(allocate_grid(&p, 1e20, 7, 11, 1e9, &a, &e), -1);
}

static void reverse(void **state)
{
    (void)state;
    struct err e;
    const char *names[] = {"hoffmann", "epoch-optimum", "kaplan"};
    for (int i = 0; i < 3; i++) {
        struct allocate p = preset(names[i]);
        struct allocation o, back;
        struct allocate_waste w;
        double D;
        assert_int_equal(allocate_optimum(&p, 1e21, &o, &e), 0);
        assert_true(o.closed);
        p.numeric = true;
        assert_int_equal(allocate_optimum(&p, 1e21, &back, &e), 0);
        assert_false(back.closed);
        near(back.N, o.N, 1e-6);
        p.numeric = false;
        assert_int_equal(allocate_for_loss(&p, o.loss, &back, &e), 0);
        near(back.C, 1e21, 1e-9);
        assert_int_equal(allocate_tokens(&p, o.N, o.loss, &D, &e), 0);
        near(D, o.D, 1e-9);
        assert_int_equal(allocate_price(&p, o.N, o.D, &w, &e), 0);
        assert_true(w.wasted < 1e-9 && w.loss_excess < 1e-9);
        assert_int_equal(allocate_price(&p, 10 * o.N, o.D / 10, &w, &e), 0);
        near(w.C, 1e21, 1e-12);
        near(w.loss, allocate_loss(&p, w.equal.N, w.equal.D), 1e-12);
        assert_true(w.wasted > 0.2 && w.wasted < 1 && w.loss_excess > 0);
        /* No other split of the budget is better. */
        for (double f = 0.5; f < 2; f *= 1.05)
            assert_true(allocate_loss(&p, o.N * f, o.D / f) >= o.loss);
        assert_int_equal(allocate_tokens(&p, 1e6, i < 2 ? 2 : 1.5, &D, &e), -1);
        assert_non_null(strstr(e.text, "out of reach of 1e+06 parameters"));
    }
    struct allocate p = preset("hoffmann");
    struct allocation o;
    assert_int_equal(allocate_for_loss(&p, 1.69, &o, &e), -1);
    assert_non_null(strstr(e.text, "out of reach"));
    assert_int_equal(allocate_for_loss(&p, 1e9, &o, &e), -1);
    assert_int_equal(allocate_optimum(&p, -1, &o, &e), -1);
    assert_int_equal(allocate_optimum(&p, NAN, &o, &e), -1);
    const double falling[] = {1.69, 406.4, 410.7, -0.34, 0.28}; /* more parameters are worse */
    p.params = falling;
    assert_int_equal(allocate_optimum(&p, 1e21, &o, &e), -1);
    assert_non_null(strstr(e.text, "no interior optimum"));
    p.law = law_find("power", &e);
    assert_int_equal(allocate_optimum(&p, 1e21, &o, &e), -1);
    assert_non_null(strstr(e.text, "not a law of N and D"));
}

/* k = 1 is Chinchilla; repeated data with everything fresh too. */
static void other_laws(void **state)
{
    (void)state;
    struct err e;
    struct allocate c = preset("hoffmann");
    const double coupled[] = {1.69, 406.4, 410.7, 0.34, 0.28, 1};
    const double repeated[] = {1.69, 406.4, 410.7, 0.34, 0.28, 15, 5};
    struct allocate k = {.law = law_find("coupled", &e), .params = coupled};
    struct allocate r = {.law = law_find("repeated", &e), .params = repeated};
    struct allocation a, b;
    assert_int_equal(allocate_optimum(&c, 1e22, &a, &e), 0);
    assert_int_equal(allocate_optimum(&k, 1e22, &b, &e), 0);
    assert_true(b.closed);
    near(b.N, a.N, 1e-12);
    const double norm[] = {1.8, 480, 2100, 0.35, 0.37, 1.357};
    k.params = norm;
    struct allocation n;
    assert_int_equal(allocate_optimum(&k, 1e22, &b, &e), 0);
    k.numeric = true;
    assert_int_equal(allocate_optimum(&k, 1e22, &n, &e), 0);
    near(b.N, n.N, 1e-6);
    assert_int_equal(allocate_optimum(&r, 1e22, &b, &e), 0);
    near(b.N, a.N, 1e-5);
    r.unique = a.D / 50; /* little data: more passes, and a worse loss */
    assert_int_equal(allocate_optimum(&r, 1e22, &b, &e), 0);
    assert_true(b.loss > a.loss);
    c.factor = 12; /* twice the price is half the budget */
    assert_int_equal(allocate_optimum(&c, 2e22, &b, &e), 0);
    near(b.N, a.N, 1e-12);
}

static void draws(void **state)
{
    (void)state;
    struct err e;
    struct allocate p = preset("epoch-optimum");
    const double sd[] = {0.02566, 124.5, 1293, 0.0154, 0.0206};
    double cov[25] = {0};
    for (int i = 0; i < 5; i++) cov[6 * i] = sd[i] * sd[i];
    cov[8] = cov[16] = 0.9 * sd[1] * sd[3];
    static double d[4000][LAW_PARAMS];
    double v[4000], sum = 0, sum2 = 0, cross = 0;
    assert_int_equal(allocate_draw(p.law, p.params, cov, 4000, 1, d, &e), 0);
    for (int i = 0; i < 4000; i++) {
        v[i] = d[i][3];
        sum += d[i][3] - p.params[3];
        sum2 += pow(d[i][3] - p.params[3], 2);
        cross += (d[i][3] - p.params[3]) * log(d[i][1] / p.params[1]);
        assert_true(d[i][1] > 0);
    }
    assert_true(fabs(sum / 4000) < 0.001);
    near(sqrt(sum2 / 4000), 0.0154, 0.04);
    near(cross / 4000, 0.9 * 0.0154 * sd[1] / p.params[1], 0.1);
    near(allocate_percentile(v, 4000, 0.975) - p.params[3], 1.96 * 0.0154, 0.06);
    cov[6] = -1;
    assert_int_equal(allocate_draw(p.law, p.params, cov, 10, 1, d, &e), -1);
    double three[] = {3, 1, 2};
    assert_true(allocate_percentile(three, 3, 0.5) == 2 && allocate_percentile(three, 3, 1) == 3 &&
                isnan(allocate_percentile(three, 0, 0.5)));
}

static double cubic(double x, void *context)
{
    return *(const double *)context + x * x * x;
}

static double undefined(double x, void *context)
{
    (void)context;
    return x > 1 ? NAN : -1;
}

/* To the last digits; and the budget for a size is the closed form's. */
static void roots(void **state)
{
    (void)state;
    double c = -2, x;
    assert_true(root_between(cubic, &c, 0, 100, 1e-15, &x));
    near(x, 1.2599210498948731648, 4e-16);
    c = 0;
    assert_true(root_between(cubic, &c, 0, 100, 1e-15, &x));
    near(1 + x, 1, 1e-15);
    c = 2;
    assert_false(root_between(cubic, &c, 0, 100, 1e-15, &x));
    assert_false(root_between(undefined, NULL, 0, 2, 1e-15, &x));
    struct allocate p = preset("epoch");
    for (double N = 1e7; N < 1e13; N *= 10) {
        struct allocation a;
        struct err e;
        double ea, eb, G;
        assert_true(law_optimum(p.law, p.params, &ea, &eb, &G));
        assert_int_equal(allocate_for_size(&p, N, &a, &e), 0);
        near(a.C, 6 * pow(N / G, 1 / ea), 1e-14);
        assert_int_equal(allocate_for_loss(&p, a.loss, &a, &e), 0);
        near(a.N, N, 1e-12); /* a loss forgets digits of its N */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_form), cmocka_unit_test(grids), cmocka_unit_test(reverse),
        cmocka_unit_test(other_laws),  cmocka_unit_test(draws), cmocka_unit_test(roots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
