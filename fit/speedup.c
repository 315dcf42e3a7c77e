/* speedup.c - see speedup.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/speedup.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/allocate.h"
#include "fit/infer.h"
#include "fit/ols.h"
#include "fit/points_join.h"
#include "fit/solve.h"

enum { SCAN = 200 };

/* A law at parameters t, and their covariance. */
struct side {
    const struct law *law;
    const double *t, *centre;
    double params[LAW_PARAMS];
    double covariance[LAW_PARAMS * LAW_PARAMS]; /* of t, [n * n]; shared laws have one of both */
    double df;
};

/* ln C' and its gradients at one budget. */
struct equal {
    double ln_loss, ln_other;
    double g_base[LAW_PARAMS], g_recipe[LAW_PARAMS]; /* of ln C' by the parameters */
};

static void gradient(const struct side *s, const struct allocation *at, double *g)
{
    double x[3] = {log(at->N) - s->centre[0], log(at->D) - s->centre[1], 0}, h[LAW_HESSIAN];
    double L = law_internal(s->law, s->t, x, s->centre, g, h);
    for (int i = 0; i < s->law->n; i++) g[i] /= L;
}

/* d ln L* / d ln C: that of L by ln D at the optimum. */
static double slope(const struct allocate *p, const struct allocation *at)
{
    const double step = 1e-5;
    return (log(allocate_loss(p, at->N, at->D * exp(step))) -
            log(allocate_loss(p, at->N, at->D * exp(-step)))) /
           (2 * step);
}

static int equal_loss(struct equal *q, const struct side *recipe, const struct side *base, double C,
                      struct err *e)
{
    struct allocate b = {.law = base->law, .params = base->params},
                    r = {.law = recipe->law, .params = recipe->params};
    struct allocation at_b, at_r;
    if (allocate_optimum(&b, C, &at_b, e)) return err_prefix(e, "the baseline");
    q->ln_loss = log(at_b.loss);
    if (allocate_for_loss(&r, at_b.loss, &at_r, e)) return err_prefix(e, "the recipe");
    q->ln_other = log(at_r.C);
    gradient(base, &at_b, q->g_base);
    gradient(recipe, &at_r, q->g_recipe);
    const double d = slope(&r, &at_r);
    for (int i = 0; i < base->law->n; i++) {
        q->g_base[i] /= d;
        q->g_recipe[i] /= -d;
    }
    return 0;
}

static double quadratic(int n, const double *g, const double *matrix)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) sum += g[i] * matrix[i * n + k] * g[k];
    }
    return sum;
}

static void set_interval(struct speedup_at *a, const struct equal *q, double variance, double df,
                         double level)
{
    const double ln = log(a->C) - q->ln_other, width = ols_t(level, df) * sqrt(variance);
    a->loss = exp(q->ln_loss);
    a->other = exp(q->ln_other);
    a->value = exp(ln);
    a->lo = exp(ln - width);
    a->hi = exp(ln + width);
    a->crosses = !(a->lo > 1 || a->hi < 1);
}

/* The multiplier at a budget. */
static void measure(struct speedup_at *a, const struct side *recipe, const struct side *base,
                    double C, double level)
{
    struct equal q;
    struct err e;
    const int n = base->law->n;
    *a = (struct speedup_at){.C = C, .loss = NAN, .other = NAN, .value = NAN, .lo = NAN, .hi = NAN};
    if (equal_loss(&q, recipe, base, C, &e)) {
        snprintf(a->reason, sizeof a->reason, "%.150s", e.text);
        return;
    }
    const double vb = quadratic(n, q.g_base, base->covariance),
                 vr = quadratic(n, q.g_recipe, recipe->covariance), v = vb + vr;
    const double df = v * v / (vb * vb / base->df + vr * vr / recipe->df);
    set_interval(a, &q, v, df, level);
}

static int fit_side(struct side *s, struct fit *f, const struct points *p, const struct law *law,
                    struct err *e)
{
    const struct fit_options o = {.objective = {.kind = OBJ_LOGLS, .ratio = 1}};
    struct fit_data d;
    struct covariance c;
    if (fit_data_open(&d, p, law, POINTS_N, e)) return err_prefix(e, "%s", p->path);
    int status = fit_law(f, law, &d, &o, e);
    if (!status) status = infer_covariance(&c, f, &d, &o, e);
    fit_data_close(&d);
    if (status) return err_prefix(e, "%s", p->path);
    if (!c.positive) return err_set(e, "%s: the rows do not determine %s", p->path, law->name);
    *s = (struct side){.law = law, .t = f->t, .centre = f->centre, .df = (double)p->n - f->free};
    memcpy(s->params, f->params, sizeof s->params);
    memcpy(s->covariance, c.hessian_t, sizeof s->covariance);
    return 0;
}

/* --- where the curves cross --- */

static void range(const struct points *p, double *lo, double *hi)
{
    *lo = INFINITY;
    *hi = 0;
    for (size_t i = 0; i < p->n; i++) {
        *lo = fmin(*lo, 6 * p->N[i] * p->D[i]);
        *hi = fmax(*hi, 6 * p->N[i] * p->D[i]);
    }
}

static void scan(struct speedup *s, const struct side *recipe, const struct side *base, double lo,
                 double hi, double level)
{
    double before = NAN, C_before = NAN;
    s->cross_lo = s->cross_hi = s->crossing = NAN;
    for (int i = 0; i < SCAN; i++) {
        struct speedup_at a;
        measure(&a, recipe, base, lo * pow(hi / lo, (double)i / (SCAN - 1)), level);
        if (a.crosses && !(s->cross_lo > 0)) s->cross_lo = a.C;
        if (a.crosses) s->cross_hi = a.C;
        const double now = log(a.value);
        if (now * before < 0 && !(s->crossing > 0))
            s->crossing = C_before * pow(a.C / C_before, before / (before - now));
        if (isfinite(now)) {
            before = now;
            C_before = a.C;
        }
    }
}

/* --- the limit: all shared but the coefficients --- */

struct shared {
    const struct law *law;
    const struct fit_data *d;
    size_t first;        /* rows of the recipe in the table */
    int n;               /* parameters: the law's, then the recipe's own coefficients */
    int own[LAW_PARAMS]; /* of each parameter, its place for the recipe */
};

static bool is_coefficient(const struct law *law, int i)
{
    return law->param[i].map == MAP_COEFFICIENT || law->param[i].map == MAP_SCALE;
}

/* Half the sum of squares of ln L over both, a solve_function. */
static void both(void *context, const double *t, double *f, double *g, double *h, double *m)
{
    const struct shared *s = context;
    const struct fit_rows *rows = &s->d->rows;
    memset(g, 0, (size_t)s->n * sizeof *g);
    memset(h, 0, (size_t)(s->n * (s->n + 1) / 2) * sizeof *h);
    memset(m, 0, (size_t)(s->n * (s->n + 1) / 2) * sizeof *m);
    *f = 0;
    for (size_t i = 0; i < s->d->n; i++) {
        double own[LAW_PARAMS], lg[LAW_PARAMS], lh[LAW_HESSIAN];
        const bool recipe = s->d->row[i] < s->first;
        const double x[3] = {rows->x[0][i], rows->x[1][i], rows->x[2][i]}, w = rows->w[i];
        for (int a = 0; a < s->law->n; a++) own[a] = t[recipe ? s->own[a] : a];
        const double L = law_internal(s->law, own, x, s->d->centre, lg, lh),
                     r = log(L) - rows->y[i];
        *f += w * r * r / 2;
        for (int a = 0; a < s->law->n; a++) {
            const int to_a = recipe ? s->own[a] : a;
            g[to_a] += w * r * lg[a] / L;
            for (int b = 0; b <= a; b++) {
                const int to_b = recipe ? s->own[b] : b;
                const int k = to_a > to_b ? PACKED(to_a, to_b) : PACKED(to_b, to_a);
                const double square = lg[a] * lg[b] / (L * L);
                m[k] += w * square;
                h[k] += w * (square + r * (lh[PACKED(a, b)] / L - square));
            }
        }
    }
}

/* The multiplier of shared laws at t, its variance from the Hessian of both. */
static void shared_multiplier(struct speedup *out, const struct shared *s, const double *t,
                              const struct solve_result *r, double C, double sigma2, double df,
                              double level)
{
    struct side base = {.law = s->law, .centre = s->d->centre, .t = t}, recipe = base;
    double own[LAW_PARAMS], g[LAW_PARAMS] = {0}, v[LAW_PARAMS], a[LAW_HESSIAN];
    struct equal q;
    struct err e;
    for (int i = 0; i < s->law->n; i++) own[i] = t[s->own[i]];
    recipe.t = own;
    law_to_natural(s->law, s->d->centre, t, base.params);
    law_to_natural(s->law, s->d->centre, own, recipe.params);
    memcpy(a, r->h, sizeof a);
    if (equal_loss(&q, &recipe, &base, C, &e) || !cholesky(s->n, a)) return;
    for (int i = 0; i < s->law->n; i++) {
        g[i] += q.g_base[i];
        g[s->own[i]] += q.g_recipe[i];
    }
    memcpy(v, g, sizeof v);
    cholesky_solve(s->n, a, v);
    double variance = 0;
    for (int i = 0; i < s->n; i++) variance += g[i] * v[i] * sigma2;
    out->shared = (struct speedup_at){.C = C};
    set_interval(&out->shared, &q, variance, df, level);
    out->limit = LIMIT_CONSTANT;
}

static int share(struct speedup *out, const struct points *recipe, const struct points *base,
                 double C, const struct speedup_options *o, struct err *e)
{
    const struct law *law = o->law;
    struct points all;
    struct fit_data d;
    struct shared s = {.law = law, .d = &d, .first = recipe->n, .n = law->n};
    for (int i = 0; i < law->n; i++) {
        s.own[i] = i;
        if (!is_coefficient(law, i)) continue;
        if (s.n == LAW_PARAMS) return 0;
        s.own[i] = s.n++;
    }
    if (s.n == law->n) return 0;
    if (points_join(&all, recipe, base, e)) return -1;
    int status = fit_data_open(&d, &all, law, POINTS_N, e);
    if (!status) {
        const struct solve_problem problem = {
            .n = s.n, .function = both, .context = &s, .tolerance = 1e-22, .max_steps = 500};
        double t[LAW_PARAMS], own[LAW_PARAMS], apart = out->recipe.rss_log + out->base.rss_log;
        struct solve_result r;
        law_to_internal(law, d.centre, out->base.params, t);
        law_to_internal(law, d.centre, out->recipe.params, own);
        for (int i = 0; i < law->n; i++) {
            if (s.own[i] == i)
                t[i] = (t[i] + own[i]) / 2;
            else
                t[s.own[i]] = own[i];
        }
        solve(&problem, t, &r);
        out->df1 = 2 * law->n - s.n;
        out->df2 = (double)d.n - 2 * law->n;
        if (r.converged && out->df2 > 0) {
            out->F = (2 * r.f - apart) / out->df1 / (apart / out->df2);
            out->p = ols_f_tail(fmax(out->F, 0), out->df1, out->df2);
            const double df = (double)d.n - s.n;
            if (out->p >= 1 - o->level)
                shared_multiplier(out, &s, t, &r, C, 2 * r.f / df, df, o->level);
        }
        fit_data_close(&d);
    }
    points_close(&all);
    return status;
}

/* E of the recipe against E of the baseline, in logarithms. */
static enum speedup_limit compare_constants(const struct side *recipe, const struct side *base,
                                            double level)
{
    const int c = base->law->constant, n = base->law->n;
    if (c < 0 || !(recipe->params[c] > 0) || !(base->params[c] > 0)) return LIMIT_UNKNOWN;
    const double vr = recipe->covariance[c * n + c], vb = base->covariance[c * n + c], v = vr + vb;
    const double df = v * v / (vb * vb / base->df + vr * vr / recipe->df);
    const double z = (recipe->t[c] - base->t[c]) / sqrt(v);
    if (!(fabs(z) > ols_t(level, df))) return LIMIT_UNKNOWN;
    return z < 0 ? LIMIT_GROWS : LIMIT_VANISHES;
}

int speedup_fit(struct speedup *s, const struct points *recipe, const struct points *base,
                const struct speedup_options *o, struct err *e)
{
    struct side r, b;
    double lo[2], hi[2], own[3];
    *s = (struct speedup){.limit = LIMIT_UNKNOWN, .F = NAN, .p = NAN, .df1 = NAN, .df2 = NAN};
    if (o->law->variables != (LAW_N | LAW_D))
        return err_set(e, "%s is no law of N and D: it has no speedup", o->law->name);
    if (fit_side(&r, &s->recipe, recipe, o->law, e) || fit_side(&b, &s->base, base, o->law, e))
        return -1;
    range(recipe, &lo[0], &hi[0]);
    range(base, &lo[1], &hi[1]);
    /* What both have; where they have nothing in common, the baseline's. */
    double least = fmax(lo[0], lo[1]), most = fmin(hi[0], hi[1]);
    if (!(least < most)) {
        least = lo[1];
        most = hi[1];
    }
    own[0] = least;
    own[1] = sqrt(least * most);
    own[2] = most;
    const double *budgets = o->n_budgets ? o->budgets : own;
    s->n = o->n_budgets ? o->n_budgets : 3;
    s->at = malloc(s->n * sizeof *s->at);
    if (!s->at) return err_memory(e, NULL);
    for (size_t i = 0; i < s->n; i++) {
        measure(&s->at[i], &r, &b, budgets[i], o->level);
        s->at[i].beyond = budgets[i] > hi[1];
        least = fmin(least, budgets[i]);
        most = fmax(most, budgets[i]);
    }
    scan(s, &r, &b, least, most, o->level);
    s->limit = compare_constants(&r, &b, o->level);
    return s->limit == LIMIT_UNKNOWN ? share(s, recipe, base, own[1], o, e) : 0;
}

void speedup_close(struct speedup *s)
{
    free(s->at);
    *s = (struct speedup){.n = 0};
}
