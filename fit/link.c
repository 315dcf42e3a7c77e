/* link.c - see link.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/link.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/jet.h"
#include "fit/ols.h"
#include "fit/solve.h"
#include "src/base/rng.h"

const char *const link_names[LINK_PARAMS] = {"low", "high", "k", "mid"};

enum { LEAST_ROWS = 6 };

struct rows {
    size_t n;
    const double *loss, *outcome, *w;
    const size_t *run; /* [n], of n_runs, where whole runs are drawn; NULL: rows are */
    size_t n_runs;
};

/* 1 / (1 + e^z) */
static double falling(double z)
{
    return z > 0 ? exp(-z) / (1 + exp(-z)) : 1 / (1 + exp(z));
}

double link_value(const double *param, double loss)
{
    return param[LINK_LOW] +
           (param[LINK_HIGH] - param[LINK_LOW]) * falling(param[LINK_K] * (loss - param[LINK_MID]));
}

/* Internal: low, high, ln k, mid. */
static void squares(void *context, const double *t, double *f, double *g, double *h, double *m)
{
    enum { n = LINK_PARAMS, PACK = n * (n + 1) / 2 };
    const struct rows *r = context;
    struct jet low = jet_variable(n, LINK_LOW, t[LINK_LOW]),
               high = jet_variable(n, LINK_HIGH, t[LINK_HIGH]),
               k = jet_variable(n, LINK_K, t[LINK_K]), span = jet_linear(n, 1, &high, -1, &low, 0);
    k = jet_exp(n, &k);
    *f = 0;
    memset(g, 0, n * sizeof *g);
    memset(h, 0, PACK * sizeof *h);
    memset(m, 0, PACK * sizeof *m);
    for (size_t i = 0; i < r->n; i++) {
        struct jet z = jet_variable(n, LINK_MID, t[LINK_MID]);
        z = jet_scale(n, -1, &z, r->loss[i]);
        z = jet_mul(n, &z, &k);
        double s = falling(z.v), s1 = -s * (1 - s);
        z = jet_chain(n, &z, s, s1, s1 * (1 - 2 * s));
        z = jet_mul(n, &z, &span);
        z = jet_add(n, &z, &low);
        double d = z.v - r->outcome[i], w = r->w[i];
        *f += 0.5 * w * d * d;
        for (int a = 0, q = 0; a < n; a++) {
            g[a] += w * d * z.g[a];
            for (int b = 0; b <= a; b++, q++) {
                m[q] += w * z.g[a] * z.g[b];
                h[q] += w * (z.g[a] * z.g[b] + d * z.h[q]);
            }
        }
    }
}

struct range {
    double lower[LINK_PARAMS], upper[LINK_PARAMS], least, span;
};

static bool find_range(struct range *g, const struct rows *r)
{
    double least = INFINITY, most = -INFINITY, low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < r->n; i++) {
        if (!(r->w[i] > 0)) continue;
        least = fmin(least, r->loss[i]);
        most = fmax(most, r->loss[i]);
        low = fmin(low, r->outcome[i]);
        high = fmax(high, r->outcome[i]);
    }
    if (!(most > least) || !(high > low)) return false;
    double span = most - least;
    *g = (struct range){.lower = {0, 0, log(0.05 / span), least - 3 * span},
                        .upper = {1, 1, log(1000 / span), most + 3 * span},
                        .least = least,
                        .span = span};
    return true;
}

static bool descend(const struct rows *r, const struct range *g, double *t,
                    struct solve_result *result)
{
    struct solve_problem p = {.n = LINK_PARAMS,
                              .function = squares,
                              .context = (void *)r,
                              .lower = g->lower,
                              .upper = g->upper,
                              .zero = 1e-29 * (double)r->n,
                              .tolerance = 1e-20,
                              .max_steps = 200,
                              .max_length = 2};
    solve(&p, t, result);
    return result->converged;
}

static void natural(const double *t, double *param)
{
    memcpy(param, t, LINK_PARAMS * sizeof *param);
    param[LINK_K] = exp(t[LINK_K]);
}

int link_fit(struct link *link, const double *loss, const double *outcome, const double *w,
             size_t n, struct err *e)
{
    enum { MIDS = 5, SLOPES = 4 };
    static const double slope[SLOPES] = {1.5, 4, 10, 30};
    struct rows r = {n, loss, outcome, w, NULL, 0};
    struct range g;
    double best = INFINITY, found[MIDS * SLOPES];
    if (n < LEAST_ROWS)
        return err_set(e, "--link: expected at least %d rows with an outcome, found %zu",
                       LEAST_ROWS, n);
    for (size_t i = 0; i < n; i++) {
        if (!(outcome[i] >= 0 && outcome[i] <= 1))
            return err_set(e, "--link: expected outcomes from 0 to 1, found %g", outcome[i]);
    }
    if (!find_range(&g, &r))
        return err_set(e, "--link: all losses or all outcomes are equal: no sigmoid runs through "
                          "them");
    *link = (struct link){.rows = n};
    for (int i = 0; i < MIDS; i++) {
        for (int k = 0; k < SLOPES; k++) {
            struct solve_result result;
            double t[LINK_PARAMS] = {0.2, 0.8, log(slope[k] / g.span),
                                     g.least + g.span * (i + 0.5) / MIDS};
            if (!descend(&r, &g, t, &result)) continue;
            found[link->starts++] = result.f;
            if (!(result.f < best)) continue;
            best = result.f;
            natural(t, link->param);
        }
    }
    if (!link->starts) return err_set(e, "--link: no start of the sigmoid reached an optimum");
    for (size_t i = 0; i < link->starts; i++) link->agree += found[i] - best <= 1e-8 * best + 1e-25;
    link->starts = MIDS * SLOPES;
    link->rms = sqrt(2 * best / (double)n);
    for (int i = 0; i < LINK_PARAMS; i++) link->interval[i] = (struct interval){NAN, NAN, NAN};
    return 0;
}

/* The sigmoid of one resample of the rows, or runs, from the fit's; false when it has none. */
static bool refit(const struct link *link, const struct rows *r, double *w, uint64_t seed, size_t k,
                  double *param)
{
    struct rows drawn = {r->n, r->loss, r->outcome, w, NULL, 0};
    struct range g;
    struct solve_result result;
    double t[LINK_PARAMS];
    memset(w, 0, r->n * sizeof *w);
    const size_t units = r->run ? r->n_runs : r->n;
    for (size_t i = 0; i < units; i++) {
        size_t drew = rng_below(seed, UINT64_MAX / 2 + k, i, units);
        for (size_t j = r->run ? 0 : drew; j < (r->run ? r->n : drew + 1); j++) {
            if (!r->run || r->run[j] == drew) w[j] += r->w[j];
        }
    }
    if (!find_range(&g, &drawn)) return false;
    memcpy(t, link->param, sizeof t);
    t[LINK_K] = log(link->param[LINK_K]);
    if (!descend(&drawn, &g, t, &result)) return false;
    natural(t, param);
    return true;
}

/* Resamples of few rows spread too little, by what their fit took from the residuals: percentiles
 * further out make up for it (Hesterberg, The American Statistician 69 (2015) 371, expanded
 * percentiles). */
static double expanded(double level, double n, int free)
{
    const double df = fmax(n - free, 1);
    return 1 - 2 * gsl_cdf_ugaussian_Q(ols_t(level, df) * sqrt(n / df));
}

/* Percentiles of the parameters and of the outcomes at the predictions; values [(LINK_PARAMS +
 * predictions) * resamples]. */
static int bands(struct link *link, struct linked *out, const struct analysis *a,
                 const struct rows *r, double level, uint64_t seed, struct err *e)
{
    size_t n = a->bootstrap.n, quantities = LINK_PARAMS + a->n_predict, count = 0;
    double *values = malloc((quantities * n + 1) * sizeof *values), *w = malloc(r->n * sizeof *w);
    int status = values && w ? 0 : err_memory(e, NULL);
    for (size_t k = 0; k < n && !status; k++) {
        double param[LINK_PARAMS];
        if (!refit(link, r, w, seed, k, param)) continue;
        for (int i = 0; i < LINK_PARAMS; i++) values[(size_t)i * n + count] = param[i];
        for (size_t q = 0; q < a->n_predict; q++) {
            struct law_at at = {out[q].N, out[q].D, out[q].U};
            double loss = law_value(a->fit.law, a->bootstrap.params[k], &at);
            values[(LINK_PARAMS + q) * n + count] = link_value(param, loss);
        }
        count++;
    }
    const double wider = r->run ? level : expanded(level, (double)r->n, a->fit.free);
    for (size_t q = 0; q < quantities && !status; q++) {
        struct interval in;
        status = interval_percentile(values + q * n, count, wider, &in, e);
        if (q < LINK_PARAMS) {
            link->interval[q] = in;
        } else {
            out[q - LINK_PARAMS].lo = in.lo;
            out[q - LINK_PARAMS].hi = in.hi;
        }
    }
    free(values);
    free(w);
    return status;
}

int link_analyse(struct link *link, struct linked *out, const struct analysis *a,
                 const struct points *p, const struct analysis_options *o, struct err *e)
{
    double *block = malloc(3 * (p->n + 1) * sizeof *block);
    size_t *run = malloc((p->n + 1) * sizeof *run), n = 0;
    int status = block && run ? 0 : err_memory(e, NULL);
    double *outcome = block + p->n, *w = outcome + p->n;
    for (size_t i = 0; i < p->n && !status; i++) {
        if (isnan(p->outcome[i])) continue;
        block[n] = p->loss[i];
        outcome[n] = p->outcome[i];
        run[n] = p->run[i];
        w[n++] = p->weight[i];
    }
    if (!status) status = link_fit(link, block, outcome, w, n, e);
    for (size_t q = 0; q < a->n_predict && !status; q++) {
        const struct prediction *at = &a->predict[q];
        out[q] = (struct linked){at->N, at->D, at->U, at->loss, link_value(link->param, at->loss),
                                 NAN,   NAN};
    }
    const bool clusters = o->bootstrap.kind == BOOT_CLUSTER;
    const struct rows r = {n, block, outcome, w, clusters ? run : NULL, p->n_runs};
    if (!status && a->bootstrap.n) status = bands(link, out, a, &r, o->level, o->bootstrap.seed, e);
    free(block);
    free(run);
    return status;
}
