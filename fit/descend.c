/* descend.c - see descend.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/descend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/starts.h"
#include "src/base/rng.h"

enum { MANY_STEPS = 200 };

static void problem_function(void *context, const double *t, double *f, double *g, double *h,
                             double *m)
{
    fit_evaluate(context, t, f, g, h, m);
}

static void correct(void *context, double *t)
{
    struct fit_problem *p = context;
    fit_project(p, t, p->work);
}

static void run(struct fit_problem *p, double *t, double tolerance, int steps,
                struct solve_result *r)
{
    double weight = fit_total_weight(p->rows);
    struct solve_problem s = {
        .n = p->law->n,
        .function = problem_function,
        .context = p,
        .lower = p->lower,
        .upper = p->upper,
        .zero = 1e-29 * weight,
        .tolerance = tolerance,
        .max_steps = steps,
        .max_length = 2,
        .correct = p->work && p->loss.delta == INFINITY && p->loss.over == 1 ? correct : NULL};
    int before = r->steps;
    solve(&s, t, r);
    r->steps += before;
}

/* From the optimum at one delta towards that at a smaller one: rows keep their side (quadratic or
 * linear), which makes the path t(delta) a straight line between changes of side. */
static void follow(struct fit_problem *p, double *t, double from, double to)
{
    double f, g[LAW_PARAMS], h[LAW_HESSIAN], m[LAW_HESSIAN], a[LAW_HESSIAN], s[LAW_PARAMS];
    int index[LAW_PARAMS], n = 0;
    p->loss.delta = to;
    p->loss.active = from;
    fit_evaluate(p, t, &f, g, h, m);
    for (int i = 0; i < p->law->n; i++) {
        if (t[i] > p->lower[i] && t[i] < p->upper[i]) index[n++] = i;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) a[PACKED(i, j)] = h[PACKED(index[i], index[j])];
        s[i] = -g[index[i]];
    }
    if (!cholesky(n, a)) return;
    cholesky_solve(n, a, s);
    for (int i = 0; i < n; i++) {
        if (!(fabs(s[i]) < 0.5)) return;
    }
    for (int i = 0; i < n; i++)
        t[index[i]] = fmin(fmax(t[index[i]] + s[i], p->lower[index[i]]), p->upper[index[i]]);
}

/* Down from one delta to another, a fifth at a time; the last stage to full precision. */
static void anneal(struct fit_problem *p, double *t, double delta, double target,
                   struct solve_result *r)
{
    while (delta > target) {
        fit_problem_delta(p, delta);
        run(p, t, 1e-3, 12, r);
        double next = fmax(0.2 * delta, target);
        follow(p, t, delta, next);
        if (next == target) break;
        delta = next;
    }
    fit_problem_delta(p, target);
    run(p, t, 1e-24, MANY_STEPS, r);
}

static double robust_target(const struct fit_problem *p, double scale)
{
    return p->objective.kind == OBJ_HUBER ? p->objective.delta : 1e-8 * scale;
}

static void descend(struct fit_problem *p, double *t, bool warm, struct solve_result *r)
{
    int kind = (int)p->objective.kind;
    r->steps = 0;
    if (kind == OBJ_LS || kind == OBJ_LOGLS) {
        fit_problem_delta(p, INFINITY);
        run(p, t, 1e-24, MANY_STEPS, r);
        return;
    }
    if (warm && kind == OBJ_HUBER) {
        double start[LAW_PARAMS];
        memcpy(start, t, sizeof start);
        fit_problem_delta(p, p->objective.delta);
        run(p, t, 1e-24, 60, r);
        if (r->converged) return;
        memcpy(t, start, sizeof start);
    }
    fit_problem_delta(p, INFINITY);
    run(p, t, 1e-3, 60, r);
    if (!isfinite(r->f)) return; /* no loss there: no delta would ever be small enough */
    double scale = fmax(sqrt(2 * r->f / fit_total_weight(p->rows)), 1e-14);
    anneal(p, t, 0.5 * scale, robust_target(p, scale), r);
}

void fit_descend(struct fit_problem *p, double *t, bool warm, struct solve_result *r)
{
    /* Without the scratch a descent only takes longer. */
    p->work = p->law->terms && !warm ? malloc(2 * p->rows->n * sizeof *p->work) : NULL;
    descend(p, t, warm, r);
    free(p->work);
    p->work = NULL;
}

void fit_search_nearby(const struct fit_problem *p, double *t, struct solve_result *r)
{
    enum { ROUND = 24, ROUNDS = 6 };
    int n = p->law->n, index[LAW_PARAMS], k = 0;
    for (int i = 0; i < n; i++) {
        if (!r->at_bound[i]) index[k++] = i;
    }
    double best = fit_objective_value(p, t);
    for (int round = 0; round < ROUNDS; round++) {
        double f, g[LAW_PARAMS], h[LAW_HESSIAN], m[LAW_HESSIAN], a[LAW_HESSIAN];
        double tries[ROUND][LAW_PARAMS], values[ROUND];
        struct solve_result results[ROUND];
        struct fit_problem squares = *p;
        fit_problem_delta(&squares, INFINITY);
        fit_evaluate(&squares, t, &f, g, h, m);
        double scale = fmax(sqrt(2 * f / fit_total_weight(p->rows)), 1e-14);
        for (int i = 0; i < k; i++) {
            for (int j = 0; j <= i; j++) a[PACKED(i, j)] = m[PACKED(index[i], index[j])];
        }
        if (k == 0 || !cholesky(k, a)) return;
#pragma omp parallel for schedule(dynamic)
        for (int trial = 0; trial < ROUND; trial++) {
            struct fit_problem mine = *p;
            double z[LAW_PARAMS], size = scale * (trial % 3 == 0 ? 0.1 : trial % 3 == 1 ? 0.3 : 1);
            for (int i = 0; i < k; i++)
                z[i] = rng_gaussian(1, (uint64_t)(round * ROUND + trial), (uint64_t)i);
            /* The covariance of z L^-1 is that of least squares. */
            for (int i = k; i-- > 0;) {
                for (int j = i + 1; j < k; j++) z[i] -= a[PACKED(j, i)] * z[j];
                z[i] /= a[PACKED(i, i)];
            }
            memcpy(tries[trial], t, sizeof tries[trial]);
            for (int i = 0; i < k; i++) tries[trial][index[i]] += size * z[i];
            results[trial].steps = 0;
            anneal(&mine, tries[trial], 0.02 * scale, robust_target(p, scale), &results[trial]);
            values[trial] =
                results[trial].converged ? fit_objective_value(&mine, tries[trial]) : INFINITY;
        }
        int found = -1;
        for (int i = 0; i < ROUND; i++) {
            if (!(values[i] < best * (1 - 1e-12))) continue;
            best = values[i];
            found = i;
        }
        if (found < 0) return;
        memcpy(t, tries[found], sizeof tries[found]);
        *r = results[found];
    }
}
