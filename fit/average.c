/* average.c - see average.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/average.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/allocate.h"

/* The fit of one law to all rows, and its covariance. */
static int open_law(struct average_law *l, const struct comparison *c, bool first,
                    const struct points *p, const struct analysis_options *o, struct err *e)
{
    struct fit_options own = {.objective = o->fit.objective, .grid = 4};
    struct fit_data d;
    struct covariance covariance;
    struct err why;
    *l = (struct average_law){.law = c->law};
    snprintf(l->reason, sizeof l->reason, "%s", c->reason);
    if (c->reason[0]) return 0;
    if (first) own = o->fit;
    own.near = c->params;
    if (fit_data_open(&d, p, c->law, o->x, e)) return -1;
    if (fit_law(&l->fit, c->law, &d, &own, &why) ||
        infer_covariance(&covariance, &l->fit, &d, &own, &why)) {
        snprintf(l->reason, sizeof l->reason, "%.190s", why.text);
    } else if (!covariance.positive) {
        snprintf(l->reason, sizeof l->reason, "the rows do not determine it");
    } else {
        memcpy(l->sandwich, covariance.sandwich_t, sizeof l->sandwich);
        memcpy(l->hessian, covariance.hessian_t, sizeof l->hessian);
    }
    fit_data_close(&d);
    return 0;
}

/* Weights that sum to 1. */
static void weigh(struct average_law *law, const struct comparison *rows, int n)
{
    double least = INFINITY, total[AVERAGE_WEIGHTS] = {0};
    for (int i = 0; i < n; i++) {
        if (!law[i].reason[0] && rows[i].aicc < least) least = rows[i].aicc;
    }
    for (int i = 0; i < n; i++) {
        double *w = law[i].weight;
        if (law[i].reason[0]) continue;
        w[AVERAGE_AKAIKE] = isfinite(rows[i].aicc) ? exp((least - rows[i].aicc) / 2) : 0;
        w[AVERAGE_ERRORS] = rows[i].budgets > 0 ? 1 / (rows[i].budgets * rows[i].budgets) : 0;
        for (int k = 0; k < AVERAGE_WEIGHTS; k++) total[k] += w[k];
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < AVERAGE_WEIGHTS; k++)
            law[i].weight[k] = total[k] > 0 ? law[i].weight[k] / total[k] : 0;
    }
}

static double variance(const double *covariance, int n, const double *slope)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) {
            const double c = covariance[i * n + k];
            sum += c == 0 ? 0 : slope[i] * slope[k] * c;
        }
    }
    return sum;
}

/* The sandwich is too narrow with few rows, the Hessian where rows scatter unevenly. */
static double spread(const struct average_law *l, const double *slope)
{
    const double a = variance(l->sandwich, l->law->n, slope),
                 b = variance(l->hessian, l->law->n, slope);
    return sqrt(a > b ? a : b);
}

/* ln L at a place, and its standard error. */
static void loss_of(const struct average_law *l, const struct law *first,
                    const struct prediction *q, double *value, double *se)
{
    enum { KIND = LAW_ANY | LAW_STEP | LAW_V | LAW_C | LAW_SCHEDULE };
    const struct fit *f = &l->fit;
    const double v[3] = {q->N, q->D, q->U};
    double x[3] = {0}, g[LAW_PARAMS], h[LAW_HESSIAN];
    if ((l->law->variables ^ first->variables) & KIND) return;
    for (int k = 0; k < 3; k++) {
        if (!(l->law->variables >> k & 1)) continue;
        if (!(v[k] > 0)) return;
        x[k] = log(v[k]) - f->centre[k];
    }
    const double L = law_internal(l->law, f->t, x, f->centre, g, h);
    if (!(L > 0)) return;
    for (int i = 0; i < l->law->n; i++) g[i] /= L;
    *value = log(L);
    *se = spread(l, g);
}

/* ln N of the optimum. */
static double optimum(const struct law *law, const double *params, double budget)
{
    struct allocation best;
    struct err e;
    const struct allocate a = {.law = law, .params = params};
    return allocate_optimum(&a, budget, &best, &e) ? NAN : log(best.N);
}

/* The same with its standard error; that of ln D = ln (C / 6) - ln N is the same. */
static void size_of(const struct average_law *l, double budget, double *value, double *se)
{
    const struct fit *f = &l->fit;
    const double step = 1e-4;
    double slope[LAW_PARAMS];
    if (!allocate_can(l->law)) return;
    for (int i = 0; i < l->law->n; i++) {
        double t[LAW_PARAMS], params[LAW_PARAMS], ends[2];
        slope[i] = 0;
        if (l->hessian[i * l->law->n + i] == 0) continue;
        for (int side = 0; side < 2; side++) {
            memcpy(t, f->t, sizeof t);
            t[i] += side ? step : -step;
            law_to_natural(l->law, f->centre, t, params);
            ends[side] = optimum(l->law, params, budget);
        }
        slope[i] = (ends[1] - ends[0]) / (2 * step);
    }
    *value = optimum(l->law, f->params, budget);
    *se = spread(l, slope);
}

/* The laws with a value that they know to a factor e or better, in falling weight, as many as carry
 * LEVEL of it. */
static int carriers(const struct average *a, const struct average_at *at, int k, double level,
                    int *index)
{
    int n = 0, count = 0;
    double total = 0, sum = 0;
    for (int i = 0; i < a->n_laws; i++) {
        const double w = a->law[i].weight[k];
        if (!(w > 0) || !isfinite(at->value[i]) || !(at->se[i] < 1)) continue;
        int place = n++;
        for (; place > 0 && a->law[index[place - 1]].weight[k] < w; place--)
            index[place] = index[place - 1];
        index[place] = i;
        total += w;
    }
    while (count < n && sum < level * total) sum += a->law[index[count++]].weight[k];
    return count;
}

static struct average_band band_of(const struct average *a, const struct average_at *at, int k,
                                   double level)
{
    int index[COMPARE_LAWS];
    const int n = carriers(a, at, k, level, index);
    double sum = 0, mean = 0, within = 0, among = 0, low = INFINITY, high = -INFINITY,
           df = INFINITY;
    if (n == 0) return (struct average_band){NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0};
    for (int i = 0; i < n; i++) {
        const struct average_law *l = &a->law[index[i]];
        const double v = at->value[index[i]], s = at->se[index[i]];
        sum += l->weight[k];
        mean += l->weight[k] * v;
        within += l->weight[k] * s * s;
        low = fmin(low, v);
        high = fmax(high, v);
        df = fmin(df, (double)l->fit.rows - l->fit.free);
    }
    mean /= sum;
    within /= sum;
    for (int i = 0; i < n; i++) {
        const double off = at->value[index[i]] - mean;
        among += a->law[index[i]].weight[k] / sum * off * off;
    }
    const double t = gsl_cdf_tdist_Pinv((1 + level) / 2, fmax(df, 1)), half = t * sqrt(within),
                 both = t * sqrt(within + among);
    return (struct average_band){.value = exp(mean),
                                 .within_lo = exp(mean - half),
                                 .within_hi = exp(mean + half),
                                 .between_lo = exp(low),
                                 .between_hi = exp(high),
                                 .lo = exp(fmin(low, mean - both)),
                                 .hi = exp(fmax(high, mean + both)),
                                 .laws = n};
}

static void fill(struct average *a, const struct analysis_options *o)
{
    const int n = a->n_laws;
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < a->n; i++) {
        struct average_at *at = &a->at[i];
        for (int l = 0; l < n; l++) {
            at->value[l] = at->se[l] = NAN;
            if (a->law[l].reason[0]) continue;
            if (at->what == AVERAGE_LOSS)
                loss_of(&a->law[l], a->law[0].law, &at->place, &at->value[l], &at->se[l]);
            else
                size_of(&a->law[l], at->budget, &at->value[l], &at->se[l]);
            if (at->what == AVERAGE_D) at->value[l] = log(at->budget / 6) - at->value[l];
        }
        for (int k = 0; k < AVERAGE_WEIGHTS; k++) at->band[k] = band_of(a, at, k, o->level);
        for (int l = 0; l < n; l++) at->value[l] = exp(at->value[l]);
    }
}

int average_laws(struct average *a, const struct comparison *rows, int n, const struct points *p,
                 const struct analysis_options *o, struct err *e)
{
    int fitted = 0;
    *a = (struct average){.n_laws = n, .n = o->n_predict + 2 * o->n_budgets};
    a->law = calloc((size_t)n + 1, sizeof *a->law);
    a->at = calloc(a->n + 1, sizeof *a->at);
    a->block = calloc(2 * a->n * (size_t)n + 1, sizeof *a->block);
    if (!a->law || !a->at || !a->block) return err_memory(e, NULL);
    for (int i = 0; i < n; i++) {
        if (open_law(&a->law[i], &rows[i], i == 0, p, o, e)) return -1;
        fitted += !a->law[i].reason[0];
    }
    if (!fitted) return err_set(e, "no law to average: %.200s", a->law[0].reason);
    weigh(a->law, rows, n);
    for (size_t i = 0; i < a->n; i++) {
        struct average_at *at = &a->at[i];
        const size_t k = i - o->n_predict;
        at->value = a->block + 2 * i * (size_t)n;
        at->se = at->value + n;
        if (i < o->n_predict) {
            at->place = o->predict[i];
        } else {
            at->what = k % 2 ? AVERAGE_D : AVERAGE_N;
            at->budget = o->budgets[k / 2];
        }
    }
    fill(a, o);
    return 0;
}

void average_close(struct average *a)
{
    free(a->law);
    free(a->at);
    free(a->block);
    *a = (struct average){0};
}
