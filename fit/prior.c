/* prior.c - see prior.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/prior.h"

#include <math.h>
#include <string.h>

#include "fit/solve.h"

enum { ROUNDS = 4 }; /* of fit and sigma: it settles to a thousandth in two or three */

struct problem {
    const struct law *law;
    const struct fit_data *d;
    double mean[LAW_PARAMS], sd[LAW_PARAMS];
    double sigma2;
    double rss; /* of the last evaluation */
};

static bool is_exponent(const struct law *law, int i)
{
    for (int k = 0; k < law->n; k++) {
        const enum law_map map = law->param[k].map;
        if ((map == MAP_COEFFICIENT || map == MAP_SCALE) && law->param[k].exponent == i)
            return true;
    }
    return false;
}

static void set_prior(const struct law *law, double least, double *mean, double *sd)
{
    for (int i = 0; i < law->n; i++) {
        const enum law_map map = law->param[i].map;
        if (i == law->constant) {
            mean[i] = log(least / 2);
            sd[i] = 1;
        } else if (map == MAP_COEFFICIENT || map == MAP_SCALE) {
            mean[i] = log(least / 4);
            sd[i] = 1.5;
        } else if (is_exponent(law, i)) {
            mean[i] = sd[i] = 0.3;
        } else {
            mean[i] = 0;
            sd[i] = map == MAP_LOG ? 1 : 3;
        }
    }
}

void prior_width(const struct law *law, double *sd)
{
    double mean[LAW_PARAMS];
    set_prior(law, 1, mean, sd);
}

/* Half the sum of squares and of the prior's, a solve_function. */
static void evaluate(void *context, const double *t, double *f, double *g, double *h, double *m)
{
    struct problem *p = context;
    const int n = p->law->n;
    double lg[LAW_PARAMS], lh[LAW_HESSIAN];
    memset(g, 0, (size_t)n * sizeof *g);
    memset(h, 0, LAW_HESSIAN * sizeof *h);
    memset(m, 0, LAW_HESSIAN * sizeof *m);
    p->rss = 0;
    for (size_t i = 0; i < p->d->n; i++) {
        const struct fit_rows *rows = &p->d->rows;
        const double x[3] = {rows->x[0][i], rows->x[1][i], rows->x[2][i]};
        const double L = law_internal(p->law, t, x, p->d->centre, lg, lh);
        const double r = log(L) - rows->y[i], w = rows->w[i];
        p->rss += w * r * r;
        for (int a = 0; a < n; a++) {
            g[a] += w * r * lg[a] / L;
            for (int b = 0; b <= a; b++) {
                const double square = lg[a] * lg[b] / (L * L), bend = lh[PACKED(a, b)] / L - square;
                m[PACKED(a, b)] += w * square;
                h[PACKED(a, b)] += w * (square + r * bend);
            }
        }
    }
    *f = p->rss / 2;
    for (int a = 0; a < n; a++) {
        const double weight = p->sigma2 / (p->sd[a] * p->sd[a]), away = t[a] - p->mean[a];
        *f += weight * away * away / 2;
        g[a] += weight * away;
        h[PACKED(a, a)] += weight;
        m[PACKED(a, a)] += weight;
    }
}

static double spread(const struct problem *p)
{
    double df = fmax((double)p->d->n - p->law->n, 1);
    return fmax(sqrt(p->rss / df), 1e-6);
}

/* From t to a minimum, sigma and the parameters in turn. */
static bool settle(struct problem *p, double *t, struct solve_result *r)
{
    const struct solve_problem s = {
        .n = p->law->n, .function = evaluate, .context = p, .tolerance = 1e-20, .max_steps = 300};
    p->sigma2 = 1e-4; /* a per cent */
    for (int k = 0; k < ROUNDS; k++) {
        double f, g[LAW_PARAMS], h[LAW_HESSIAN], m[LAW_HESSIAN];
        solve(&s, t, r);
        evaluate(p, t, &f, g, h, m);
        if (!r->converged || !isfinite(f)) return false;
        double sigma = spread(p);
        if (k + 1 < ROUNDS) p->sigma2 = sigma * sigma;
    }
    return true;
}

int prior_fit(struct fit *f, double *sigma, const struct law *law, struct fit_data *d,
              struct err *e)
{
    struct problem p = {.law = law, .d = d};
    struct solve_result r;
    double least = INFINITY, best = INFINITY;
    if (d->n < 3) return err_set(e, "expected at least 3 rows, found %zu", d->n);
    for (size_t i = 0; i < d->n; i++) least = fmin(least, d->rows.L[i]);
    set_prior(law, least, p.mean, p.sd);
    *f = (struct fit){
        .law = law, .objective = {.kind = OBJ_LOGLS, .ratio = 1}, .rows = d->n, .free = law->n};
    memcpy(f->centre, d->centre, sizeof f->centre);
    /* From the prior's middle, and with steeper and flatter terms. */
    for (int start = -1; start <= 1; start++) {
        double t[LAW_PARAMS];
        for (int i = 0; i < law->n; i++)
            t[i] = p.mean[i] + (is_exponent(law, i) ? start * p.sd[i] / 2 : 0);
        if (!settle(&p, t, &r) || !(r.f < best)) continue;
        best = r.f;
        f->starts++;
        f->rss_log = p.rss;
        *sigma = spread(&p);
        memcpy(f->t, t, sizeof f->t);
    }
    if (!isfinite(best)) return err_set(e, "%s: no optimum found", law->name);
    law_to_natural(law, f->centre, f->t, f->params);
    return 0;
}
