/* How often the intervals hold the truth: simulated runs at the (N, D) of the published 240, each
 * interval kind counted. Prints a table; LONG=1 simulates more. SPDX-License-Identifier:
 * GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/analysis.h"
#include "src/base/rng.h"

enum { HESSIAN, SANDWICH, PROFILE, PERCENTILE, BCA, KINDS };
static const char *const names[KINDS] = {"hessian", "sandwich", "profile", "percentile", "bca"};
static const double truth[5] = {1.8172181, 477.82587, 2143.41736, .3473105, .36717243};

/* Errors of ln L: normal, or Student's t with 3 degrees of freedom, both of spread 0.007. */
static double noise(uint64_t stream, uint64_t row, bool heavy)
{
    double z = 0.007 * rng_gaussian(11, stream, 4 * row);
    if (!heavy) return z;
    double chi2 = 0;
    for (uint64_t k = 1; k < 4; k++) chi2 += pow(rng_gaussian(11, stream, 4 * row + k), 2);
    return z / sqrt(chi2 / 3) / sqrt(3);
}

static bool inside(double lo, double hi, double v)
{
    return lo <= v && v <= hi;
}

static void simulate(const char *objective, bool heavy, int sets, int count[KINDS][5], int *done)
{
    struct err e;
    struct points p;
    struct points_options po = {.need = 3, .drop_highest = 5};
    struct analysis_options o = {
        .level = .95, .profile = true, .bootstrap = {.n = 300, .starts = 0}};
    const struct law *law = law_find("chinchilla", &e);
    struct csv c;
    if (csv_read(&c, "tests/data/epoch_chinchilla.csv", &e) || points_read(&p, &c, &po, &e))
        fail_msg("%s", e.text);
    csv_close(&c);
    assert_int_equal(objective_parse(&o.fit.objective, objective, &e), 0);
    o.fit.grid = 3;
    memset(count, 0, KINDS * sizeof *count);
    *done = 0;
    for (int s = 0; s < sets; s++) {
        struct analysis a;
        for (size_t i = 0; i < p.n; i++) {
            struct law_at at = {p.N[i], p.D[i], 0};
            p.loss[i] = law_value(law, truth, &at) * exp(noise((uint64_t)s, i, heavy));
        }
        o.bootstrap.seed = (uint64_t)s + 1;
        if (!analyse(&a, &p, law, &o, &e)) {
            ++*done;
            for (int i = 0; i < 5; i++) {
                const struct known *k = &a.known[i];
                count[HESSIAN][i] += inside(k->hessian.lo, k->hessian.hi, truth[i]);
                count[SANDWICH][i] += inside(k->sandwich.lo, k->sandwich.hi, truth[i]);
                count[PROFILE][i] += inside(k->profile.lo, k->profile.hi, truth[i]);
                count[PERCENTILE][i] += inside(k->percentile.lo, k->percentile.hi, truth[i]);
                count[BCA][i] += inside(k->bca.lo, k->bca.hi, truth[i]);
            }
        }
        analysis_close(&a);
    }
    points_close(&p);
}

static void coverage(void **state)
{
    (void)state;
    static const struct {
        const char *objective;
        bool heavy;
    } cases[] = {{"logls", false}, {"huber:1e-3", false}, {"huber:1e-3", true}};
    int sets = getenv("LONG") ? 1000 : 40, failures = 0;
    printf("coverage of 95 %% intervals, %d simulated data sets of 240 rows\n", sets);
    printf("objective\tnoise\tinterval\tE\tA\tB\talpha\tbeta\n");
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        int count[KINDS][5], done;
        simulate(cases[c].objective, cases[c].heavy, sets, count, &done);
        assert_true(done >= sets * 0.99);
        for (int k = 0; k < KINDS; k++) {
            printf("%s\t%s\t%s", cases[c].objective, cases[c].heavy ? "t(3)" : "normal", names[k]);
            double mean = 0;
            for (int i = 0; i < 5; i++) {
                printf("\t%.3f", (double)count[k][i] / done);
                mean += (double)count[k][i] / done / 5;
            }
            printf("\n");
            /* Five parameters of few sets: far off is a mistake, not chance. */
            failures += !(mean > 0.85 && mean <= 1);
        }
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(coverage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
