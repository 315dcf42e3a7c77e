/* Laws averaged, by simulation: how often the bands hold the truth when it is one of the laws and when
 * it lies between two; weights and bands against their definition. LONG=1 simulates more.
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

#include "fit/allocate.h"
#include "fit/average.h"
#include "src/base/rng.h"

static const double place_n = 5e9, place_d = 1e11, budget = 3e21, sigma = 0.004;

static const struct law *law_named(const char *name)
{
    struct err e;
    const struct law *law = law_find(name, &e);
    assert_non_null(law);
    return law;
}

/* ln L of Chinchilla's law and of Kaplan's, SHARE of the latter. */
static double truth(double N, double D, double share)
{
    static const double chinchilla[] = {1.8172, 477.8, 2143.4, 0.3473, 0.3672},
                        kaplan[] = {6.4e13, 1.8e13, 0.076, 0.103};
    const struct law_at at = {N, D, 0};
    return (1 - share) * log(law_value(law_named("chinchilla"), chinchilla, &at)) +
           share * log(law_value(law_named("kaplan"), kaplan, &at));
}

static double true_size(double share)
{
    double best = INFINITY, size = 0;
    for (double n = log(1e8); n < log(1e11); n += 1e-3) {
        const double L = truth(exp(n), budget / 6 / exp(n), share);
        if (L < best) best = L, size = exp(n);
    }
    return size;
}

static void simulate(struct points *p, double share, uint64_t set)
{
    char text[8000];
    size_t size = (size_t)sprintf(text, "N,D,loss\n");
    struct err e;
    struct csv c;
    const struct points_options o = {.need = 3};
    for (uint64_t i = 0; i < 48; i++) {
        const double N = 3e7 * pow(2, (double)(i % 6)), D = 1e9 * pow(2, (double)(i / 6) * 0.7);
        size += (size_t)sprintf(text + size, "%.10g,%.10g,%.10g\n", N, D,
                                exp(truth(N, D, share) + sigma * rng_gaussian(31, set, i)));
    }
    if (csv_read_memory(&c, "runs", text, size, &e) || points_read(p, &c, &o, &e))
        fail_msg("%s", e.text);
    csv_close(&c);
}

static int average(struct average *a, struct comparison *rows, const struct points *p)
{
    const struct prediction at = {.N = place_n, .D = place_d};
    const struct analysis_options o = {.fit = {.objective = {.kind = OBJ_LOGLS, .ratio = 1}},
                                       .level = 0.95,
                                       .budgets = &budget,
                                       .n_budgets = 1,
                                       .predict = &at,
                                       .n_predict = 1};
    struct compare_split split;
    struct err e;
    int n = compare_laws(rows, p, law_named("chinchilla"), POINTS_N, &o.fit, 0, &split, &e);
    assert_true(n > 3);
    if (average_laws(a, rows, n, p, &o, &e)) fail_msg("%s", e.text);
    return n;
}

struct coverage {
    int band[AVERAGE_WEIGHTS][2], within[2]; /* of the loss and of N*; within: Akaike's */
    double width[AVERAGE_WEIGHTS];           /* mean of the loss's band, in ln L */
};

static void cover(struct coverage *c, double share, int sets)
{
    const double want[2] = {exp(truth(place_n, place_d, share)), true_size(share)};
    *c = (struct coverage){0};
    for (int s = 0; s < sets; s++) {
        struct comparison rows[COMPARE_LAWS];
        struct average a;
        struct points p;
        simulate(&p, share, (uint64_t)s);
        average(&a, rows, &p);
        for (int k = 0; k < AVERAGE_WEIGHTS; k++) {
            for (int q = 0; q < 2; q++) {
                const struct average_band *b = &a.at[q].band[k];
                c->band[k][q] += b->lo <= want[q] && want[q] <= b->hi;
                if (k == AVERAGE_AKAIKE)
                    c->within[q] += b->within_lo <= want[q] && want[q] <= b->within_hi;
            }
            c->width[k] += log(a.at[0].band[k].hi / a.at[0].band[k].lo) / sets;
        }
        average_close(&a);
        points_close(&p);
    }
    print_message("share %.2g: loss akaike %d (within %d), errors %d; N* akaike %d (within %d), "
                  "errors %d of %d; bands of ln L %.4f, %.4f wide\n",
                  share, c->band[0][0], c->within[0], c->band[1][0], c->band[0][1], c->within[1],
                  c->band[1][1], sets, c->width[0], c->width[1]);
}

static void coverage(void **state)
{
    (void)state;
    const int sets = getenv("LONG") ? 400 : 16;
    /* Three standard deviations below 0.93 */
    const double share[] = {0, 0.5}, least = 0.93 * sets - 3 * sqrt(sets * 0.93 * 0.07);
    for (int i = 0; i < 2; i++) {
        struct coverage c;
        cover(&c, share[i], sets);
        for (int q = 0; q < 2; q++) {
            assert_true(c.band[AVERAGE_AKAIKE][q] >= least);
            assert_true(c.band[AVERAGE_ERRORS][q] >= least);
            assert_true(c.band[AVERAGE_AKAIKE][q] >= c.within[q]);
        }
    }
}

/* Every number of a band again, from the weights and what each law says. */
static void check_band(const struct average *a, const struct average_at *at, int k)
{
    const struct average_band *b = &at->band[k];
    double mean = 0, sum = 0, within = 0, among = 0, total = 0, low = INFINITY, high = 0, least = 1;
    bool taken[COMPARE_LAWS] = {false};
    int free = 0;
    for (int l = 0; l < a->n_laws; l++) total += at->se[l] < 1 ? a->law[l].weight[k] : 0;
    assert_true(b->laws > 0);
    for (int i = 0; i < b->laws; i++) {
        int best = -1;
        for (int l = 0; l < a->n_laws; l++) {
            if (taken[l] || !(at->se[l] < 1)) continue;
            if (best < 0 || a->law[l].weight[k] > a->law[best].weight[k]) best = l;
        }
        taken[best] = true;
        least = a->law[best].weight[k];
        sum += least;
        mean += least * log(at->value[best]);
        within += least * at->se[best] * at->se[best];
        low = fmin(low, at->value[best]);
        high = fmax(high, at->value[best]);
        free = a->law[best].fit.free > free ? a->law[best].fit.free : free;
    }
    mean /= sum;
    for (int l = 0; l < a->n_laws; l++) {
        if (taken[l]) among += a->law[l].weight[k] / sum * pow(log(at->value[l]) - mean, 2);
    }
    assert_true(sum >= 0.95 * total - 1e-12 && sum - least < 0.95 * total);
    const double t = gsl_cdf_tdist_Pinv(0.975, 48 - free), half = t * sqrt(within / sum),
                 both = t * sqrt(within / sum + among);
    const double want[] = {exp(mean),
                           exp(mean - half),
                           exp(mean + half),
                           low,
                           high,
                           fmin(low, exp(mean - both)),
                           fmax(high, exp(mean + both))};
    const double found[] = {b->value,      b->within_lo, b->within_hi, b->between_lo,
                            b->between_hi, b->lo,        b->hi};
    for (int i = 0; i < 7; i++) assert_true(fabs(found[i] / want[i] - 1) < 1e-12);
}

static void definition(void **state)
{
    (void)state;
    struct comparison rows[COMPARE_LAWS];
    struct average a;
    struct points p;
    simulate(&p, 0.2, 3);
    const int n = average(&a, rows, &p);
    double sum[AVERAGE_WEIGHTS] = {0};
    for (int i = 0; i < n; i++) {
        const double *w = a.law[i].weight, *w0 = a.law[0].weight;
        const double akaike = exp((rows[0].aicc - rows[i].aicc) / 2),
                     errors = pow(rows[0].budgets / rows[i].budgets, 2);
        for (int k = 0; k < AVERAGE_WEIGHTS; k++) sum[k] += w[k];
        assert_true(fabs(w[AVERAGE_AKAIKE] / w0[AVERAGE_AKAIKE] - akaike) <= 1e-9 * akaike);
        assert_true(fabs(w[AVERAGE_ERRORS] / w0[AVERAGE_ERRORS] - errors) <= 1e-12 * errors);
    }
    for (int k = 0; k < AVERAGE_WEIGHTS; k++) assert_true(fabs(sum[k] - 1) < 1e-12);
    assert_int_equal(a.n, 3);
    for (size_t i = 0; i < a.n; i++) {
        for (int k = 0; k < AVERAGE_WEIGHTS; k++) check_band(&a, &a.at[i], k);
    }
    /* A law by itself: its own prediction and optimum; N* D* is the budget over 6. */
    struct allocation best;
    struct err e;
    const struct fit *f = &a.law[0].fit;
    const struct allocate own = {.law = f->law, .params = f->params};
    assert_int_equal(allocate_optimum(&own, budget, &best, &e), 0);
    assert_true(fabs(a.at[1].value[0] / best.N - 1) < 1e-12);
    assert_true(fabs(a.at[2].value[0] / best.D - 1) < 1e-12);
    assert_true(fabs(a.at[0].value[0] / fit_predict(f, place_n, place_d, 0) - 1) < 1e-14);
    assert_true(a.at[1].se[0] > 0 && a.at[1].se[0] == a.at[2].se[0]);
    average_close(&a);
    points_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(definition), cmocka_unit_test(coverage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
