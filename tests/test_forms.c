/* Laws whose derivatives are written out (forms.c, forms_surface.c) against differences, where their terms
 * are alike, far apart, fresh and repeated, and against the same formula by jets.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "fit/expression.h"
#include "fit/laws.h"
#include "src/base/rng.h"

static const double centre[3] = {19, 23.5, 22};

static const struct law *law_named(const char *name)
{
    struct err e;
    const struct law *law = law_find(name, &e);
    assert_non_null(law);
    return law;
}

/* Internal parameters, and a place, of draw number NUMBER: terms of 0.01 to 3, k of 0.3 to 8. */
static void draw(const struct law *law, uint64_t number, double *t, double *x)
{
    for (int i = 0; i < law->n; i++) {
        const struct law_param *p = &law->param[i];
        const double u = rng_uniform(51, number, (uint64_t)i);
        t[i] = p->map == MAP_PLAIN ? 0.1 + 0.4 * u : -1 + 2.5 * u;
        if (p->map == MAP_COEFFICIENT || p->map == MAP_SCALE) t[i] = -4 + 5 * u;
        if (!strcmp(p->name, "RD") || !strcmp(p->name, "RN")) t[i] = 0.5 + 2.5 * u;
    }
    for (int k = 0; k < 3; k++) x[k] = -2.5 + 5 * rng_uniform(53, number, (uint64_t)k);
    x[2] -= centre[2] - centre[1] + 1.5; /* U below D, mostly */
}

/* A central difference of the fourth order in t[i], of L or of the gradient's K-th number. */
static double difference(const struct law *law, const double *t, const double *x, int i, int k)
{
    const double step = 5e-5;
    double f[4], g[LAW_PARAMS], h[LAW_HESSIAN], moved[LAW_PARAMS];
    for (int j = 0; j < 4; j++) {
        memcpy(moved, t, sizeof moved);
        moved[i] += step * (j < 2 ? j - 2 : j - 1);
        const double L = law_internal(law, moved, x, centre, g, h);
        f[j] = k < 0 ? L : g[k];
    }
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step);
}

static void differences(void **state)
{
    (void)state;
    static const char *const names[] = {"kaplan", "coupled", "repeated", "bounded", "vocabulary"};
    for (size_t l = 0; l < sizeof names / sizeof *names; l++) {
        const struct law *law = law_named(names[l]);
        int checked = 0;
        for (uint64_t s = 0; s < 300; s++) {
            double t[LAW_PARAMS] = {0}, x[3], g[LAW_PARAMS], h[LAW_HESSIAN];
            draw(law, s, t, x);
            const double L = law_internal(law, t, x, centre, g, h);
            if (!(L < 1e3)) continue;
            checked++;
            assert_true(fabs(law_internal(law, t, x, centre, NULL, NULL) / L - 1) < 1e-14);
            for (int i = 0; i < law->n; i++) {
                const double first = difference(law, t, x, i, -1);
                if (!(fabs(first - g[i]) <= 1e-8 * (L + fabs(g[i]))))
                    fail_msg("%s, draw %d: dL/d%s is %.12g, by differences %.12g", law->name,
                             (int)s, law->param[i].name, g[i], first);
                for (int j = 0; j <= i; j++) {
                    const double second = difference(law, t, x, j, i), own = h[i * (i + 1) / 2 + j];
                    if (!(fabs(second - own) <= 1e-8 * (L + fabs(g[i]) + fabs(own))))
                        fail_msg("%s, draw %d: d2L/d%s d%s is %.12g, by differences %.12g",
                                 law->name, (int)s, law->param[i].name, law->param[j].name, own,
                                 second);
                }
            }
        }
        assert_true(checked > 200);
    }
}

/* L and its natural gradient, from the same formula by jets. */
static void formulas(void **state)
{
    (void)state;
    static const struct {
        const char *name, *formula;
        double params[LAW_PARAMS];
    } rows[] = {
        {"kaplan", "((Nc/N)^(alphaN/alphaD) + Dc/D)^alphaD", {6.4e13, 1.8e13, .076, .103}},
        {"coupled",
         "E + ((A*N^-alpha)^(1*k) + (B*D^-beta)^(1*k))^(1/k)",
         {1.79, 443, 2160, .333, .358, 1.357}},
        {"vocabulary", "E + A*N^-alpha + B*D^-beta + W*V^-nu", {0.6, 20, 80, 3, .3, .28, .4}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e;
        const struct law *law = law_named(rows[i].name);
        struct law *own = expression_parse(rows[i].formula, &e);
        double params[LAW_PARAMS], g[LAW_PARAMS], by_jets[LAW_PARAMS];
        if (!own) fail_msg("%s", e.text);
        for (int k = 0; k < law->n; k++) {
            const int to = law_param_index(own, law->param[k].name);
            assert_true(to >= 0);
            params[to] = rows[i].params[k];
        }
        for (int s = 0; s < 20; s++) {
            const struct law_at at = {1e7 * pow(2, s % 10), 1e9 * pow(3, s / 3), 1000. * (s + 1)};
            const double L = law_gradient(law, rows[i].params, &at, g),
                         same = law_gradient(own, params, &at, by_jets);
            if (!(fabs(L / same - 1) < 1e-14))
                fail_msg("%s: %.17g, by its formula %.17g", law->name, L, same);
            for (int k = 0; k < law->n; k++) {
                const double want = by_jets[law_param_index(own, law->param[k].name)];
                if (!(fabs(g[k] - want) <= 1e-12 * (fabs(want) + L)))
                    fail_msg("%s: dL/d%s is %.17g, by its formula %.17g", law->name,
                             law->param[k].name, g[k], want);
            }
        }
        expression_free(own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(differences), cmocka_unit_test(formulas)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
