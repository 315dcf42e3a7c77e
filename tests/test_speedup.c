/* Speedups: coverage of the intervals by simulation, at budgets and in the limit; gradients against
 * differences; curves that cross. LONG=1 simulates more. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/allocate.h"
#include "fit/speedup.h"
#include "src/base/rng.h"

static const struct law *law_named(const char *name)
{
    struct err e;
    const struct law *law = law_find(name, &e);
    assert_non_null(law);
    return law;
}

static const double alpha = 0.35, beta = 0.37, A = 480, B = 2140;

/* 8 sizes by 7 numbers of tokens. */
static void places(struct points *p)
{
    struct err e;
    struct csv c;
    const struct points_options o = {.need = 3, .no_loss = true};
    char text[4000];
    size_t size = (size_t)sprintf(text, "N,D\n");
    for (int i = 0; i < 56; i++)
        size +=
            (size_t)sprintf(text + size, "%.8g,%.8g\n", 5e7 * pow(2, i / 7), 1e9 * pow(2, i % 7));
    if (csv_read_memory(&c, "places", text, size, &e) || points_read(p, &c, &o, &e))
        fail_msg("%s", e.text);
    csv_close(&c);
}

/* A recipe whose coefficients are smaller needs 1 / multiplier of the compute. */
static void losses(struct points *p, double multiplier, double E, double noise, uint64_t stream)
{
    const double s = pow(multiplier, -alpha * beta / (alpha + beta));
    for (size_t i = 0; i < p->n; i++)
        p->loss[i] = (E + s * (A * pow(p->N[i], -alpha) + B * pow(p->D[i], -beta))) *
                     exp(noise * rng_gaussian(7, stream, i));
}

static void coverage(void **state)
{
    (void)state;
    const int sets = getenv("LONG") ? 2000 : 300;
    const double m = 1.5, budgets[] = {1e19, 1e21};
    int covered[3] = {0}, limits = 0;
    struct points a, b;
    places(&a);
    places(&b);
    for (int s = 0; s < sets; s++) {
        struct speedup u;
        struct err e;
        const struct speedup_options o = {
            .law = law_named("chinchilla"), .level = 0.95, .budgets = budgets, .n_budgets = 2};
        losses(&a, m, 1.8, 0.004, 2 * (uint64_t)s);
        losses(&b, 1, 1.8, 0.004, 2 * (uint64_t)s + 1);
        if (speedup_fit(&u, &a, &b, &o, &e)) fail_msg("%s", e.text);
        for (int k = 0; k < 2; k++) covered[k] += u.at[k].lo <= m && m <= u.at[k].hi;
        if (u.limit == LIMIT_CONSTANT) {
            limits++;
            covered[2] += u.shared.lo <= m && m <= u.shared.hi;
        }
        speedup_close(&u);
    }
    printf(
        "coverage of 95 %% intervals in %d sets: %.3f at 1e19, %.3f at 1e21; in the limit %.3f of "
        "%d that have one\n",
        sets, (double)covered[0] / sets, (double)covered[1] / sets, (double)covered[2] / limits,
        limits);
    for (int k = 0; k < 3; k++) {
        const double share = (double)covered[k] / (k == 2 ? limits : sets);
        assert_true(share >= 0.93 && share <= 0.97);
    }
    assert_true(limits > 0.85 * sets);
    points_close(&a);
    points_close(&b);
}

/* Without noise: the multiplier itself, at any budget and in the limit, by three laws. */
static void exact(void **state)
{
    (void)state;
    static const char *const names[] = {"chinchilla", "tied", "additive"};
    struct points a, b;
    places(&a);
    places(&b);
    for (int k = 0; k < 3; k++) {
        const double budgets[] = {1e18, 1e24}, al = k == 1 ? 0.36 : alpha,
                     be = k == 1 ? 0.36 : beta, E = k == 2 ? 0 : 1.8,
                     s = pow(2.5, -al * be / (al + be));
        const struct speedup_options o = {
            .law = law_named(names[k]), .level = 0.95, .budgets = budgets, .n_budgets = 2};
        struct speedup u;
        struct err e;
        for (size_t i = 0; i < a.n; i++) {
            const double part = A * pow(a.N[i], -al) + B * pow(a.D[i], -be);
            b.loss[i] = (E + part) * exp(1e-7 * rng_gaussian(3, 1, i));
            a.loss[i] = (E + s * part) * exp(1e-7 * rng_gaussian(3, 2, i));
        }
        if (speedup_fit(&u, &a, &b, &o, &e)) fail_msg("%s", e.text);
        for (int i = 0; i < 2; i++) assert_true(fabs(u.at[i].value / 2.5 - 1) < 1e-4);
        assert_true(!u.at[0].crosses && u.at[1].beyond);
        if (k < 2 && u.limit == LIMIT_CONSTANT) assert_true(fabs(u.shared.value / 2.5 - 1) < 1e-4);
        speedup_close(&u);
    }
    points_close(&a);
    points_close(&b);
}

/* The recipe's floor is higher or lower: the curves cross, the limit says so; equal recipes: refused. */
static void crossing(void **state)
{
    (void)state;
    static const double E[] = {1.7, 1.85, 1.8};
    static const enum speedup_limit limit[] = {LIMIT_GROWS, LIMIT_VANISHES, LIMIT_CONSTANT};
    struct points a, b;
    places(&a);
    places(&b);
    for (int k = 0; k < 3; k++) {
        const struct speedup_options o = {.law = law_named("chinchilla"), .level = 0.95};
        struct speedup u;
        struct err e;
        losses(&a, k == 2 ? 1 : 1.5, E[k], 0.003, 1);
        losses(&b, 1, 1.8, 0.003, k == 2 ? 1 : 2); /* the same runs, in the end */
        if (speedup_fit(&u, &a, &b, &o, &e)) fail_msg("%s", e.text);
        assert_int_equal(u.limit, limit[k]);
        assert_int_equal(u.n, 3);
        if (k == 0) assert_true(isnan(u.crossing) && u.at[2].value > u.at[0].value);
        if (k == 1)
            assert_true(u.at[0].lo > 1 && u.at[2].hi < 1 && u.cross_lo < u.crossing &&
                        u.crossing < u.cross_hi);
        if (k == 2) assert_true(u.at[0].crosses && u.at[2].crosses && u.shared.crosses);
        speedup_close(&u);
    }
    points_close(&a);
    points_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact),
        cmocka_unit_test(crossing),
        cmocka_unit_test(coverage),
    };
    return cmocka_run_group_tests_name("speedup", tests, NULL, NULL);
}
