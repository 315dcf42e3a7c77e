/* bootstrap.c - resampled fits; see infer.h.
 *
 * Random numbers are counted, not streamed: resample k draws from stream k + 1, so which thread
 * does it does not matter. A resample keeps only the rows it drew, with their multiplicity as
 * weight.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/infer.h"
#include "fit/descend.h"
#include "fit/starts.h"
#include "src/base/progress.h"
#include "src/base/rng.h"

const char *const bootstrap_names[BOOT_KINDS] = {"pairs", "residual", "cluster", "parametric"};

int bootstrap_refit(const struct fit_problem *p, const struct fit *f, const double *weights,
                    const double *y, int starts, double *t, double *value, bool *moved)
{
    const struct fit_rows *all = p->rows;
    struct fit_rows rows;
    double *block = malloc(6 * (all->n + 1) * sizeof *block);
    if (!block) return -1;
    for (int k = 0; k < 3; k++) rows.x[k] = block + (size_t)k * (all->n + 1);
    rows.y = block + 3 * (all->n + 1);
    rows.L = block + 4 * (all->n + 1);
    rows.w = block + 5 * (all->n + 1);
    rows.n = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (!(weights[i] > 0)) continue;
        size_t k = rows.n++;
        for (int v = 0; v < 3; v++) rows.x[v][k] = all->x[v][i];
        rows.y[k] = y ? y[i] : all->y[i];
        rows.L[k] = y ? exp(y[i]) : all->L[i];
        rows.w[k] = weights[i];
    }
    int status = -1;
    *moved = false;
    if (rows.n == 0) goto out;
    if (rows.n & 1) {
        size_t k = rows.n++;
        for (int v = 0; v < 3; v++) rows.x[v][k] = 0;
        rows.y[k] = rows.y[0];
        rows.L[k] = rows.L[0];
        rows.w[k] = 0;
    }
    struct fit_problem q = *p;
    struct solve_result r;
    q.rows = &rows;
    memcpy(t, f->t, sizeof f->t);
    fit_descend(&q, t, true, &r);
    double best = r.converged ? r.f : INFINITY, other[8][LAW_PARAMS];
    int n = starts > 0 ? fit_starts(&q, 4, starts < 8 ? starts : 8, other) : 0;
    for (int i = 0; i < n; i++) {
        fit_descend(&q, other[i], false, &r);
        if (!r.converged || !(r.f < best * (1 - 1e-9))) continue;
        *moved = true;
        best = r.f;
        memcpy(t, other[i], sizeof f->t);
    }
    *value = best;
    status = isfinite(best) ? 0 : -1;
out:
    free(block);
    return status;
}

struct draw {
    const struct bootstrap_options *o;
    const struct fit_data *d;
    const struct fit_problem *p;
    const double *fitted, *residual; /* [d->n], on the scale of the objective */
    double sigma;
    const size_t *cluster;
    size_t n_clusters;
};

/* Weights (and observations, for kinds that move them) of resample k. */
static void draw(const struct draw *s, size_t k, double *w, double *y)
{
    const struct bootstrap_options *o = s->o;
    size_t n = s->d->n;
    const double *given = s->d->rows.w;
    bool log_scale = s->p->loss.log;
    for (size_t i = n; i < s->d->rows.n; i++) {
        w[i] = 0;
        y[i] = 0;
    }
    switch (o->kind) {
    case BOOT_PAIRS:
        memset(w, 0, n * sizeof *w);
        for (size_t i = 0; i < n; i++) {
            size_t j = rng_below(o->seed, k + 1, i, n);
            w[j] += given[j];
        }
        break;
    case BOOT_CLUSTER: {
        memset(w, 0, n * sizeof *w);
        for (size_t i = 0; i < s->n_clusters; i++) {
            size_t c = rng_below(o->seed, k + 1, i, s->n_clusters);
            for (size_t j = 0; j < n; j++) w[j] += s->cluster[j] == c ? given[j] : 0;
        }
        break;
    }
    default:
        for (size_t i = 0; i < n; i++) {
            double r = o->kind == BOOT_RESIDUAL ? s->residual[rng_below(o->seed, k + 1, i, n)]
                                                : s->sigma * rng_gaussian(o->seed, k + 1, i);
            double v = s->fitted[i] + r;
            w[i] = given[i];
            y[i] = log_scale ? v : log(fmax(v, 1e-6 * s->fitted[i]));
        }
    }
}

static bool moves_losses(enum bootstrap_kind kind)
{
    return kind == BOOT_RESIDUAL || kind == BOOT_PARAMETRIC;
}

/* Fits without one row or cluster each. */
static int jackknife(struct bootstrap *b, const struct fit *f, const struct draw *s)
{
    size_t n = s->d->n, padded = s->d->rows.n;
    size_t units = s->o->kind == BOOT_CLUSTER ? s->n_clusters : n;
    /* Many add nothing to one number, the skewness: a thousand, or fewer of very many rows. */
    size_t most = n > 2000 ? 50 + 2000000 / n : 1000, step = units > 2 * most ? units / most : 1;
    size_t count = (units + step - 1) / step;
    b->jack = malloc(count * sizeof *b->jack);
    char *good = calloc(count, 1);
    int failed = !b->jack || !good;
#pragma omp parallel if (!failed)
    {
        double *w = malloc(padded * sizeof *w), value;
#pragma omp for schedule(dynamic, 8)
        for (size_t k = 0; k < count; k++) {
            double t[LAW_PARAMS];
            bool moved;
            if (!w) continue;
            for (size_t i = 0; i < padded; i++) {
                bool out =
                    s->o->kind == BOOT_CLUSTER ? i < n && s->cluster[i] == k * step : i == k * step;
                w[i] = out ? 0 : s->d->rows.w[i];
            }
            if (bootstrap_refit(s->p, f, w, NULL, 0, t, &value, &moved)) continue;
            law_to_natural(f->law, f->centre, t, b->jack[k]);
            good[k] = 1;
        }
        free(w);
    }
    if (!failed) {
        for (size_t k = 0; k < count; k++) {
            if (good[k]) memmove(b->jack[b->n_jack++], b->jack[k], sizeof *b->jack);
        }
    }
    free(good);
    return failed ? -1 : 0;
}

static void resample(struct bootstrap *b, const struct fit *f, const struct draw *s, char *good,
                     char *moved)
{
    size_t padded = s->d->rows.n;
    progress_begin("bootstrap", "resamples", s->o->n);
#pragma omp parallel
    {
        double *w = malloc(2 * padded * sizeof *w), *y = w + padded;
#pragma omp for schedule(dynamic, 16)
        for (size_t k = 0; k < s->o->n; k++) {
            bool other = false;
            if (!w) continue;
            draw(s, k, w, y);
            good[k] = !bootstrap_refit(s->p, f, w, moves_losses(s->o->kind) ? y : NULL,
                                       s->o->starts, b->t[k], &b->value[k], &other);
            moved[k] = other;
            progress_add(1);
        }
        free(w);
    }
    progress_end();
}

int bootstrap_run(struct bootstrap *b, const struct fit *f, struct fit_data *d,
                  const struct fit_options *fo, const struct bootstrap_options *o,
                  const size_t *cluster, struct err *e)
{
    struct fit_problem p;
    struct fit_options own = *fo;
    *b = (struct bootstrap){.clusters = d->n};
    own.objective = f->objective;
    if (fit_problem_open(&p, f->law, d, &own, e)) return -1;
    struct draw s = {.o = o, .d = d, .p = &p, .cluster = cluster};
    double *fitted = malloc(2 * (d->n + 1) * sizeof *fitted), *residual = fitted + d->n;
    char *good = calloc(2 * o->n + 1, 1);
    int status = -1;
    b->params = malloc((o->n + 1) * sizeof *b->params);
    b->t = malloc((o->n + 1) * sizeof *b->t);
    b->value = malloc((o->n + 1) * sizeof *b->value);
    if (!fitted || !good || !b->params || !b->t || !b->value) {
        err_memory(e, NULL);
        goto out;
    }
    if (o->kind == BOOT_CLUSTER) {
        for (size_t i = 0; i < d->n; i++)
            s.n_clusters = cluster[i] >= s.n_clusters ? cluster[i] + 1 : s.n_clusters;
        b->clusters = s.n_clusters;
        if (s.n_clusters < 4) {
            err_set(e,
                    "--bootstrap cluster: expected at least 4 runs (--run names their column), "
                    "found %zu",
                    s.n_clusters);
            goto out;
        }
    }
    fit_residuals(f, d, residual);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < d->n; i++) {
        fitted[i] = (p.loss.log ? d->rows.y[i] : d->rows.L[i]) + residual[i];
        residual[i] = -residual[i]; /* observed minus predicted */
        sum += residual[i];
        squares += residual[i] * residual[i];
    }
    double df = (double)d->n - f->free, spread = sqrt((double)d->n / fmax(df, 1));
    s.sigma = sqrt(squares / fmax(df, 1));
    /* Residuals of a fit are too small by sqrt((n - p) / n), and of robust fits not centred. */
    for (size_t i = 0; i < d->n; i++) residual[i] = (residual[i] - sum / (double)d->n) * spread;
    s.fitted = fitted;
    s.residual = residual;
    resample(b, f, &s, good, good + o->n);
    for (size_t k = 0; k < o->n; k++) {
        if (!good[k]) continue;
        memmove(b->t[b->n], b->t[k], sizeof *b->t);
        b->value[b->n] = b->value[k];
        b->moved += (size_t)good[o->n + k];
        law_to_natural(f->law, f->centre, b->t[b->n], b->params[b->n]);
        b->n++;
    }
    b->failed = o->n - b->n;
    if (jackknife(b, f, &s)) {
        err_memory(e, NULL);
        goto out;
    }
    status = 0;
out:
    free(fitted);
    free(good);
    if (status) bootstrap_close(b);
    return status;
}

void bootstrap_close(struct bootstrap *b)
{
    free(b->params);
    free(b->t);
    free(b->value);
    free(b->jack);
    *b = (struct bootstrap){0};
}

static double *sorted_copy(const double *values, size_t n)
{
    double *s = malloc((n + 1) * sizeof *s);
    if (!s) return NULL;
    memcpy(s, values, n * sizeof *s);
    gsl_sort(s, 1, n);
    return s;
}

int interval_percentile(const double *values, size_t n, double level, struct interval *out,
                        struct err *e)
{
    *out = (struct interval){NAN, NAN, NAN};
    if (n < 20) return 0;
    double *s = sorted_copy(values, n);
    if (!s) return err_memory(e, NULL);
    out->se = gsl_stats_sd(values, 1, n);
    out->lo = gsl_stats_quantile_from_sorted_data(s, 1, n, (1 - level) / 2);
    out->hi = gsl_stats_quantile_from_sorted_data(s, 1, n, (1 + level) / 2);
    free(s);
    return 0;
}

int interval_bca(const double *values, size_t n, const double *jack, size_t n_jack, double point,
                 double level, struct interval *out, struct err *e)
{
    *out = (struct interval){NAN, NAN, NAN};
    if (n < 20 || n_jack < 3) return 0;
    double *s = sorted_copy(values, n), below = 0, mean = 0, m2 = 0, m3 = 0;
    if (!s) return err_memory(e, NULL);
    for (size_t i = 0; i < n; i++) below += s[i] < point ? 1 : s[i] == point ? 0.5 : 0;
    for (size_t i = 0; i < n_jack; i++) mean += jack[i] / (double)n_jack;
    for (size_t i = 0; i < n_jack; i++) {
        double u = mean - jack[i];
        m2 += u * u;
        m3 += u * u * u;
    }
    double share = fmin(fmax(below, 0.5), (double)n - 0.5) / (double)n;
    double z0 = gsl_cdf_ugaussian_Pinv(share), a = m2 > 0 ? m3 / (6 * pow(m2, 1.5)) : 0;
    double z = gsl_cdf_ugaussian_Pinv((1 + level) / 2), ends[2];
    for (int i = 0; i < 2; i++) {
        double u = z0 + (i ? z : -z);
        ends[i] = gsl_stats_quantile_from_sorted_data(
            s, 1, n, gsl_cdf_ugaussian_P(z0 + u / fmax(1 - a * u, 1e-3)));
    }
    out->se = gsl_stats_sd(values, 1, n);
    out->lo = ends[0];
    out->hi = ends[1];
    free(s);
    return 0;
}
