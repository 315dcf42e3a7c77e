/* analysis.c - see analysis.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/analysis.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/rng.h"

/* The natural parameter on the scale it is nearly normal on: coefficients in logarithms. */
static double on_scale(const struct law *law, int i, double value)
{
    return law_param_positive(&law->param[i]) ? log(value) : value;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void correlations(struct analysis *a)
{
    const struct law *law = a->fit.law;
    int n = law->n;
    size_t count = a->bootstrap.n;
    double *values = count >= 20 ? malloc(2 * count * sizeof *values) : NULL;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            double r;
            if (values) {
                for (size_t k = 0; k < count; k++) {
                    values[k] = on_scale(law, i, a->bootstrap.params[k][i]);
                    values[count + k] = on_scale(law, j, a->bootstrap.params[k][j]);
                }
                r = gsl_stats_correlation(values, 1, values + count, 1, count);
            } else {
                const double *c = a->covariance.sandwich;
                r = c[i * n + j] / sqrt(c[i * n + i] * c[j * n + j]);
            }
            a->correlation[i * n + j] = i == j ? 1 : isfinite(r) ? r : NAN;
        }
    }
    a->correlation_from = values ? "bootstrap" : "sandwich";
    free(values);
}

/* Normal interval; of a coefficient in its logarithm, so that it stays positive. */
static struct interval normal_interval(const struct law *law, int i, double value, double variance,
                                       double level)
{
    double se = sqrt(variance), z = gsl_cdf_ugaussian_Pinv((1 + level) / 2);
    if (!(variance > 0)) return (struct interval){NAN, NAN, NAN};
    if (!law_param_positive(&law->param[i]) || i == law->constant)
        return (struct interval){se, value - z * se, value + z * se};
    double f = exp(z * se / value);
    return (struct interval){se, value / f, value * f};
}

static int intervals(struct analysis *a, const struct analysis_options *o, struct err *e)
{
    const struct fit *f = &a->fit;
    const struct law *law = f->law;
    const struct bootstrap *b = &a->bootstrap;
    size_t room = b->n > b->n_jack ? b->n : b->n_jack;
    double *values = malloc(2 * (room + 1) * sizeof *values), *jack = values + room + 1;
    double rise = a->covariance.unit * gsl_cdf_chisq_Pinv(o->level, 1) / 2;
    int n = law->n;
    if (!values) return err_memory(e, NULL);
    for (int i = 0; i < n; i++) {
        struct known *k = &a->known[i];
        k->value = f->params[i];
        k->hessian = normal_interval(law, i, k->value, a->covariance.hessian[i * n + i], o->level);
        k->sandwich =
            normal_interval(law, i, k->value, a->covariance.sandwich[i * n + i], o->level);
        k->percentile = k->bca = (struct interval){NAN, NAN, NAN};
        k->has_profile = false;
        if (!o->fit.pinned[i]) {
            for (size_t r = 0; r < b->n; r++) values[r] = b->params[r][i];
            for (size_t r = 0; r < b->n_jack; r++) jack[r] = b->jack[r][i];
            if (interval_percentile(values, b->n, o->level, &k->percentile, e) ||
                interval_bca(values, b->n, jack, b->n_jack, k->value, o->level, &k->bca, e))
                goto fail;
            if (o->profile && a->covariance.unit > 0 && law->param[i].map != MAP_WOVEN) {
                if (profile_parameter(&k->profile, f, &a->data, &o->fit, i, rise, e)) goto fail;
                k->has_profile = true;
            }
        }
        if (b->n >= 20) {
            k->se = k->percentile.se;
            k->lo = k->percentile.lo;
            k->hi = k->percentile.hi;
        } else {
            k->se = k->sandwich.se;
            k->lo = k->has_profile ? k->profile.lo : k->sandwich.lo;
            k->hi = k->has_profile ? k->profile.hi : k->sandwich.hi;
        }
        if (o->fit.pinned[i]) k->se = 0, k->lo = k->hi = k->value;
    }
    if (b->n >= 20)
        snprintf(a->interval_kind, sizeof a->interval_kind, "bootstrap %s, percentile",
                 bootstrap_names[o->bootstrap.kind]);
    else
        snprintf(a->interval_kind, sizeof a->interval_kind, "%s",
                 o->profile ? "profile likelihood" : "sandwich");
    free(values);
    return 0;
fail:
    free(values);
    return -1;
}

/* --- derived values --- */

enum quantity { Q_A, Q_B, Q_G, Q_N, Q_D, Q_RATIO, Q_LOSS };

static double quantity(const struct law *law, const double *params, enum quantity q, double budget)
{
    double a, b, G;
    if (!law_optimum(law, params, &a, &b, &G)) return NAN;
    double N = G * pow(budget / 6, a), D = pow(budget / 6, b) / G;
    switch (q) {
    case Q_A:
        return a;
    case Q_B:
        return b;
    case Q_G:
        return G;
    case Q_N:
        return N;
    case Q_D:
        return D;
    case Q_RATIO:
        return D / N;
    default:
        return law_value(law, params, &(struct law_at){N, D, D});
    }
}

/* Without resamples: the sandwich covariance carried over to first order, in the logarithm. */
static struct interval delta_method(const struct analysis *a, enum quantity q, double budget,
                                    double value, double level)
{
    const struct fit *f = &a->fit;
    int n = f->law->n;
    double slope[LAW_PARAMS], variance = 0;
    for (int i = 0; i < n; i++) {
        double t[LAW_PARAMS], params[LAW_PARAMS], ends[2];
        for (int side = 0; side < 2; side++) {
            memcpy(t, f->t, sizeof t);
            t[i] += side ? 1e-5 : -1e-5;
            law_to_natural(f->law, f->centre, t, params);
            ends[side] = quantity(f->law, params, q, budget);
        }
        slope[i] = (ends[1] - ends[0]) / 2e-5;
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) {
            double c = a->covariance.sandwich_t[i * n + k];
            variance += c == 0 ? 0 : slope[i] * slope[k] * c;
        }
    }
    if (!(variance >= 0)) return (struct interval){NAN, NAN, NAN};
    double se = sqrt(variance), w = exp(gsl_cdf_ugaussian_Pinv((1 + level) / 2) * se / value);
    return (struct interval){se, value / w, value * w};
}

static int derive_one(struct analysis *a, const struct analysis_options *o, const char *name,
                      enum quantity q, double budget, double *values, struct err *e)
{
    const struct bootstrap *b = &a->bootstrap;
    struct derived *d = &a->derived[a->n_derived++];
    size_t n = 0;
    *d =
        (struct derived){.budget = budget, .value = quantity(a->fit.law, a->fit.params, q, budget)};
    snprintf(d->name, sizeof d->name, "%s", name);
    for (size_t k = 0; k < b->n; k++) {
        values[n] = quantity(a->fit.law, b->params[k], q, budget);
        n += isfinite(values[n]);
    }
    if (b->n == 0) {
        d->interval = delta_method(a, q, budget, d->value, o->level);
        if (isfinite(d->interval.lo)) return 0;
        d->verdict = UNIDENTIFIED;
        snprintf(d->reason, sizeof d->reason, "no standard error: the objective is flat there");
        return 0;
    }
    if (interval_percentile(values, n, o->level, &d->interval, e)) return -1;
    /* Resamples without an optimum are part of the answer. */
    if (n < b->n) {
        d->verdict = WEAK;
        snprintf(d->reason, sizeof d->reason, "%zu of %zu resamples have no optimum", b->n - n,
                 b->n);
    }
    return 0;
}

static int derive(struct analysis *a, const struct points *p, const struct analysis_options *o,
                  struct err *e)
{
    if (!law_optimum(a->fit.law, a->fit.params, NULL, NULL, NULL)) return 0;
    a->derived = calloc(3 + 4 * o->n_budgets, sizeof *a->derived);
    double *values = malloc((a->bootstrap.n + 1) * sizeof *values), low = INFINITY, high = 0;
    int status = -1;
    if (!a->derived || !values) {
        err_memory(e, NULL);
        goto out;
    }
    for (size_t i = 0; i < p->n; i++) {
        double r = p->D[i] / p->N[i];
        low = fmin(low, r);
        high = fmax(high, r);
    }
    if (derive_one(a, o, "a", Q_A, 0, values, e) || derive_one(a, o, "b", Q_B, 0, values, e) ||
        derive_one(a, o, "G", Q_G, 0, values, e))
        goto out;
    for (size_t i = 0; i < o->n_budgets; i++) {
        double C = o->budgets[i];
        if (derive_one(a, o, "N*", Q_N, C, values, e) ||
            derive_one(a, o, "D*", Q_D, C, values, e) ||
            derive_one(a, o, "D/N", Q_RATIO, C, values, e))
            goto out;
        struct derived *d = &a->derived[a->n_derived - 1];
        if (d->value > 10 * high || d->value < low / 10) {
            d->verdict = WEAK;
            snprintf(d->reason, sizeof d->reason, "beyond ten times the sampled D/N, %.3g to %.3g",
                     low, high);
        } else if (isfinite(d->interval.hi) && d->interval.hi > 4 * d->interval.lo) {
            d->verdict = WEAK;
            snprintf(d->reason, sizeof d->reason, "known to a factor of %.3g",
                     d->interval.hi / d->interval.lo);
        }
        if (derive_one(a, o, "L*", Q_LOSS, C, values, e)) goto out;
    }
    status = 0;
out:
    free(values);
    return status;
}

static int predict(struct analysis *a, const struct analysis_options *o, struct err *e)
{
    const struct bootstrap *b = &a->bootstrap;
    a->predict = calloc(o->n_predict + 1, sizeof *a->predict);
    double *values = malloc((2 * b->n + a->data.n + 1) * sizeof *values), *fresh = values + b->n,
           *r = fresh + b->n;
    int status = -1;
    if (!a->predict || !values) {
        err_memory(e, NULL);
        goto out;
    }
    fit_residuals(&a->fit, &a->data, r);
    bool log_scale = objective_is_log(&a->fit.objective);
    double spread = sqrt((double)a->data.n / fmax((double)a->data.n - a->fit.free, 1));
    for (size_t i = 0; i < o->n_predict; i++) {
        struct prediction *q = &a->predict[i];
        struct interval in;
        *q = o->predict[i];
        struct law_at at = {q->N, q->D, q->U};
        q->loss = law_value(a->fit.law, a->fit.params, &at);
        for (size_t k = 0; k < b->n; k++) {
            size_t j = rng_below(o->bootstrap.seed, UINT64_MAX - i, k, a->data.n);
            values[k] = law_value(a->fit.law, b->params[k], &at);
            fresh[k] = log_scale ? values[k] * exp(-spread * r[j]) : values[k] - spread * r[j];
        }
        if (interval_percentile(values, b->n, o->level, &in, e)) goto out;
        q->lo = in.lo;
        q->hi = in.hi;
        if (interval_percentile(fresh, b->n, o->level, &in, e)) goto out;
        q->new_lo = in.lo;
        q->new_hi = in.hi;
        a->n_predict++;
    }
    status = 0;
out:
    free(values);
    return status;
}

/* What pins and bounds cost: the same fit without them. */
static int cost_of_holding(struct analysis *a, const struct points *p,
                           const struct analysis_options *o, struct err *e)
{
    const struct law *law = a->fit.law;
    for (int i = 0; i < law->n; i++)
        a->held += o->fit.pinned[i] || (o->fit.bounded[i] && a->fit.at_bound[i]);
    if (!a->held) return 0;
    struct fit_data d;
    struct fit free_fit;
    struct covariance c;
    struct fit_options free_options = {.objective = a->fit.objective, .grid = o->fit.grid};
    struct err ignored;
    a->free_value = a->held_chi2 = a->held_p = NAN;
    if (fit_data_open(&d, p, law, o->x, e)) return -1;
    if (!fit_law(&free_fit, law, &d, &free_options, &ignored) &&
        !infer_covariance(&c, &free_fit, &d, &free_options, &ignored)) {
        a->free_value = free_fit.value;
        a->held_chi2 = fmax(2 * (a->fit.value - free_fit.value) / c.unit, 0);
        a->held_p = gsl_cdf_chisq_Q(a->held_chi2, a->held);
    }
    fit_data_close(&d);
    return 0;
}

static void overall(struct analysis *a)
{
    const struct fit *f = &a->fit;
    enum { ROOM = sizeof a->reason };
    for (int i = 0; i < f->law->n; i++) {
        const struct known *k = &a->known[i];
        if (k->verdict != WEAK && k->verdict != UNIDENTIFIED) continue;
        size_t used = strlen(a->reason);
        snprintf(a->reason + used, ROOM - used, "%s%s %s", used ? "; " : "", f->law->param[i].name,
                 verdict_names[k->verdict]);
    }
    if (a->witness.says == WITNESS_LOWER || a->witness.says == WITNESS_DIFFERS) {
        size_t used = strlen(a->reason);
        if (a->verdict < WEAK) a->verdict = WEAK;
        snprintf(a->reason + used, ROOM - used, "%sGSL does not agree, by %.1e of the objective",
                 used ? "; " : "", a->witness.difference);
    }
    if (f->agree < 2 && f->starts > 1) {
        size_t used = strlen(a->reason);
        if (a->verdict < WEAK) a->verdict = WEAK;
        snprintf(a->reason + used, ROOM - used, "%sonly 1 of %d starts reached this optimum",
                 used ? "; " : "", f->starts);
    }
    if (a->bootstrap.failed * 20 > a->bootstrap.n) {
        size_t used = strlen(a->reason);
        if (a->verdict < WEAK) a->verdict = WEAK;
        snprintf(a->reason + used, ROOM - used, "%s%zu of %zu resamples have no fit",
                 used ? "; " : "", a->bootstrap.failed, a->bootstrap.failed + a->bootstrap.n);
    }
    if (a->verdict >= WEAK) {
        verdict_flat_direction(f, a->flat, sizeof a->flat);
    }
}

int analyse(struct analysis *a, const struct points *p, const struct law *law,
            const struct analysis_options *o, struct err *e)
{
    size_t *cluster = NULL;
    int status = -1;
    *a = (struct analysis){0};
    if (fit_data_open(&a->data, p, law, o->x, e)) return -1;
    double clock = cpu_seconds();
    if (fit_law(&a->fit, law, &a->data, &o->fit, e)) goto out;
    a->fit_seconds = cpu_seconds() - clock;
    clock = cpu_seconds();
    if (o->witness && witness_fit(&a->witness, &a->fit, &a->data, &o->fit, e)) goto out;
    a->witness_seconds = cpu_seconds() - clock;
    if (infer_covariance(&a->covariance, &a->fit, &a->data, &o->fit, e)) goto out;
    clock = cpu_seconds();
    if (o->bootstrap.n) {
        /* Runs numbered by first appearance in the canonical order. */
        cluster = malloc((p->n + p->n_runs + 1) * sizeof *cluster);
        if (!cluster) {
            err_memory(e, NULL);
            goto out;
        }
        size_t *number = cluster + p->n, count = 0;
        for (size_t i = 0; i < p->n_runs; i++) number[i] = SIZE_MAX;
        for (size_t i = 0; i < p->n; i++) {
            size_t *k = &number[p->run[a->data.row[i]]];
            if (*k == SIZE_MAX) *k = count++;
            cluster[i] = *k;
        }
        if (bootstrap_run(&a->bootstrap, &a->fit, &a->data, &o->fit, &o->bootstrap, cluster, e))
            goto out;
    }
    a->bootstrap_seconds = cpu_seconds() - clock;
    clock = cpu_seconds();
    if (intervals(a, o, e)) goto out;
    a->profile_seconds = cpu_seconds() - clock;
    correlations(a);
    a->verdict = verdict_params(a->known, &a->fit, &o->fit, a->correlation, a->covariance.positive);
    if (derive(a, p, o, e) || predict(a, o, e) || cost_of_holding(a, p, o, e)) goto out;
    overall(a);
    status = 0;
out:
    free(cluster);
    return status;
}

void analysis_close(struct analysis *a)
{
    fit_data_close(&a->data);
    bootstrap_close(&a->bootstrap);
    free(a->derived);
    free(a->predict);
    *a = (struct analysis){0};
}
