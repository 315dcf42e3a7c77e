/* design.c - see design.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/design.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/allocate.h"
#include "fit/ols.h"
#include "fit/pick.h"
#include "fit/points_join.h"
#include "fit/prior.h"

/* A target: ln L at a place, or ln N* of a budget, whose departure is SLOPE times the change of the
 * departure of ln L along the budget there. */
struct target {
    double x[2]; /* ln N, ln D */
    double value, g[LAW_PARAMS];
    double slope; /* 0: ln L */
    double offset[DESIGN_LAWS];
};

/* What stands still while rounds go on, and the model of the round. */
struct work {
    const struct design_options *o;
    const struct points *candidates;
    struct points pool;          /* rows, then candidates */
    size_t *have, n_have, first; /* the first candidate in the pool */
    bool *usable;                /* [candidates] */
    double *j;                   /* [pool * p] gradients of ln L */
    double *offset[DESIGN_LAWS]; /* [pool] of a law that may be true against the fitted one */
    double weight[DESIGN_LAWS];
    size_t laws;
    double tau2; /* variance of the smooth departure */
    double *kernel, *at_target, *at_rows;
    struct target *target;
    size_t n_targets;
    struct pick_model model;
};

/* --- what a fitted law says, and its gradient in internal parameters --- */

static double ln_loss(const struct fit *f, double N, double D, double *j)
{
    double x[3] = {log(N) - f->centre[0], log(D) - f->centre[1], 0}, h[LAW_HESSIAN];
    double L = law_internal(f->law, f->t, x, f->centre, j, j ? h : NULL);
    for (int i = 0; j && i < f->law->n; i++) j[i] /= L;
    return log(L);
}

static int ln_optimum(const struct fit *f, const double *t, double C, double *value, struct err *e)
{
    double params[LAW_PARAMS];
    law_to_natural(f->law, f->centre, t, params);
    struct allocate p = {.law = f->law, .params = params};
    struct allocation a;
    if (allocate_optimum(&p, C, &a, e)) return -1;
    *value = log(a.N);
    return 0;
}

/* ln N* of a budget. Where dL/dN vanishes along the budget it keeps vanishing, so with x = ln N
 * dx = -(change of L_x) / L_xx; derivatives along x are differences of exact ones. */
static int set_optimum(struct target *t, const struct fit *f, double C, struct err *e)
{
    const double step = 1e-3;
    double g[3][LAW_PARAMS], L[3];
    if (ln_optimum(f, f->t, C, &t->value, e)) return -1;
    t->x[0] = t->value;
    t->x[1] = log(C / 6) - t->value;
    for (int k = 0; k < 3; k++) {
        double N = exp(t->value + (k - 1) * step);
        L[k] = exp(ln_loss(f, N, C / 6 / N, g[k]));
        for (int i = 0; i < f->law->n; i++) g[k][i] *= L[k];
    }
    double bend = (L[0] - 2 * L[1] + L[2]) / (step * step);
    if (!(bend > 0)) return err_set(e, "%s has no optimum at %.4g FLOP", f->law->name, C);
    for (int i = 0; i < f->law->n; i++) t->g[i] = -(g[2][i] - g[0][i]) / (2 * step) / bend;
    t->slope = -L[1] / bend;
    return 0;
}

static int set_target(struct target *t, const struct fit *f, const struct design_options *o,
                      size_t i, struct err *e)
{
    *t = (struct target){.slope = 0};
    if (o->optimum > 0) return set_optimum(t, f, o->optimum, e);
    t->x[0] = log(o->target_N[i]);
    t->x[1] = log(o->target_D[i]);
    t->value = ln_loss(f, o->target_N[i], o->target_D[i], t->g);
    return 0;
}

/* --- how the truth may depart from the law --- */

static double smooth(const struct work *w, const double *x, const double *y)
{
    const double a = x[0] - y[0], b = x[1] - y[1];
    return w->tau2 * exp(-(a * a + b * b) / (2 * DESIGN_REACH * DESIGN_REACH));
}

static void place(const struct work *w, size_t i, double x[2])
{
    x[0] = log(w->pool.N[i]);
    x[1] = log(w->pool.D[i]);
}

/* Covariance between two places of the pool. */
static double between(const struct work *w, size_t i, size_t k)
{
    double x[2], y[2];
    place(w, i, x);
    place(w, k, y);
    double sum = smooth(w, x, y);
    for (size_t l = 0; l < w->laws; l++) sum += w->weight[l] * w->offset[l][i] * w->offset[l][k];
    return sum;
}

static double to_target(const struct work *w, size_t i, const struct target *t)
{
    double x[2];
    place(w, i, x);
    double sum = smooth(w, x, t->x), along = (x[0] - t->x[0]) - (x[1] - t->x[1]);
    if (t->slope != 0) sum *= t->slope * along / (DESIGN_REACH * DESIGN_REACH);
    for (size_t l = 0; l < w->laws; l++) sum += w->weight[l] * w->offset[l][i] * t->offset[l];
    return sum;
}

static double of_target(const struct work *w, const struct target *t)
{
    double sum =
        t->slope == 0 ? w->tau2 : 2 * w->tau2 * t->slope * t->slope / (DESIGN_REACH * DESIGN_REACH);
    for (size_t l = 0; l < w->laws; l++) sum += w->weight[l] * t->offset[l] * t->offset[l];
    return sum;
}

/* --- the linear model --- */

static void add_product(double *matrix, int p, const double *a, const double *b, double weight)
{
    for (int i = 0; i < p; i++) {
        for (int k = 0; k < p; k++) matrix[i * p + k] += weight * a[i] * b[k];
    }
}

/* What is asked: these targets, evenly. */
static void ask(struct work *w, const struct target *t, size_t n)
{
    struct pick_model *m = &w->model;
    const size_t p = (size_t)m->p;
    memset(m->target, 0, sizeof m->target);
    memset(m->cross, 0, sizeof m->cross);
    memset(w->at_target, 0, m->n * p * sizeof *w->at_target);
    m->own = 0;
    for (size_t k = 0; k < n; k++, t++) {
        const double share = 1 / (double)n;
        add_product(m->target, m->p, t->g, t->g, share);
        m->own += share * of_target(w, t);
        for (size_t i = 0; i < m->n; i++) {
            const double c = share * to_target(w, w->first + i, t);
            for (size_t a = 0; a < p; a++) w->at_target[i * p + a] += c * t->g[a];
        }
        for (size_t r = 0; r < w->n_have; r++) {
            const size_t i = w->have[r];
            add_product(m->cross, m->p, t->g, w->j + i * p,
                        share * w->pool.weight[i] * to_target(w, i, t));
        }
    }
}

/* The rows there are, the prior, the departure. */
static void set_model(struct work *w, const struct fit *f, double sigma)
{
    struct pick_model *m = &w->model;
    const size_t p = (size_t)m->p;
    double sd[LAW_PARAMS];
    m->sigma2 = sigma * sigma;
    prior_width(f->law, sd);
    memset(m->there, 0, sizeof m->there);
    memset(m->rows, 0, sizeof m->rows);
    memset(w->at_rows, 0, m->n * p * sizeof *w->at_rows);
    for (size_t i = 0; i < p; i++) m->there[i * p + i] = m->sigma2 / (sd[i] * sd[i]);
    for (size_t r = 0; r < w->n_have; r++) {
        const size_t i = w->have[r];
        const double *j = w->j + i * p, weight = w->pool.weight[i];
        add_product(m->there, m->p, j, j, weight);
        for (size_t k = 0; k < w->n_have; k++) {
            const size_t o = w->have[k];
            add_product(m->rows, m->p, j, w->j + o * p,
                        weight * w->pool.weight[o] * between(w, i, o));
        }
        for (size_t k = 0; k < m->n; k++) {
            const double c = weight * between(w, w->first + k, i);
            for (size_t a = 0; a < p; a++) w->at_rows[k * p + a] += c * j[a];
        }
    }
    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k <= i; k++)
            w->kernel[i * m->n + k] = w->kernel[k * m->n + i] =
                between(w, w->first + i, w->first + k);
    }
    ask(w, w->target, w->n_targets);
}

static int fit_have(struct work *w, struct fit *f, double *sigma, const struct law *law,
                    struct err *e)
{
    struct points part;
    struct fit_data data;
    if (points_select(&part, &w->pool, w->have, w->n_have, e)) return -1;
    int status = fit_data_open(&data, &part, law, POINTS_N, e);
    if (!status) status = prior_fit(f, sigma, law, &data, e);
    fit_data_close(&data);
    points_close(&part);
    return status;
}

/* AICc of a least squares fit of ln L. */
static double aicc(const struct fit *f)
{
    double n = (double)f->rows, k = f->free + 1;
    return n * log(f->rss_log / n) + 2 * k + 2 * k * (k + 1) / fmax(n - k - 1, 1e-9);
}

/* One law that may be true, against the fitted one. */
static int set_law(struct work *w, const struct fit *f, const struct fit *other, size_t l,
                   struct err *e)
{
    for (size_t i = 0; i < w->pool.n; i++) {
        const double N = w->pool.N[i], D = w->pool.D[i];
        w->offset[l][i] = ln_loss(other, N, D, NULL) - ln_loss(f, N, D, NULL);
    }
    for (size_t i = 0; i < w->n_targets; i++) {
        struct target t;
        if (set_target(&t, other, w->o, i, e)) return -1;
        w->target[i].offset[l] = t.value - w->target[i].value;
    }
    return 0;
}

/* The laws of N and D by their Akaike weights. */
static int set_laws(struct work *w, struct design *d, const struct fit *f, struct err *e)
{
    double score[DESIGN_LAWS], least = INFINITY, sum = 0;
    w->laws = 0;
    for (size_t l = 0; l < n_laws && w->laws < DESIGN_LAWS; l++) {
        struct fit other;
        struct err ignored; /* it has no fit, or no optimum there */
        double sigma;
        if (laws[l].variables != (LAW_N | LAW_D) ||
            fit_have(w, &other, &sigma, &laws[l], &ignored) ||
            set_law(w, f, &other, w->laws, &ignored))
            continue;
        score[w->laws] = aicc(&other);
        least = fmin(least, score[w->laws]);
        d->law[w->laws++].law = &laws[l];
    }
    if (!w->laws) return err_set(e, "no law of N and D can be fitted to compare with");
    for (size_t k = 0; k < w->laws; k++) sum += w->weight[k] = exp(-(score[k] - least) / 2);
    for (size_t k = 0; k < w->laws; k++) d->law[k].weight = w->weight[k] /= sum;
    d->laws = w->laws;
    return 0;
}

/* Fits what is there, and all that follows from it. */
static int fit_all(struct work *w, struct design *d, struct fit *f, double *sigma, struct err *e)
{
    if (fit_have(w, f, sigma, w->o->law, e)) return -1;
    for (size_t i = 0; i < w->n_targets; i++) {
        if (set_target(&w->target[i], f, w->o, i, e)) return -1;
    }
    for (size_t i = 0; i < w->pool.n; i++)
        ln_loss(f, w->pool.N[i], w->pool.D[i], w->j + i * (size_t)f->law->n);
    if (w->o->criterion == DESIGN_MSE && set_laws(w, d, f, e)) return -1;
    w->tau2 = pow(w->o->misfit * *sigma, 2);
    set_model(w, f, *sigma);
    return 0;
}

/* --- rounds --- */

static double quantile(const struct work *w, size_t more)
{
    double df = (double)(w->n_have + more) - w->o->law->n;
    return ols_t(w->o->level, fmax(df, 1));
}

static int cheaper(const void *a, const void *b, void *context)
{
    const double *cost = context;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    if (cost[i] != cost[k]) return cost[i] < cost[k] ? -1 : 1;
    return (i > k) - (i < k);
}

/* Runs chosen[0 .. n - 1]: they become steps, and rows that are there. */
static int run_chosen(struct work *w, struct design *d, const size_t *chosen, size_t n,
                      size_t round, struct err *e)
{
    double *error = malloc((n + 1) * sizeof *error);
    int status = error ? pick_follow(&w->model, chosen, n, error, e) : err_memory(e, NULL);
    for (size_t i = 0; i < n && !status; i++) {
        const double half = quantile(w, i + 1) * sqrt(error[i + 1]);
        d->spent += w->model.cost[chosen[i]];
        d->step[d->n++] = (struct design_step){.candidate = chosen[i],
                                               .round = round,
                                               .spent = d->spent,
                                               .half = half,
                                               .gain = quantile(w, i) * sqrt(error[i]) - half};
        w->usable[chosen[i]] = false;
    }
    for (size_t i = 0; i < n && !status; i++) w->have[w->n_have + i] = w->first + chosen[i];
    w->n_have += status ? 0 : n;
    free(error);
    return status;
}

/* Half-widths before and with all of chosen [n]. */
static int halves(struct work *w, const size_t *chosen, size_t n, double *before, double *after,
                  struct err *e)
{
    double *error = malloc((n + 1) * sizeof *error);
    int status = error ? pick_follow(&w->model, chosen, n, error, e) : err_memory(e, NULL);
    if (!status) {
        *before = quantile(w, 0) * sqrt(error[0]);
        *after = quantile(w, n) * sqrt(error[n]);
    }
    free(error);
    return status;
}

/* Where it ends, whatever candidates cost: the rows there are hold the N runs of CHOSEN, the model does
 * not. */
static int set_limit(const struct work *w, struct design *d, const size_t *chosen, size_t n,
                     struct err *e)
{
    double least, all;
    size_t more, left = 0;
    if (pick_limit(&w->model, chosen, n, w->usable, &least, &more, &all, e)) return -1;
    for (size_t i = 0; i < w->model.n; i++) left += w->usable[i];
    d->half_every = quantile(w, more) * sqrt(least);
    d->half_all = quantile(w, left) * sqrt(all);
    return 0;
}

/* Each target by itself, by what the model knows with these candidates too. */
static int describe(struct work *w, struct design *d, const struct fit *f, const size_t *chosen,
                    size_t n, bool first, struct err *e)
{
    int status = 0;
    for (size_t i = 0; i < w->n_targets && !status; i++) {
        struct design_target *t = &d->target[i];
        double before;
        ask(w, &w->target[i], 1);
        status = halves(w, chosen, n, &before, &t->half_after, e);
        if (first) t->half = before;
        t->N = exp(w->target[i].x[0]);
        t->D = exp(w->target[i].x[1]);
        t->loss = fit_predict(f, t->N, t->D, 0);
    }
    ask(w, w->target, w->n_targets);
    return status;
}

/* --- the whole --- */

static int check(const struct points *candidates, const double *cost,
                 const struct design_options *o, struct err *e)
{
    double least = INFINITY;
    if (o->law->variables != (LAW_N | LAW_D))
        return err_set(e, "%s is no law of N and D: it has no design", o->law->name);
    if (!o->n_targets && !(o->optimum > 0)) return err_set(e, "a design needs a target");
    if (candidates->n > DESIGN_CANDIDATES)
        return err_set(e, "%s: expected at most %d candidates, found %zu", candidates->path,
                       DESIGN_CANDIDATES, candidates->n);
    for (size_t i = 0; i < candidates->n; i++) {
        const size_t line = candidates->line[i];
        if (!(cost[i] > 0 && isfinite(cost[i])))
            return err_set(e, "%s: line %zu: expected a positive cost, found %g", candidates->path,
                           line, cost[i]);
        if (o->rounds > 1 && !(candidates->loss[i] > 0))
            return err_set(e, "%s: line %zu: no loss: rounds need that of every candidate",
                           candidates->path, line);
        least = fmin(least, cost[i]);
    }
    if (!(least <= o->budget))
        return err_set(e, "%s: no candidate costs at most %.4g: the cheapest %.4g",
                       candidates->path, o->budget, least);
    return 0;
}

static int open_work(struct work *w, struct design *d, const struct points *rows,
                     const double *cost, struct err *e)
{
    const size_t n = w->candidates->n, p = (size_t)w->o->law->n, all = rows->n + n;
    w->first = rows->n;
    w->n_targets = d->n_targets = w->o->optimum > 0 ? 1 : w->o->n_targets;
    w->have = malloc(all * sizeof *w->have);
    w->usable = malloc(n * sizeof *w->usable);
    w->j = malloc(all * p * sizeof *w->j);
    w->kernel = malloc(n * n * sizeof *w->kernel);
    w->at_target = malloc(n * p * sizeof *w->at_target);
    w->at_rows = malloc(n * p * sizeof *w->at_rows);
    w->target = malloc(w->n_targets * sizeof *w->target);
    d->step = malloc(n * sizeof *d->step);
    d->target = calloc(w->n_targets, sizeof *d->target);
    bool short_of = !w->have || !w->usable || !w->j || !w->kernel || !w->at_target || !w->at_rows ||
                    !w->target || !d->step || !d->target;
    for (size_t l = 0; l < DESIGN_LAWS && w->o->criterion == DESIGN_MSE; l++) {
        w->offset[l] = malloc(all * sizeof *w->offset[l]);
        short_of = short_of || !w->offset[l];
    }
    if (short_of) return err_memory(e, w->candidates->path);
    w->model = (struct pick_model){.d_optimal = w->o->criterion == DESIGN_D,
                                   .p = w->o->law->n,
                                   .n = n,
                                   .row = w->j + rows->n * p,
                                   .cost = cost,
                                   .kernel = w->kernel,
                                   .at_target = w->at_target,
                                   .at_rows = w->at_rows};
    for (size_t i = 0; i < rows->n; i++) w->have[w->n_have++] = i;
    for (size_t i = 0; i < n; i++) w->usable[i] = true;
    return points_join(&w->pool, rows, w->candidates, e);
}

static void close_work(struct work *w)
{
    free(w->have);
    free(w->usable);
    free(w->j);
    free(w->kernel);
    free(w->at_target);
    free(w->at_rows);
    free(w->target);
    for (size_t l = 0; l < DESIGN_LAWS; l++) free(w->offset[l]);
    points_close(&w->pool);
}

static int choose(struct work *w, struct design *d, size_t *chosen, struct err *e)
{
    const struct design_options *o = w->o;
    const size_t rounds = o->rounds > 1 ? o->rounds : 1;
    if (fit_all(w, d, &d->fit, &d->sigma, e) || halves(w, NULL, 0, &d->half, &d->half_after, e))
        return -1;
    d->last = d->fit;
    d->sigma_last = d->sigma;
    for (size_t round = 1; round <= rounds; round++) {
        size_t n;
        if (pick(&w->model, w->usable, o->budget - d->spent, chosen, &n, e)) return -1;
        if (n && round < rounds) {
            qsort_r(chosen, n, sizeof *chosen, cheaper, (void *)w->model.cost);
            n = (n + rounds - round) / (rounds - round + 1);
        }
        if (round == 1 && describe(w, d, &d->last, chosen, n, true, e)) return -1;
        if (n == 0) break; /* nothing that is left helps */
        if (run_chosen(w, d, chosen, n, round, e)) return -1;
        d->half_after = d->step[d->n - 1].half;
        if (rounds > 1 && fit_all(w, d, &d->last, &d->sigma_last, e)) return -1;
    }
    if (rounds > 1) {
        double now;
        if (halves(w, NULL, 0, &now, &d->half_after, e) || set_limit(w, d, NULL, 0, e)) return -1;
        d->enough = d->half_after <= 1.1 * d->half_every ? d->n : 0;
        return describe(w, d, &d->last, NULL, 0, false, e);
    }
    if (set_limit(w, d, chosen, d->n, e)) return -1;
    for (size_t i = 0; i < d->n && !d->enough; i++)
        d->enough = d->step[i].half <= 1.1 * d->half_every ? i + 1 : 0;
    return 0;
}

int design_choose(struct design *d, const struct points *rows, const struct points *candidates,
                  const double *cost, const struct design_options *o, struct err *e)
{
    struct work w = {.o = o, .candidates = candidates};
    *d = (struct design){.n = 0};
    if (check(candidates, cost, o, e)) return -1;
    size_t *chosen = malloc(candidates->n * sizeof *chosen);
    int status = chosen ? open_work(&w, d, rows, cost, e) : err_memory(e, candidates->path);
    if (!status) status = choose(&w, d, chosen, e);
    free(chosen);
    close_work(&w);
    return status;
}

void design_close(struct design *d)
{
    free(d->step);
    free(d->target);
    *d = (struct design){.n = 0};
}
