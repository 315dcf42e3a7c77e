/* The solver on the NIST StRD nonlinear regression problems, from the harder start (and the
 * easier). SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "fit/jet.h"
#include "fit/solve.h"
#include "fit/witness.h"
#include "src/base/csv.h"

enum { N_MAX = 200 };

struct problem {
    char name[16];
    int rows, n;
    double rss, x[N_MAX], y[N_MAX], start[2][SOLVE_MAX], certified[SOLVE_MAX], se[SOLVE_MAX];
};

static struct jet minus(int n, const struct jet *a)
{
    return jet_scale(n, -1, a, 0);
}

/* a + b x + c x^2 ... of `terms` parameters from `first` */
static struct jet polynomial(int n, const double *b, int first, int terms, double x)
{
    struct jet p = jet_constant(n, 0);
    double power = 1;
    for (int i = 0; i < terms; i++) {
        p.v += b[first + i] * power;
        p.g[first + i] += power;
        power *= x;
    }
    return p;
}

static struct jet model(const char *name, int n, const double *b, double x)
{
    struct jet v[SOLVE_MAX] = {{0}}, t, u;
    for (int i = 0; i < n; i++) v[i] = jet_variable(n, i, b[i]);
    if (!strcmp(name, "MGH09")) { /* b1 (x^2 + b2 x) / (x^2 + b3 x + b4) */
        t = jet_scale(n, x, &v[1], x * x);
        t = jet_mul(n, &v[0], &t);
        u = jet_linear(n, x, &v[2], 1, &v[3], x * x);
        return jet_div(n, &t, &u);
    }
    if (!strcmp(name, "MGH10")) { /* b1 exp(b2 / (x + b3)) */
        t = jet_scale(n, 1, &v[2], x);
        t = jet_div(n, &v[1], &t);
        t = jet_exp(n, &t);
        return jet_mul(n, &v[0], &t);
    }
    if (!strcmp(name, "MGH17")) { /* b1 + b2 exp(-b4 x) + b3 exp(-b5 x) */
        t = jet_scale(n, -x, &v[3], 0);
        t = jet_exp(n, &t);
        t = jet_mul(n, &v[1], &t);
        u = jet_scale(n, -x, &v[4], 0);
        u = jet_exp(n, &u);
        u = jet_mul(n, &v[2], &u);
        t = jet_add(n, &t, &u);
        return jet_add(n, &t, &v[0]);
    }
    if (!strcmp(name, "BoxBOD")) { /* b1 (1 - exp(-b2 x)) */
        t = jet_scale(n, -x, &v[1], 0);
        t = jet_expm1(n, &t);
        t = minus(n, &t);
        return jet_mul(n, &v[0], &t);
    }
    if (!strcmp(name, "Eckerle4")) { /* b1 / b2 exp(-((x - b3) / b2)^2 / 2) */
        t = jet_scale(n, -1, &v[2], x);
        t = jet_div(n, &t, &v[1]);
        t = jet_mul(n, &t, &t);
        t = jet_scale(n, -0.5, &t, 0);
        t = jet_exp(n, &t);
        t = jet_mul(n, &t, &v[0]);
        return jet_div(n, &t, &v[1]);
    }
    if (!strcmp(name, "Thurber")) { /* cubic over 1 + cubic without constant */
        t = polynomial(n, b, 0, 4, x);
        u = polynomial(n, b, 4, 3, x);
        u = jet_scale(n, x, &u, 1);
        return jet_div(n, &t, &u);
    }
    if (!strncmp(name, "Rat4", 4)) { /* b1 / (1 + exp(b2 - b3 x)) ^ (1 / b4); b4 = 1 in Rat42 */
        t = jet_linear(n, 1, &v[1], -x, &v[2], 0);
        t = jet_softplus(n, &t);
        if (name[4] == '3') t = jet_div(n, &t, &v[3]);
        t = minus(n, &t);
        t = jet_exp(n, &t);
        return jet_mul(n, &t, &v[0]);
    }
    /* Bennett5: b1 (b2 + x)^(-1 / b3) */
    t = jet_scale(n, 1, &v[1], x);
    t = jet_log(n, &t);
    t = jet_div(n, &t, &v[2]);
    t = minus(n, &t);
    t = jet_exp(n, &t);
    return jet_mul(n, &t, &v[0]);
}

/* Parameters the model is linear in. */
static unsigned linear(const char *name)
{
    return !strcmp(name, "MGH17") ? 7 : !strcmp(name, "Thurber") ? 15 : 1;
}

static void squares(void *context, const double *b, double *f, double *g, double *h, double *m)
{
    const struct problem *p = context;
    int n = p->n, packed = n * (n + 1) / 2;
    *f = 0;
    for (int i = 0; i < n; i++) g[i] = 0;
    for (int i = 0; i < packed; i++) h[i] = m[i] = 0;
    for (int k = 0; k < p->rows; k++) {
        struct jet j = model(p->name, n, b, p->x[k]);
        double r = j.v - p->y[k];
        *f += 0.5 * r * r;
        for (int i = 0, q = 0; i < n; i++) {
            g[i] += r * j.g[i];
            for (int l = 0; l <= i; l++, q++) {
                m[q] += j.g[i] * j.g[l];
                h[q] += j.g[i] * j.g[l] + r * j.h[q];
            }
        }
    }
}

static double row(const void *context, size_t i, const double *b, double *g)
{
    const struct problem *p = context;
    struct jet j = model(p->name, p->n, b, p->x[i]);
    if (g) memcpy(g, j.g, (size_t)p->n * sizeof *g);
    return j.v - p->y[i];
}

/* GSL's trust region at an optimum, and where one parameter is two standard deviations off. */
static bool witnessed(const struct problem *p, const double *t, double f)
{
    struct witness_problem q = {
        .n = p->n, .rows = (size_t)p->rows, .row = row, .context = p, .loss = {.kind = OBJ_LS}};
    struct witness w, moved;
    struct err e;
    double off[SOLVE_MAX], g[SOLVE_MAX], h[SOLVE_PACKED], m[SOLVE_PACKED], f_off;
    struct problem copy = *p;
    memcpy(off, t, sizeof off);
    off[p->n - 1] += 2 * p->se[p->n - 1];
    squares(&copy, off, &f_off, g, h, m);
    if (witness_ask(&w, &q, t, f, &e) || witness_ask(&moved, &q, off, f_off, &e)) return false;
    printf("%s: GSL agrees to %.0e, moved it is %.0e lower\n", p->name, w.difference,
           moved.difference);
    return w.says == WITNESS_AGREES && w.difference < 1e-10 && moved.says == WITNESS_LOWER;
}

static double field(const struct csv *c, size_t row, size_t column)
{
    struct err e;
    double v = NAN;
    if (csv_number(c, row, column, &v, &e)) fail_msg("%s", e.text);
    return v;
}

static void load(struct problem *p, const struct csv *problems, size_t row, const struct csv *rows,
                 const struct csv *parameters)
{
    snprintf(p->name, sizeof p->name, "%s", csv_field(problems, row, 0));
    p->rss = field(problems, row, 3);
    p->rows = p->n = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        if (strcmp(csv_field(rows, i, 0), p->name)) continue;
        assert_true(p->rows < N_MAX);
        p->y[p->rows] = field(rows, i, 1);
        p->x[p->rows++] = field(rows, i, 2);
    }
    for (size_t i = 0; i < parameters->rows; i++) {
        if (strcmp(csv_field(parameters, i, 0), p->name)) continue;
        p->start[0][p->n] = field(parameters, i, 2);
        p->start[1][p->n] = field(parameters, i, 3);
        p->certified[p->n] = field(parameters, i, 4);
        p->se[p->n++] = field(parameters, i, 5);
    }
    assert_int_equal(p->rows, (int)field(problems, row, 1));
    assert_int_equal(p->n, (int)field(problems, row, 2));
}

static void certified(void **state)
{
    (void)state;
    struct csv problems, rows, parameters;
    struct err e;
    if (csv_read(&problems, "tests/data/nist/problems.csv", &e) ||
        csv_read(&rows, "tests/data/nist/rows.csv", &e) ||
        csv_read(&parameters, "tests/data/nist/parameters.csv", &e))
        fail_msg("%s", e.text);
    int failures = 0;
    for (size_t i = 0; i < problems.rows; i++) {
        struct problem p;
        load(&p, &problems, i, &rows, &parameters);
        for (int s = 0; s < 2; s++) {
            double t[SOLVE_MAX];
            struct solve_result r;
            struct solve_problem sp = {.n = p.n,
                                       .function = squares,
                                       .context = &p,
                                       .tolerance = 1e-24,
                                       .max_steps = 2000,
                                       .damping = 100,
                                       .linear = linear(p.name)};
            memcpy(t, p.start[s], sizeof t);
            solve(&sp, t, &r);
            double worst = fabs(2 * r.f / p.rss - 1);
            for (int k = 0; k < p.n; k++) worst = fmax(worst, fabs(t[k] / p.certified[k] - 1));
            /* Standard deviations too: sqrt(rss / (n - p) * diag (J'J)^-1). */
            double spread = 0, a[SOLVE_PACKED];
            memcpy(a, r.m, sizeof a);
            bool positive = cholesky(p.n, a);
            for (int k = 0; k < p.n && positive; k++) {
                double column[SOLVE_MAX] = {0};
                column[k] = 1;
                cholesky_solve(p.n, a, column);
                spread =
                    fmax(spread, fabs(sqrt(column[k] * 2 * r.f / (p.rows - p.n)) / p.se[k] - 1));
            }
            printf("%s start %d: %.1f digits, standard deviations %.1f, %d evaluations\n", p.name,
                   s + 1, fmin(-log10(worst), 12), fmin(-log10(spread), 12), r.steps);
            if (s == 0 && !strcmp(p.name, "MGH17")) continue;
            if (s == 1) failures += !witnessed(&p, t, r.f);
            failures += !(worst < 1e-6) || !positive || !(spread < 1e-4) || !r.converged;
        }
    }
    csv_close(&problems);
    csv_close(&rows);
    csv_close(&parameters);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(certified)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
