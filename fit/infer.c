/* infer.c - covariances of fits; see infer.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/infer.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/solve.h"

/* Half-width in which residuals count as "at zero" for objectives with a kink: Silverman's rule on
 * the median absolute residual. */
static double bandwidth(const double *r, size_t n)
{
    double *s = malloc((n + 1) * sizeof *s);
    if (!s) return 0;
    for (size_t i = 0; i < n; i++) s[i] = fabs(r[i]);
    gsl_sort(s, 1, n);
    double sigma = 1.4826 * s[n / 2];
    free(s);
    return fmax(1.06 * sigma * pow((double)n, -0.2), 1e-14);
}

/* C = J A J' for n x n matrices. */
static void transform(int n, const double *jacobian, const double *a, double *c)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; k < n; k++) {
                for (int l = 0; l < n; l++)
                    sum += jacobian[i * n + k] * a[k * n + l] * jacobian[j * n + l];
            }
            c[i * n + j] = sum;
        }
    }
}

/* The inverse of SCALE times the rows and columns INDEX [k] of the packed MATRIX, in their places of
 * [n, n]; NaN there and false where it is not positive definite. */
static bool invert(const double *matrix, double scale, const int *index, int k, int n,
                   double *inverse)
{
    double a[LAW_HESSIAN];
    for (int i = 0; i < k; i++) {
        for (int j = 0; j <= i; j++) a[PACKED(i, j)] = matrix[PACKED(index[i], index[j])] * scale;
    }
    bool positive = k > 0 && cholesky(k, a);
    for (int i = 0; i < k; i++) {
        double column[LAW_PARAMS] = {0};
        column[i] = 1;
        if (positive) cholesky_solve(k, a, column);
        for (int j = 0; j < k; j++) inverse[index[j] * n + index[i]] = positive ? column[j] : NAN;
    }
    return positive;
}

/* The sum of psi^2 J J' over rows. A row within delta draws the fit towards itself by its leverage h =
 * psi' J' H^-1 J, so its psi is too small by 1 - h: HC3 of MacKinnon and White (J. Econometrics 29 (1985)
 * 305), close to the jackknife. Of a row that alone determines a parameter nothing is known: 1 - h is
 * kept from 0. PSI, SLOPE [d->n]; INVERSE and SUM [n * n], internal. */
static void meat(const struct fit *f, const struct fit_data *d, const double *psi,
                 const double *slope, const double *inverse, bool log, double *sum)
{
    const int n = f->law->n;
    memset(sum, 0, (size_t)(n * n) * sizeof *sum);
    for (size_t i = 0; i < d->n; i++) {
        const double x[3] = {d->rows.x[0][i], d->rows.x[1][i], d->rows.x[2][i]};
        double g[LAW_PARAMS], h[LAW_HESSIAN], leverage = 0;
        const double L = law_internal(f->law, f->t, x, f->centre, g, h);
        for (int a = 0; a < n; a++) g[a] *= log ? 1 / L : 1;
        for (int a = 0; a < n; a++) {
            for (int b = 0; b < n; b++) leverage += slope[i] * g[a] * g[b] * inverse[a * n + b];
        }
        const double p = psi[i] / fmax(1 - leverage, 1 / (double)d->n);
        for (int a = 0; a < n; a++) {
            for (int b = 0; b < n; b++) sum[a * n + b] += p * p * g[a] * g[b];
        }
    }
}

int infer_covariance(struct covariance *c, const struct fit *f, struct fit_data *d,
                     const struct fit_options *o, struct err *e)
{
    struct fit_problem p;
    struct fit_options own = *o;
    int n = f->law->n, index[LAW_PARAMS], k = 0;
    own.objective = f->objective;
    if (fit_problem_open(&p, f->law, d, &own, e)) return -1;
    double *r = malloc(2 * (d->n + 1) * sizeof *r), *slopes = r + d->n;
    if (!r) return err_memory(e, NULL);
    fit_residuals(f, d, r);
    bool kink = f->objective.kind == OBJ_LAD || f->objective.kind == OBJ_ASYM;
    /* The derivative of psi is the density of residuals near zero: with a delta that holds a
     * handful of rows it is noise, so it is taken over a bandwidth, and scaled back to the
     * objective's own units. */
    double own_delta = f->objective.kind == OBJ_HUBER ? f->objective.delta : kink ? 1 : INFINITY;
    double delta = isfinite(own_delta) ? bandwidth(r, d->n) : INFINITY, scale = 1;
    if (!kink && own_delta >= delta) delta = own_delta;
    if (kink || own_delta < delta) scale = own_delta / delta;
    double f0, g[LAW_PARAMS], h[LAW_HESSIAN], m[LAW_HESSIAN], b[LAW_PARAMS * LAW_PARAMS],
        gauss[LAW_HESSIAN] = {0};
    p.loss.delta = p.loss.active = delta;
    fit_evaluate(&p, f->t, &f0, g, h, m);
    memset(c, 0, sizeof *c);
    for (int i = 0; i < n; i++) {
        if (!f->at_bound[i] && !f->vanished[i]) index[k++] = i;
    }
    double psi2 = 0, slope = 0, df = fmax((double)d->n - k, 1);
    for (size_t i = 0; i < d->n; i++) {
        double x[3] = {d->rows.x[0][i], d->rows.x[1][i], d->rows.x[2][i]}, lg[LAW_PARAMS],
               lh[LAW_HESSIAN];
        double L = law_internal(f->law, f->t, x, f->centre, lg, lh), size = fabs(r[i]);
        double w = d->rows.w[i] * (r[i] > 0 ? p.loss.over : 1);
        double psi = kink ? w : w * fmin(size, own_delta), step = p.loss.log ? 1 / L : 1;
        psi2 += psi * psi / w;
        slope += slopes[i] = size <= delta ? w * scale : 0;
        r[i] = psi;
        for (int a = 0; a < n && size <= delta; a++) {
            for (int q = 0; q <= a; q++) gauss[PACKED(a, q)] += w * lg[a] * lg[q] * step * step;
        }
    }
    slope /= (double)d->n;
    c->unit = psi2 / df / slope;
    double inverse[LAW_PARAMS * LAW_PARAMS] = {0};
    c->positive = invert(h, slope > 0 ? scale : NAN, index, k, n, inverse);
    /* Over a bandwidth the Hessian may bend downwards although the optimum is one: Gauss-Newton's
     * part. */
    if (!c->positive && slope > 0 && isfinite(f->decrement))
        c->positive = invert(gauss, scale, index, k, n, inverse);
    for (int i = 0; i < n * n; i++) c->hessian_t[i] = c->unit * inverse[i];
    meat(f, d, r, slopes, inverse, p.loss.log, b);
    free(r);
    transform(n, inverse, b, c->sandwich_t);
    double jacobian[LAW_PARAMS * LAW_PARAMS];
    law_jacobian(f->law, f->centre, f->t, jacobian);
    transform(n, jacobian, c->hessian_t, c->hessian);
    transform(n, jacobian, c->sandwich_t, c->sandwich);
    return 0;
}
