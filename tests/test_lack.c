/* Noise told from misfit: the F test's level and power by simulation, sums against their definition, and
 * the bootstraps that disagree when rows of a run hang together. LONG=1 simulates more.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/boot_check.h"
#include "fit/lack.h"
#include "fit/ols.h"
#include "src/base/rng.h"

static const struct law *law_named(const char *name)
{
    struct err e;
    const struct law *law = law_find(name, &e);
    assert_non_null(law);
    return law;
}

/* 6 x 5 places; SEEDS runs at every second one, one at the others; 0: 24 runs of six checkpoints. */
static void rows(struct points *p, int seeds)
{
    struct err e;
    struct csv c;
    const struct points_options o = {.need = 3, .no_loss = true};
    char text[20000];
    size_t size = (size_t)sprintf(text, "N,D,run\n");
    for (int i = 0; i < 30 && seeds; i++) {
        for (int s = 0; s < (i % 2 ? seeds : 1); s++)
            size += (size_t)sprintf(text + size, "%.8g,%.8g,%d_%d\n", 1e8 * pow(2.5, i % 6),
                                    2e9 * pow(3, i / 6), i, s);
    }
    for (int i = 0; i < 144 && !seeds; i++)
        size += (size_t)sprintf(text + size, "%.8g,%.8g,%d\n", 1e8 * pow(1.3, i / 6),
                                2e9 * pow(2.5, i % 6), i / 6);
    if (csv_read_memory(&c, "rows", text, size, &e) || points_read(p, &c, &o, &e))
        fail_msg("%s", e.text);
    csv_close(&c);
}

/* Losses of Chinchilla's law, its terms added in a k-norm. */
static double loss(double N, double D, double k)
{
    const double params[6] = {1.8172, 477.8, 2143.4, 0.3473, 0.3672, k};
    return law_value(law_named("coupled"), params, &(struct law_at){N, D, 0});
}

static const double sigma = 0.004;

static void losses(struct points *p, double k, uint64_t set)
{
    for (size_t i = 0; i < p->n; i++)
        p->loss[i] = loss(p->N[i], p->D[i], k) * exp(sigma * rng_gaussian(23, set, i));
}

static struct lack lack(const struct points *p)
{
    const struct fit_options o = {.objective = {.kind = OBJ_LOGLS, .ratio = 1}, .grid = 3};
    struct lack l;
    struct err e;
    if (lack_of_fit(&l, p, law_named("chinchilla"), POINTS_N, &o, &e)) fail_msg("%s", e.text);
    return l;
}

static double rejected(struct points *p, double k, int sets, double *sigma_mean)
{
    int count = 0;
    *sigma_mean = 0;
    for (int s = 0; s < sets; s++) {
        losses(p, k, (uint64_t)s);
        struct lack l = lack(p);
        count += l.p < 0.05;
        *sigma_mean += l.sigma_pure / sets;
    }
    return (double)count / sets;
}

/* What the F test's power should be: a non-central F by simulation, its non-centrality the misfit of
 * losses without noise. */
static double power(struct points *p, double k)
{
    struct err e;
    struct fit f;
    struct fit_data d;
    const struct fit_options o = {.objective = {.kind = OBJ_LOGLS, .ratio = 1}};
    for (size_t i = 0; i < p->n; i++) p->loss[i] = loss(p->N[i], p->D[i], k);
    if (fit_data_open(&d, p, law_named("chinchilla"), POINTS_N, &e) ||
        fit_law(&f, law_named("chinchilla"), &d, &o, &e))
        fail_msg("%s", e.text);
    fit_data_close(&d);
    const int df1 = 30 - 5, df2 = (int)p->n - 30, draws = 20000;
    const double away = sqrt(f.rss_log) / sigma;
    int over = 0;
    for (int i = 0; i < draws; i++) {
        double a = 0, b = 0;
        for (int q = 0; q < df1; q++)
            a += pow(rng_gaussian(31, (uint64_t)i, (uint64_t)q) + (q ? 0 : away), 2);
        for (int q = 0; q < df2; q++) b += pow(rng_gaussian(32, (uint64_t)i, (uint64_t)q), 2);
        over += ols_f_tail(a / df1 / (b / df2), df1, df2) < 0.05;
    }
    return (double)over / draws;
}

static void level_and_power(void **state)
{
    (void)state;
    const int sets = getenv("LONG") ? 2000 : 200;
    static const double ks[] = {1, 1.1, 1.2, 1.5};
    struct points p;
    rows(&p, 3);
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        double s, found = rejected(&p, ks[i], sets, &s), expected = i ? power(&p, ks[i]) : 0.05;
        double room = 3 * sqrt(expected * (1 - expected) / sets);
        printf("k %.1f: rejected %.3f of %d, expected %.3f +- %.3f; sigma %.5f of %.5f\n", ks[i],
               found, sets, expected, room, s, sigma);
        assert_true(fabs(found - expected) <= room + 1e-12);
        /* mean of a chi with 30 degrees of freedom: 1 - 1/120 */
        assert_true(fabs(s / sigma - (1 - 1.0 / 120)) < 0.03);
    }
    points_close(&p);
}

/* One misfitting place among good ones is named; copies do not count as repeats. */
static void places(void **state)
{
    (void)state;
    struct points p;
    rows(&p, 4);
    losses(&p, 1, 7);
    struct lack l = lack(&p);
    assert_int_equal(l.places, 15);
    assert_int_equal(l.repeats, 60);
    assert_int_equal(l.all_places, 30);
    assert_int_equal(l.over, 0);
    assert_true(l.df_pure == 45 && l.df_lack == 25 && l.copies == 0);
    /* the sum of squares within places, by hand */
    double pure = 0;
    for (size_t i = 0; i < p.n;) {
        size_t end = i + 1;
        double mean = 0;
        while (end < p.n && p.N[end] == p.N[i] && p.D[end] == p.D[i]) end++;
        for (size_t k = i; k < end; k++) mean += log(p.loss[k]) / (double)(end - i);
        for (size_t k = i; k < end; k++) pure += pow(log(p.loss[k]) - mean, 2);
        i = end;
    }
    assert_true(fabs(l.sigma_pure / sqrt(pure / 45) - 1) < 1e-9);
    for (size_t i = 1; i < 5; i++) p.loss[i] *= 1.03; /* the second place */
    l = lack(&p);
    assert_true(l.over >= 1 && l.worst[0].row >= 1 && l.worst[0].row < 5 && l.worst[0].z > 5);
    printf("a place 3 %% off: F %.3g, p %.2g\n", l.F, l.p);
    assert_true(l.p < 1e-4);
    losses(&p, 1, 7);
    for (size_t i = 2; i < 5; i++) p.loss[i] = p.loss[1];
    l = lack(&p);
    assert_int_equal(l.copies, 3);
    assert_int_equal(l.places, 14);
    points_close(&p);
    rows(&p, 1);
    losses(&p, 1, 1);
    assert_int_equal(lack(&p).places, 0);
    points_close(&p);
}

/* Rows of a run that share an error make the bootstraps disagree; independent ones do not. */
static void bootstraps(void **state)
{
    (void)state;
    struct points p;
    struct err e;
    rows(&p, 0);
    const struct law *law = law_named("chinchilla");
    const struct analysis_options o = {.fit = {.objective = {.kind = OBJ_LOGLS, .ratio = 1}},
                                       .bootstrap = {.n = 400, .seed = 1},
                                       .level = 0.95};
    for (int shared = 0; shared < 2; shared++) {
        struct analysis a;
        struct boot_check c;
        for (size_t i = 0; i < p.n; i++) {
            double z = rng_gaussian(41, shared ? p.run[i] : i, shared ? 1000 : 7);
            p.loss[i] = loss(p.N[i], p.D[i], 1) * exp(sigma * z);
        }
        if (analyse(&a, &p, law, &o, &e) || boot_check(&c, &a, &p, &o, &e)) fail_msg("%s", e.text);
        printf("%s: %s spreads %.3g by runs, %.3g by rows\n", shared ? "shared" : "independent",
               law->param[c.parameter].name, c.clustered, c.rows);
        assert_int_equal(c.runs, 24);
        assert_int_equal(c.differ, shared);
        assert_true(!shared || c.clustered > c.rows);
        analysis_close(&a);
    }
    points_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(level_and_power),
        cmocka_unit_test(bootstraps),
    };
    return cmocka_run_group_tests_name("lack", tests, NULL, NULL);
}
