/* The witness: GSL's minimisers come back to optima, and go red when an optimum is none.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "fit/witness.h"

/* One fit of Epoch's rows, with all that a witness is asked with. */
struct epoch {
    struct points p;
    struct fit_data d;
    struct fit_options o;
    struct fit f;
};

static void epoch_fit(struct epoch *x, const char *law, const char *objective)
{
    struct err e;
    struct csv c;
    struct points_options po = {.need = 1u << POINTS_N | 1u << POINTS_D, .drop_highest = 5};
    if (csv_read(&c, "tests/data/epoch_chinchilla.csv", &e) || points_read(&x->p, &c, &po, &e))
        fail_msg("%s", e.text);
    csv_close(&c);
    if (objective_parse(&x->o.objective, objective, &e) ||
        fit_data_open(&x->d, &x->p, law_find(law, &e), POINTS_N, &e) ||
        fit_law(&x->f, law_find(law, &e), &x->d, &x->o, &e))
        fail_msg("%s %s: %s", law, objective, e.text);
}

static void epoch_close(struct epoch *x)
{
    fit_data_close(&x->d);
    points_close(&x->p);
}

static struct witness ask(struct epoch *x)
{
    struct witness w;
    struct err e;
    if (witness_fit(&w, &x->f, &x->d, &x->o, &e)) fail_msg("%s", e.text);
    return w;
}

static void agrees(void **state)
{
    (void)state;
    static const struct {
        const char *law, *objective, *method;
        double difference;
    } rows[] = {
        {"chinchilla", "huber:1e-3", "BFGS2", 1e-12},
        {"chinchilla", "huber:1e-4", "BFGS2", 1e-12},
        {"chinchilla", "logls", "trust region", 1e-12},
        {"chinchilla", "ls", "trust region", 1e-12},
        {"chinchilla", "lad", "simplex", 1e-5},
        {"chinchilla", "asym:10", "simplex", 1e-5},
        {"kaplan", "huber:1e-3", "BFGS2", 1e-12},
        {"coupled", "logls", "trust region", 1e-12},
        {"tied", "huber:auto", "BFGS2", 1e-12},
        {"additive", "ls", "trust region", 1e-12},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct epoch x = {0};
        epoch_fit(&x, rows[i].law, rows[i].objective);
        struct witness w = ask(&x);
        if (w.says != WITNESS_AGREES || !(w.difference < rows[i].difference))
            fail_msg("%s %s: says %d, %.1e apart", rows[i].law, rows[i].objective, w.says,
                     w.difference);
        assert_string_equal(w.method, rows[i].method);
        epoch_close(&x);
    }
}

/* Parameters moved off the optimum by a thousandth to a tenth, with the objective they have. */
static void moved(void **state)
{
    (void)state;
    static const char *const objectives[] = {"huber:1e-3", "logls", "ls", "lad", "asym:10"};
    for (size_t i = 0; i < sizeof objectives / sizeof *objectives; i++) {
        struct epoch x = {0};
        struct fit_problem problem;
        struct err e;
        epoch_fit(&x, "chinchilla", objectives[i]);
        if (fit_problem_open(&problem, x.f.law, &x.d, &x.o, &e)) fail_msg("%s", e.text);
        const struct fit best = x.f;
        for (int k = 0; k < x.f.law->n; k++) {
            for (double by = 0.001; by < 0.2; by *= 10) {
                x.f = best;
                x.f.t[k] += by;
                x.f.value = fit_objective_value(&problem, x.f.t);
                struct witness w = ask(&x);
                double excess = x.f.value / best.value - 1;
                /* A millionth is what a kink leaves open. */
                if (excess < 3e-5) continue;
                if (w.says != WITNESS_LOWER || !(w.difference > 0.5 * excess / (1 + excess)))
                    fail_msg("%s: parameter %d moved by %g, %.1e above: says %d, %.1e",
                             objectives[i], k, by, excess, w.says, w.difference);
            }
        }
        epoch_close(&x);
    }
}

/* The right place with the wrong number. */
static void another_sum(void **state)
{
    (void)state;
    struct epoch x = {0};
    epoch_fit(&x, "chinchilla", "huber:1e-3");
    x.f.value *= 1 + 1e-7;
    assert_int_equal(ask(&x).says, WITNESS_DIFFERS);
    epoch_close(&x);
}

/* What cannot move is not moved: pinned at a wrong value, the rest is still an optimum. */
static void held(void **state)
{
    (void)state;
    struct epoch x = {.o = {.pinned = {true}, .pin = {1.5}}};
    epoch_fit(&x, "chinchilla", "huber:1e-3");
    assert_int_equal(ask(&x).says, WITNESS_AGREES);
    for (int k = 0; k < x.f.law->n; k++) x.f.at_bound[k] = true;
    assert_int_equal(ask(&x).says, WITNESS_NONE);
    epoch_close(&x);
}

/* A quadratic whose minimum lies beyond its domain (t < 1): at the edge GSL must turn back, and a
 * direction nothing depends on must not matter. */
static double edge(const void *context, size_t i, const double *t, double *g)
{
    (void)context;
    if (!(t[0] < 1)) return NAN;
    if (g) {
        g[0] = 1;
        g[1] = 0;
    }
    return t[0] - 0.25 + (i % 2 ? 0.5 : -0.5);
}

static void flat_and_edge(void **state)
{
    (void)state;
    static const struct objective losses[] = {{.kind = OBJ_LS}, {OBJ_HUBER, 2, 1}, {OBJ_LAD, 0, 1}};
    for (size_t i = 0; i < 3; i++) {
        struct witness_problem p = {.n = 2, .rows = 20, .row = edge, .loss = losses[i]};
        struct witness w;
        struct err e;
        const double best[2] = {0.25, 7}, off[2] = {0.9, 7};
        double at_best = i == 2 ? 10 : 2.5, at_off = i == 2 ? 13 : 2.5 + 10 * .65 * .65;
        assert_int_equal(witness_ask(&w, &p, best, at_best, &e), 0);
        assert_int_equal(w.says, WITNESS_AGREES);
        assert_int_equal(witness_ask(&w, &p, off, at_off, &e), 0);
        assert_int_equal(w.says, WITNESS_LOWER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees), cmocka_unit_test(moved),         cmocka_unit_test(another_sum),
        cmocka_unit_test(held),   cmocka_unit_test(flat_and_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
