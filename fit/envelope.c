/* envelope.c - Approach 1; see envelope.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/envelope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct point {
    double x, loss, N; /* x = ln C */
    size_t run;
};

struct curve {
    const struct point *p;
    size_t n;
    double N;
};

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

/* By size, then run, then compute: curves in an order that does not depend on the file's. */
static int by_curve(const void *va, const void *vb)
{
    const struct point *a = va, *b = vb;
    int c = compare(a->N, b->N);
    if (!c) c = (a->run > b->run) - (a->run < b->run);
    if (!c) c = compare(a->x, b->x);
    return c ? c : compare(a->loss, b->loss);
}

/* Loss of a curve at x, by a straight line between checkpoints; NaN outside. *at speeds a rising
 * x. */
static double interpolate(const struct curve *c, double x, size_t *at)
{
    if (x < c->p[0].x || x > c->p[c->n - 1].x) return NAN;
    while (*at + 2 < c->n && c->p[*at + 1].x < x) ++*at;
    const struct point *a = &c->p[*at], *b = a + 1;
    return b->x > a->x ? a->loss + (b->loss - a->loss) * (x - a->x) / (b->x - a->x)
                       : fmin(a->loss, b->loss);
}

/* The winner at each budget: index of the curve, or -1 where fewer than two curves reach. SKIP: a
 * curve left out (-1: none). */
static void contest(const struct curve *curves, size_t n, const double *x, size_t budgets,
                    long skip, size_t *at, long *winner, double *loss)
{
    memset(at, 0, n * sizeof *at);
    for (size_t k = 0; k < budgets; k++) {
        size_t reach = 0;
        winner[k] = -1;
        loss[k] = INFINITY;
        for (size_t i = 0; i < n; i++) {
            if ((long)i == skip) continue;
            double L = interpolate(&curves[i], x[k], &at[i]);
            if (isnan(L)) continue;
            reach++;
            if (!(L < loss[k])) continue;
            loss[k] = L;
            winner[k] = (long)i;
        }
        if (reach < 2) winner[k] = -1;
    }
}

/* The published line through the budgets; false when there is none. Returns the rows used in
 * *used. */
static bool published(const struct curve *curves, size_t n, const double *x, const long *winner,
                      size_t budgets, const struct envelope *f, bool keep, long skip, double *work,
                      struct ols_line *lines, size_t *used)
{
    double smallest = INFINITY, largest = -INFINITY, *c = work, *a = work + budgets,
           *d = a + budgets;
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if ((long)i == skip) continue;
        smallest = fmin(smallest, curves[i].N);
        largest = fmax(largest, curves[i].N);
    }
    for (size_t k = 0; k < budgets; k++) {
        if (winner[k] < 0) continue;
        double N = curves[winner[k]].N;
        if (!keep && (N <= smallest || N >= largest)) continue;
        c[m] = x[k] / M_LN10;
        a[m] = log10(N);
        d[m] = c[m] - log10(f->factor) - a[m];
        m++;
    }
    *used = m;
    return ols_line(c, a, m, f->level, &lines[0]) && ols_line(c, d, m, f->level, &lines[1]);
}

/* Replaces the regression's error by the jackknife's over the curves that win. */
static void jackknife(const double *estimates, size_t m, double level, struct ols_line *l)
{
    double mean = 0, sum = 0;
    for (size_t i = 0; i < m; i++) mean += estimates[i] / (double)m;
    for (size_t i = 0; i < m; i++) sum += (estimates[i] - mean) * (estimates[i] - mean);
    l->slope_se = m >= 3 ? sqrt((double)(m - 1) / (double)m * sum) : NAN;
    l->t = ols_t(level, (double)m - 1);
    l->slope_lo = l->slope - l->t * l->slope_se;
    l->slope_hi = l->slope + l->t * l->slope_se;
    l->intercept_se = l->intercept_lo = l->intercept_hi = l->sigma = NAN;
}

/* One entry per size that wins. */
static int winners(const struct curve *curves, size_t n, const double *x, const long *winner,
                   const double *loss, size_t budgets, struct envelope *f, struct err *e)
{
    f->winner = calloc(n, sizeof *f->winner);
    double *mean = calloc(n, sizeof *mean);
    if (!f->winner || !mean) {
        free(mean);
        return err_memory(e, "envelope");
    }
    for (size_t i = 0; i < n; i++) {
        /* Curves are ordered by size: repeats of a size share an entry. */
        bool same = f->n && f->winner[f->n - 1].N >= curves[i].N;
        struct envelope_winner *w = same ? &f->winner[f->n - 1] : &f->winner[f->n];
        double *m = same ? &mean[f->n - 1] : &mean[f->n];
        size_t before = w->budgets;
        for (size_t k = 0; k < budgets; k++) {
            if (winner[k] != (long)i) continue;
            double C = exp(x[k]);
            w->C_lo = w->budgets ? fmin(w->C_lo, C) : C;
            w->C_hi = w->budgets ? fmax(w->C_hi, C) : C;
            w->budgets++;
            *m += x[k];
        }
        if (w->budgets == before) continue;
        w->N = curves[i].N;
        w->edge = w->N <= curves[0].N || w->N >= curves[n - 1].N;
        if (!same) f->n++;
    }
    for (size_t i = 0; i < f->n; i++) {
        struct envelope_winner *w = &f->winner[i];
        double middle = mean[i] / (double)w->budgets, nearest = INFINITY;
        w->C = exp(middle);
        w->D = w->C / (f->factor * w->N);
        for (size_t k = 0; k < budgets; k++) {
            if (winner[k] < 0 || fabs(x[k] - middle) >= nearest) continue;
            nearest = fabs(x[k] - middle);
            w->loss = loss[k];
        }
    }
    free(mean);
    return 0;
}

static void by_size(struct envelope *f, bool keep, double *c, double *a, double *d)
{
    size_t m = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (f->winner[i].edge && !keep) continue;
        c[m] = log10(f->winner[i].C);
        a[m] = log10(f->winner[i].N);
        d[m] = log10(f->winner[i].D);
        m++;
    }
    if (!ols_line(c, a, m, f->level, &f->N_by_size) || !ols_line(c, d, m, f->level, &f->D_by_size))
        f->N_by_size.n = f->D_by_size.n = 0;
}

int envelope_fit(const double *N, const double *D, const double *C, const double *loss,
                 const size_t *run, size_t n, const struct envelope_options *o, struct envelope *f,
                 struct err *e)
{
    *f = (struct envelope){.level = o->level > 0 ? o->level : 0.95,
                           .budgets = o->budgets ? o->budgets : 1500};
    if (!n) return err_set(e, "envelope: no rows");
    size_t B = f->budgets, m = 0, used, left = 0;
    struct point *p = malloc(n * sizeof *p);
    struct curve *curves = calloc(n, sizeof *curves);
    size_t *at = calloc(n, sizeof *at);
    long *winner = malloc(2 * B * sizeof *winner);
    double *work = malloc((7 * B + 2 * n) * sizeof *work);
    double *x = work, *L = x + B, *other = L + B, *lines = other + B, *estimates = lines + 4 * B;
    struct ols_line both[2];
    int status = p && curves && at && winner && work ? 0 : err_memory(e, "envelope");
    double lo = INFINITY, hi = -INFINITY, k = 0;
    for (size_t i = 0; i < n && !status; i++) {
        if (!(N[i] > 0 && D[i] > 0 && C[i] > 0) || !isfinite(N[i] * D[i] * C[i] * loss[i]))
            status = err_set(e, "envelope: row %zu: N, D, C must be positive and the loss finite",
                             i + 1);
        p[i] = (struct point){log(C[i]), loss[i], N[i], run[i]};
        k += log(C[i] / (N[i] * D[i]));
    }
    if (status) goto out;
    f->factor = exp(k / (double)n);
    qsort(p, n, sizeof *p, by_curve);
    for (size_t i = 0, end; i < n; i = end) {
        end = i + 1;
        while (end < n && p[end].run == p[i].run && p[end].N <= p[i].N) end++;
        if (end - i < 2) {
            f->single++;
            continue;
        }
        curves[m++] = (struct curve){p + i, end - i, p[i].N};
        lo = fmin(lo, p[i].x);
        hi = fmax(hi, p[end - 1].x);
    }
    f->runs = m;
    if (!m) {
        status =
            err_set(e, "envelope: no run has two checkpoints; Approach 1 needs training curves");
        goto out;
    }
    for (size_t i = 0; i < B; i++) x[i] = lo + (hi - lo) * (double)i / (double)(B - 1 ? B - 1 : 1);
    contest(curves, m, x, B, -1, at, winner, L);
    for (size_t i = 0; i < B; i++) f->compared += winner[i] >= 0;
    if (!f->compared) {
        status = err_set(e, "envelope: no two training curves overlap in compute");
        goto out;
    }
    status = winners(curves, m, x, winner, L, B, f, e);
    if (status) goto out;
    bool fitted = published(curves, m, x, winner, B, f, o->keep_edges, -1, lines, both, &f->used);
    size_t inner = 0;
    for (size_t i = 0; i < f->n; i++) inner += o->keep_edges || !f->winner[i].edge;
    if (!fitted || inner < 2) {
        status =
            err_set(e,
                    "envelope: %zu size%s between the smallest and the largest win%s a budget; "
                    "two are needed",
                    inner, inner == 1 ? "" : "s", inner == 1 ? "s" : "");
        goto out;
    }
    f->N_of_C = both[0];
    f->D_of_C = both[1];
    for (size_t i = 0; i < m; i++) {
        bool wins = false;
        for (size_t b = 0; b < B && !wins; b++) wins = winner[b] == (long)i;
        if (!wins) continue;
        contest(curves, m, x, B, (long)i, at, winner + B, other);
        if (!published(curves, m, x, winner + B, B, f, o->keep_edges, (long)i, lines, both, &used))
            continue;
        estimates[left++] = both[0].slope;
    }
    jackknife(estimates, left, f->level, &f->N_of_C);
    for (size_t i = 0; i < left; i++)
        estimates[i] = 1 - estimates[i]; /* log D = log C - log k - log N */
    jackknife(estimates, left, f->level, &f->D_of_C);
    by_size(f, o->keep_edges, lines, lines + B, lines + 2 * B);
    f->C = malloc(3 * f->compared * sizeof *f->C);
    if (!f->C) {
        status = err_memory(e, "envelope");
        goto out;
    }
    f->N = f->C + f->compared;
    f->loss = f->N + f->compared;
    for (size_t i = 0, r = 0; i < B; i++) {
        if (winner[i] < 0) continue;
        f->C[r] = exp(x[i]);
        f->N[r] = curves[winner[i]].N;
        f->loss[r++] = L[i];
    }
out:
    free(p);
    free(curves);
    free(at);
    free(winner);
    free(work);
    if (status) envelope_free(f);
    return status;
}

void envelope_free(struct envelope *f)
{
    free(f->winner);
    free(f->C);
    *f = (struct envelope){0};
}
