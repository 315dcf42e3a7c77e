/* Random effects and variances by restricted likelihood: level and coverage by simulation, and the balanced
 * case, where the estimates are the analysis of variance's. LONG=1 simulates more.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/infer.h"
#include "fit/reml.h"
#include "src/base/rng.h"

enum { RUNS = 30, ROWS = 6 };
static const double sigma = 0.003, params[] = {1.8172, 477.8, 2143.4, 0.3473, 0.3672};
static const struct fit_options squares = {.objective = {.kind = OBJ_LOGLS, .ratio = 1}, .grid = 2};

static const struct law *chinchilla(void)
{
    struct err e;
    const struct law *law = law_find("chinchilla", &e);
    assert_non_null(law);
    return law;
}

/* Runs of six checkpoints; ln L is off by TAU a run and sigma (N / 1e9)^(G / 2) a row. */
static void simulate(struct points *p, double tau, double g, uint64_t set)
{
    static char text[40000];
    size_t size = (size_t)sprintf(text, "N,D,run,loss\n");
    struct err e;
    struct csv c;
    const struct points_options o = {.need = 3, .column = {[POINTS_RUN] = "run"}};
    for (int i = 0; i < RUNS * ROWS; i++) {
        const int run = i / ROWS;
        const double N = 1e8 * pow(2.2, run % 6), D = 2e9 * pow(2, i % ROWS + 0.3 * (run / 6));
        const double L = law_value(chinchilla(), params, &(struct law_at){N, D, 0});
        const double off = tau * rng_gaussian(41, set, (uint64_t)run) +
                           sigma * pow(N / 1e9, g / 2) * rng_gaussian(43, set, (uint64_t)i);
        size += (size_t)sprintf(text + size, "%.10g,%.10g,%d,%.12g\n", N, D, run, L * exp(off));
    }
    if (csv_read_memory(&c, "runs", text, size, &e) || points_read(p, &c, &o, &e))
        fail_msg("%s", e.text);
    assert_int_equal(p->n_runs, RUNS);
    csv_close(&c);
}

static void fit(struct fit *f, struct covariance *v, const struct points *p)
{
    struct fit_data d;
    struct err e;
    if (fit_data_open(&d, p, chinchilla(), POINTS_N, &e) ||
        fit_law(f, chinchilla(), &d, &squares, &e) || infer_covariance(v, f, &d, &squares, &e))
        fail_msg("%s", e.text);
    fit_data_close(&d);
}

/* How often the intervals of alpha and beta hold the truth, with the effect and with the Hessian. */
struct count {
    int found, effect[2], plain[2];
    double tau; /* mean */
};

static void count(struct count *c, double tau, int sets)
{
    const double z = gsl_cdf_ugaussian_Pinv(0.975);
    *c = (struct count){0};
    for (int s = 0; s < sets; s++) {
        struct points p;
        struct fit f;
        struct covariance v;
        struct reml_runs r;
        struct err e;
        simulate(&p, tau, 0, (uint64_t)s);
        fit(&f, &v, &p);
        if (reml_runs(&r, &p, POINTS_N, &f, &squares, &e)) fail_msg("%s", e.text);
        assert_int_equal(r.runs, RUNS);
        c->found += r.p < 0.05;
        c->tau += r.tau / sets;
        for (int i = 0; i < 2; i++) {
            const double off = fabs(f.params[3 + i] - params[3 + i]);
            c->effect[i] += off < z * r.se[3 + i];
            c->plain[i] += off < z * sqrt(v.hessian[(3 + i) * 5 + 3 + i]);
        }
        points_close(&p);
    }
    print_message(
        "tau %.3g (found %.4g): an effect in %d of %d; alpha %d (without %d), beta %d (%d)\n", tau,
        c->tau, c->found, sets, c->effect[0], c->plain[0], c->effect[1], c->plain[1]);
}

/* Three standard deviations about a binomial's mean. */
static bool near(int found, double share, int sets)
{
    return fabs(found - share * sets) <= 3 * sqrt(share * (1 - share) * sets);
}

static void runs(void **state)
{
    (void)state;
    const int sets = getenv("LONG") ? 2000 : 200;
    struct count c;
    count(&c, 0, sets);
    assert_true(near(c.found, 0.05, sets));
    for (int i = 0; i < 2; i++) assert_true(near(c.effect[i], 0.95, sets));
    count(&c, 2 * sigma, sets);
    assert_true(c.found >= 0.99 * sets);
    assert_true(fabs(c.tau / (2 * sigma) - 1) < 0.05);
    /* N is the same in a run's rows, so its exponent suffers; an interval of 25 levels has fewer
     * degrees of freedom than the normal's. */
    assert_true(near(c.effect[0], 0.94, sets) && near(c.effect[1], 0.94, sets));
    assert_true(c.plain[0] < 0.8 * sets);
}

/* Without rows to tell a law from, one level a run: the effect of every run by itself. Rows whose law is
 * known leave residuals of which a balanced analysis of variance knows the components. */
static void balanced(void **state)
{
    (void)state;
    struct points p;
    struct reml_runs r;
    struct err e;
    struct fit f;
    struct fit_data d;
    struct fit_options held = squares;
    double between = 0, within = 0, mean[RUNS] = {0}, all = 0;
    /* Everything held but E, which here moves ln L nearly alike in all rows. */
    for (int i = 1; i < 5; i++) {
        held.pinned[i] = true;
        held.pin[i] = 1e-9 * params[i];
        if (i > 2) held.pin[i] = params[i];
    }
    simulate(&p, 2 * sigma, 0, 5);
    for (size_t i = 0; i < p.n; i++) {
        const double L = law_value(chinchilla(), params, &(struct law_at){p.N[i], p.D[i], 0});
        p.loss[i] *= 2 / L;
    }
    if (fit_data_open(&d, &p, chinchilla(), POINTS_N, &e) ||
        fit_law(&f, chinchilla(), &d, &held, &e) || reml_runs(&r, &p, POINTS_N, &f, &held, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < p.n; i++) {
        mean[p.run[i]] += log(p.loss[i]) / ROWS;
        all += log(p.loss[i]) / (RUNS * ROWS);
    }
    for (size_t i = 0; i < p.n; i++)
        within += pow(log(p.loss[i]) - mean[p.run[i]], 2) / (RUNS * (ROWS - 1));
    for (int i = 0; i < RUNS; i++) between += ROWS * pow(mean[i] - all, 2) / (RUNS - 1);
    assert_true(fabs(r.sigma / sqrt(within) - 1) < 1e-6);
    assert_true(fabs(r.tau / sqrt((between - within) / ROWS) - 1) < 1e-6);
    assert_true(fabs(r.se[0] / f.params[0] / sqrt(between / (RUNS * ROWS)) - 1) < 1e-6);
    fit_data_close(&d);
    points_close(&p);
}

static void variances(void **state)
{
    (void)state;
    const int sets = getenv("LONG") ? 2000 : 200;
    const double truth[] = {0, -0.6};
    for (int k = 0; k < 2; k++) {
        int covered = 0, found = 0;
        double mean = 0;
        for (int s = 0; s < sets; s++) {
            struct points p;
            struct reml_variance v;
            struct err e;
            simulate(&p, 0, truth[k], (uint64_t)s);
            if (reml_variance(&v, &p, chinchilla(), POINTS_N, POINTS_N, &squares, &e))
                fail_msg("%s", e.text);
            /* Weights are those of the exponent it reports. */
            assert_true(fabs(log(p.weight[0] / p.weight[p.n - 1]) +
                             v.g * log(p.N[0] / p.N[p.n - 1])) < 1e-6);
            covered += fabs(v.g - truth[k]) < 1.96 * v.se;
            found += v.p < 0.05;
            mean += v.g / sets;
            points_close(&p);
        }
        print_message("g %.2g: mean %.4f, covered %d, found %d of %d\n", truth[k], mean, covered,
                      found, sets);
        assert_true(near(covered, 0.95, sets));
        assert_true(k ? found >= 0.9 * sets : near(found, 0.05, sets));
        assert_true(fabs(mean - truth[k]) < 0.03);
    }
    struct points p;
    struct reml_variance v;
    struct err e;
    simulate(&p, 0, 0, 1);
    for (size_t i = 0; i < p.n; i++) p.D[i] = NAN;
    assert_int_equal(reml_variance(&v, &p, chinchilla(), POINTS_N, POINTS_D, &squares, &e), -1);
    assert_non_null(strstr(e.text, "cannot follow D"));
    points_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(balanced), cmocka_unit_test(runs),
                                       cmocka_unit_test(variances)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
