/* isoflop.c - Approach 2; see isoflop.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/isoflop.h"

#include <gsl/gsl_combination.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/bias.h"

#define MOST_SUBSETS 300000.0

struct order {
    double C, N, loss;
    size_t row;
};

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_budget(const void *va, const void *vb)
{
    const struct order *a = va, *b = vb;
    return compare(a->C, b->C);
}

/* By size; equal sizes by loss, so that the order of the file does not matter to the last bit. */
static int by_size(const void *va, const void *vb)
{
    const struct order *a = va, *b = vb;
    int c = compare(a->N, b->N);
    return c ? c : compare(a->loss, b->loss);
}

static double median(double *v, size_t n)
{
    gsl_sort(v, 1, n);
    return gsl_stats_median_from_sorted_data(v, 1, n);
}

static double choose(size_t n, size_t k)
{
    double c = 1;
    for (size_t i = 1; i <= k; i++) c *= (double)(n - k + i) / (double)i;
    return c;
}

/* RANSAC's rule with every subset of 4 instead of a random hundred. in[] gets the winner. */
static int reject_mad(const double *x, const double *y, size_t n, bool *in, double *threshold,
                      struct err *e)
{
    double *work = malloc(n * sizeof *work);
    bool *use = malloc(2 * n * sizeof *use), *inlier = use + n;
    gsl_combination *four = gsl_combination_calloc(n, 4);
    int status = work && use && four ? 0 : err_memory(e, "isoflop");
    if (status) goto out;
    memcpy(work, y, n * sizeof *work);
    double m = median(work, n);
    for (size_t i = 0; i < n; i++) work[i] = fabs(y[i] - m);
    *threshold = median(work, n);
    size_t best = 0;
    double best_r2 = -INFINITY;
    do {
        struct ols_parabola p;
        memset(use, 0, n * sizeof *use);
        for (size_t i = 0; i < 4; i++) use[gsl_combination_get(four, i)] = true;
        if (!ols_parabola(x, y, use, n, &p)) continue;
        size_t count = 0;
        double mean = 0, rss = 0, tss = 0;
        for (size_t i = 0; i < n; i++) {
            inlier[i] = fabs(y[i] - ols_parabola_at(&p, x[i])) <= *threshold;
            count += inlier[i];
            if (inlier[i]) mean += y[i];
        }
        if (!count) continue;
        mean /= (double)count;
        for (size_t i = 0; i < n; i++) {
            double r = y[i] - ols_parabola_at(&p, x[i]);
            if (inlier[i]) rss += r * r;
            if (inlier[i]) tss += (y[i] - mean) * (y[i] - mean);
        }
        double r2 = tss > 0 ? 1 - rss / tss : 0;
        if (count > best || (count == best && r2 > best_r2)) {
            best = count;
            best_r2 = r2;
            memcpy(in, inlier, n * sizeof *in);
        }
    } while (!gsl_combination_next(four));
out:
    free(work);
    free(use);
    if (four) gsl_combination_free(four);
    return status;
}

/* Leaves out the k points (k = 1 .. n / 6, at least 1) whose leaving is least explained by chance.
 * More than a few are no outliers but a curve that is no parabola: that is the bias's business. The
 * residual's floor keeps rounding noise of exact data from passing for a signal. */
static int reject_exact(const double *x, const double *y, size_t n, double level, bool *in,
                        struct err *e)
{
    struct ols_parabola all, p;
    if (!ols_parabola(x, y, NULL, n, &all)) return 0;
    double scale = 0, best_p = level;
    for (size_t i = 0; i < n; i++) scale = fmax(scale, fabs(y[i]));
    double floor_rss = (double)n * scale * scale * 1e-24;
    bool *use = malloc(2 * n * sizeof *use), *kept = use + n;
    if (!use) return err_memory(e, "isoflop");
    for (size_t k = 1; k <= (n < 6 ? 1 : n / 6) && n - k >= 5 && choose(n, k) <= MOST_SUBSETS;
         k++) {
        double least = INFINITY;
        gsl_combination *out = gsl_combination_calloc(n, k);
        if (!out) {
            free(use);
            return err_memory(e, "isoflop");
        }
        do {
            for (size_t i = 0; i < n; i++) use[i] = true;
            for (size_t i = 0; i < k; i++) use[gsl_combination_get(out, i)] = false;
            if (!ols_parabola(x, y, use, n, &p) || p.rss >= least) continue;
            least = p.rss;
            memcpy(kept, use, n * sizeof *use);
        } while (!gsl_combination_next(out));
        gsl_combination_free(out);
        if (!isfinite(least)) continue;
        double d2 = (double)(n - k - 3), rss = least + floor_rss;
        double f = fmax(all.rss - least, 0) / (double)k / (rss / d2);
        double tail = choose(n, k) * ols_f_tail(f, (double)k, d2);
        if (tail < best_p && all.rss / ((double)n - 3) >= 9 * rss / d2) {
            best_p = tail;
            memcpy(in, kept, n * sizeof *in);
        }
    }
    free(use);
    return 0;
}

static void refuse(struct isoflop_budget *b, enum isoflop_status status, const char *reason)
{
    b->status = status;
    b->used = false;
    snprintf(b->reason, sizeof b->reason, "%s", reason);
}

/* The minimum of the parabola fitted to sizes FIRST to LAST (ln N), with its interval; a budget that
 * has none, or a doubtful one, says why. */
static void find_minimum(struct isoflop_budget *b, double first, double last, double level)
{
    double lo, hi;
    char text[160];
    const struct ols_parabola *p = &b->fit;
    double t = ols_t(level, (double)p->n - 3);
    b->curvature = 2 * p->c[2];
    b->curvature_lo = b->curvature - 2 * t * sqrt(p->cov[2][2]);
    b->curvature_hi = b->curvature + 2 * t * sqrt(p->cov[2][2]);
    /* Equal losses leave rounding noise in the curvature, which is no curvature. */
    double scale = fabs(p->c[0]) * 1e-12 / ((last - first) * (last - first));
    if (!(b->curvature > scale)) {
        snprintf(text, sizeof text, "curvature %.3g is not positive: the parabola has no minimum",
                 b->curvature);
        refuse(b, ISOFLOP_REFUSED, text);
        return;
    }
    double v = ols_vertex(p, level, &lo, &hi), u = v - p->centre;
    double var = p->cov[0][0] + 2 * u * p->cov[0][1] + u * u * p->cov[1][1];
    if (!(fabs(v - p->centre) < 100)) { /* e^100 times the sizes tried */
        refuse(b, ISOFLOP_REFUSED,
               "the parabola is a straight line: its minimum is beyond any size");
        return;
    }
    b->N = exp(v);
    b->N_lo = exp(lo);
    b->N_hi = exp(hi);
    b->D = b->C / (b->factor * b->N);
    b->D_lo = b->C / (b->factor * b->N_hi);
    b->D_hi = b->C / (b->factor * b->N_lo);
    b->loss = ols_parabola_at(p, v);
    /* First order: the slope is zero at the vertex, so its place adds nothing; c2's part is u^2's.
     */
    var += 2 * u * u * p->cov[0][2] + 2 * u * u * u * p->cov[1][2] + u * u * u * u * p->cov[2][2];
    b->loss_lo = b->loss - t * sqrt(var);
    b->loss_hi = b->loss + t * sqrt(var);
    b->used = true;
    if (v < first || v > last) {
        snprintf(text, sizeof text, "minimum outside the sizes tried (%.3g to %.3g)", exp(first),
                 exp(last));
        refuse(b, ISOFLOP_OUTSIDE, text);
    } else if (p->n == 3) {
        refuse(b, ISOFLOP_WEAK, "three points: the parabola has no error left to judge it by");
    } else if (!(b->curvature_lo > 0)) {
        snprintf(text, sizeof text, "curvature %.3g [%.3g, %.3g] does not differ from zero",
                 b->curvature, b->curvature_lo, b->curvature_hi);
        refuse(b, ISOFLOP_WEAK, text);
    }
}

static int fit_budget(struct isoflop_budget *b, const double *N, const double *loss,
                      const struct isoflop_options *o, double level, struct err *e)
{
    double *x = malloc(2 * b->n * sizeof *x), *y = x + b->n;
    if (!x) return err_memory(e, "isoflop");
    size_t distinct = 0;
    char text[160];
    int status = 0;
    for (size_t i = 0; i < b->n; i++) {
        x[i] = log(N[b->row[i]]);
        y[i] = loss[b->row[i]];
        b->in[i] = true;
        distinct += i == 0 || x[i] > x[i - 1];
    }
    b->threshold = NAN;
    b->curvature = b->curvature_lo = b->curvature_hi = NAN;
    b->N = b->N_lo = b->N_hi = b->D = b->D_lo = b->D_hi = NAN;
    b->loss = b->loss_lo = b->loss_hi = NAN;
    b->inliers = b->n;
    if (distinct < 3) {
        snprintf(text, sizeof text, "%zu size%s: a parabola needs three", distinct,
                 distinct == 1 ? "" : "s");
        refuse(b, ISOFLOP_REFUSED, text);
        goto out;
    }
    if (o->reject == ISOFLOP_REJECT_MAD && b->n >= 4)
        status = reject_mad(x, y, b->n, b->in, &b->threshold, e);
    if (o->reject == ISOFLOP_REJECT_EXACT)
        status = reject_exact(x, y, b->n, o->reject_level > 0 ? o->reject_level : 0.01, b->in, e);
    if (status) goto out;
    b->inliers = 0;
    double first = INFINITY, last = -INFINITY;
    for (size_t i = 0; i < b->n; i++) {
        if (!b->in[i]) continue;
        b->inliers++;
        first = fmin(first, x[i]);
        last = fmax(last, x[i]);
    }
    if (!ols_parabola(x, y, b->in, b->n, &b->fit)) {
        refuse(b, ISOFLOP_REFUSED, "fewer than three sizes are left after rejection");
        goto out;
    }
    find_minimum(b, first, last, level);
    if (o->keep && b->status != ISOFLOP_REFUSED) b->used = true;
out:
    free(x);
    return status;
}

/* Cuts the rows, ordered by C, where the next C is farther than the tolerance. */
static int group(struct isoflop *f, struct order *rows, size_t n, double tolerance, const double *D,
                 struct err *e)
{
    qsort(rows, n, sizeof *rows, by_budget);
    f->budget = calloc(n, sizeof *f->budget);
    if (!f->budget) return err_memory(e, "isoflop");
    for (size_t start = 0, end; start < n; start = end) {
        end = start + 1;
        while (end < n && rows[end].C <= rows[end - 1].C * (1 + tolerance)) end++;
        struct isoflop_budget *b = &f->budget[f->n++];
        b->n = end - start;
        b->row = malloc(b->n * sizeof *b->row);
        b->in = malloc(b->n * sizeof *b->in);
        if (!b->row || !b->in) return err_memory(e, "isoflop");
        qsort(rows + start, b->n, sizeof *rows, by_size);
        double c = 0, k = 0;
        for (size_t i = 0; i < b->n; i++) {
            const struct order *r = &rows[start + i];
            b->row[i] = r->row;
            c += log(r->C);
            k += log(r->C / (r->N * D[r->row]));
        }
        b->C = exp(c / (double)b->n);
        b->factor = exp(k / (double)b->n);
    }
    return 0;
}

/* log10 of C, N and D of the usable minima; returns how many. */
static size_t minima(const struct isoflop *f, const double *shift, double *c, double *nn, double *d)
{
    size_t k = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        double s = shift ? shift[i] : 0;
        if (!b->used || !isfinite(s)) continue;
        c[k] = log10(b->C);
        nn[k] = log10(b->N) - s / M_LN10;
        d[k] = log10(b->D) + s / M_LN10;
        k++;
    }
    return k;
}

int isoflop_fit(const double *N, const double *D, const double *C, const double *loss, size_t n,
                const struct isoflop_options *o, struct isoflop *f, struct err *e)
{
    double tolerance = o->tolerance > 0 ? o->tolerance : 0.05;
    *f = (struct isoflop){.level = o->level > 0 ? o->level : 0.95};
    if (!n) return err_set(e, "isoflop: no rows");
    struct order *rows = malloc(n * sizeof *rows);
    double *log_c = malloc(3 * n * sizeof *log_c);
    int status = rows && log_c ? 0 : err_memory(e, "isoflop");
    for (size_t i = 0; i < n && !status; i++) {
        if (!(N[i] > 0 && D[i] > 0 && C[i] > 0) || !isfinite(N[i] * D[i] * C[i] * loss[i]))
            status =
                err_set(e, "isoflop: row %zu: N, D, C must be positive and the loss finite", i + 1);
        rows[i] = (struct order){C[i], N[i], loss[i], i};
    }
    if (!status) status = group(f, rows, n, tolerance, D, e);
    for (size_t i = 0; i < f->n && !status; i++)
        status = fit_budget(&f->budget[i], N, loss, o, f->level, e);
    if (!status) {
        double *log_n = log_c + n, *log_d = log_n + n;
        f->used = minima(f, NULL, log_c, log_n, log_d);
        if (f->used < 2) {
            const char *why = "";
            for (size_t i = 0; i < f->n && !*why; i++) why = f->budget[i].reason;
            status =
                err_set(e, "isoflop: %zu of %zu budgets have a usable minimum, two are needed%s%s",
                        f->used, f->n, *why ? "; the first: " : "", why);
        } else {
            ols_line(log_c, log_n, f->used, f->level, &f->N_of_C);
            ols_line(log_c, log_d, f->used, f->level, &f->D_of_C);
            ols_line(log_n, log_d, f->used, f->level, &f->D_of_N);
        }
    }
    free(rows);
    free(log_c);
    if (status) isoflop_free(f);
    return status;
}

void isoflop_free(struct isoflop *f)
{
    for (size_t i = 0; f->budget && i < f->n; i++) {
        free(f->budget[i].row);
        free(f->budget[i].in);
    }
    free(f->budget);
    *f = (struct isoflop){0};
}

int isoflop_correct(const struct isoflop *f, const double *N, double alpha, double beta,
                    struct isoflop_corrected *c, struct err *e)
{
    *c = (struct isoflop_corrected){.alpha = alpha, .beta = beta};
    if (!(alpha > 0 && beta > 0 && alpha < 20 && beta < 20))
        return err_set(e, "isoflop: the bias needs exponents above 0, found alpha %g, beta %g",
                       alpha, beta);
    size_t most = 1;
    for (size_t i = 0; i < f->n; i++) most = f->budget[i].n > most ? f->budget[i].n : most;
    double *ln = malloc(most * sizeof *ln), *log_c = malloc(3 * f->n * sizeof *log_c);
    c->shift = malloc((f->n ? f->n : 1) * sizeof *c->shift);
    int status = ln && log_c && c->shift ? 0 : err_memory(e, "isoflop");
    for (size_t i = 0; i < f->n && !status; i++) {
        const struct isoflop_budget *b = &f->budget[i];
        size_t k = 0;
        double star;
        for (size_t j = 0; j < b->n; j++) {
            if (b->in[j]) ln[k++] = log(N[b->row[j]]);
        }
        c->shift[i] = NAN;
        if (b->status != ISOFLOP_REFUSED && bias_correct(alpha, beta, ln, k, log(b->N), &star))
            c->shift[i] = log(b->N) - star;
    }
    if (!status) {
        double *log_n = log_c + f->n, *log_d = log_n + f->n;
        c->used = minima(f, c->shift, log_c, log_n, log_d);
        if (c->used < 2) {
            status = err_set(e, "isoflop: fewer than two minima can be corrected");
        } else {
            ols_line(log_c, log_n, c->used, f->level, &c->N_of_C);
            ols_line(log_c, log_d, c->used, f->level, &c->D_of_C);
        }
    }
    free(ln);
    free(log_c);
    if (status) isoflop_corrected_free(c);
    return status;
}

void isoflop_corrected_free(struct isoflop_corrected *c)
{
    free(c->shift);
    *c = (struct isoflop_corrected){0};
}
