/* ols.c - see ols.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/ols.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

double ols_t(double level, double df)
{
    return df >= 1 ? gsl_cdf_tdist_Pinv(0.5 + level / 2, df) : NAN;
}

double ols_f_tail(double f, double d1, double d2)
{
    return gsl_cdf_fdist_Q(f, d1, d2);
}

bool ols_line(const double *x, const double *y, size_t n, double level, struct ols_line *fit)
{
    *fit = (struct ols_line){.n = n};
    if (n < 2) return false;
    double xm = 0, ym = 0, sxx = 0, sxy = 0, syy = 0, rss = 0;
    for (size_t i = 0; i < n; i++) {
        xm += x[i];
        ym += y[i];
    }
    xm /= (double)n;
    ym /= (double)n;
    for (size_t i = 0; i < n; i++) {
        sxx += (x[i] - xm) * (x[i] - xm);
        sxy += (x[i] - xm) * (y[i] - ym);
        syy += (y[i] - ym) * (y[i] - ym);
    }
    if (!(sxx > 0) || !isfinite(sxx) || !isfinite(sxy)) return false;
    fit->slope = sxy / sxx;
    fit->intercept = ym - fit->slope * xm;
    for (size_t i = 0; i < n; i++) {
        double r = y[i] - ym - fit->slope * (x[i] - xm);
        rss += r * r;
    }
    double df = (double)n - 2;
    fit->t = ols_t(level, df);
    fit->sigma = n > 2 ? sqrt(rss / df) : NAN;
    fit->slope_se = fit->sigma / sqrt(sxx);
    fit->intercept_se = fit->sigma * sqrt(1 / (double)n + xm * xm / sxx);
    fit->slope_lo = fit->slope - fit->t * fit->slope_se;
    fit->slope_hi = fit->slope + fit->t * fit->slope_se;
    fit->intercept_lo = fit->intercept - fit->t * fit->intercept_se;
    fit->intercept_hi = fit->intercept + fit->t * fit->intercept_se;
    fit->r2 = syy > 0 ? 1 - rss / syy : 1;
    fit->x_mean = xm;
    fit->y_mean = ym;
    fit->sxx = sxx;
    return true;
}

double ols_line_at(const struct ols_line *fit, double x, double *lo, double *hi)
{
    double u = x - fit->x_mean, y = fit->y_mean + fit->slope * u;
    double half = fit->t * fit->sigma * sqrt(1 / (double)fit->n + u * u / fit->sxx);
    if (lo) *lo = y - half;
    if (hi) *hi = y + half;
    return y;
}

const char *ols_verdict(const struct ols_line *fit)
{
    double half = 0.5 * (fit->slope_hi - fit->slope_lo);
    if (fit->n < 3 || !isfinite(half)) return "unidentified";
    return half > 0.2 * fabs(fit->slope) ? "weak" : "identified";
}

/* Inverse of a symmetric 3x3 by cofactors; false when it is singular to working precision. */
static bool invert3(const double m[3][3], double inverse[3][3])
{
    double det = 0, scale = m[0][0] * m[1][1] * m[2][2];
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            int a = (i + 1) % 3, b = (i + 2) % 3, c = (j + 1) % 3, d = (j + 2) % 3;
            inverse[j][i] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
        }
    }
    for (int j = 0; j < 3; j++) det += m[0][j] * inverse[j][0];
    if (!(det > 1e-13 * scale)) return false;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) inverse[i][j] /= det;
    return true;
}

bool ols_parabola(const double *x, const double *y, const bool *use, size_t n,
                  struct ols_parabola *fit)
{
    *fit = (struct ols_parabola){0};
    double m = 0, spread = 0;
    for (size_t i = 0; i < n; i++) {
        if (use && !use[i]) continue;
        fit->n++;
        m += x[i];
    }
    if (fit->n < 3) return false;
    m /= (double)fit->n;
    for (size_t i = 0; i < n; i++) {
        if (!use || use[i]) spread += (x[i] - m) * (x[i] - m);
    }
    spread = sqrt(spread / (double)fit->n); /* powers of (x - m) / spread: a well-scaled system */
    if (!(spread > 0) || !isfinite(spread)) return false;
    double A[3][3] = {{0}}, r[3] = {0}, inverse[3][3], c[3] = {0};
    for (size_t i = 0; i < n; i++) {
        if (use && !use[i]) continue;
        double u = (x[i] - m) / spread, p[3] = {1, u, u * u};
        for (int j = 0; j < 3; j++) {
            r[j] += p[j] * y[i];
            for (int k = 0; k < 3; k++) A[j][k] += p[j] * p[k];
        }
    }
    if (!invert3(A, inverse)) return false;
    /* Solve, then once more for the residual: exact data give residuals at rounding level. */
    for (int pass = 0; pass < 2; pass++) {
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 3; k++) c[j] += inverse[j][k] * r[k];
        r[0] = r[1] = r[2] = fit->rss = 0;
        for (size_t i = 0; i < n; i++) {
            if (use && !use[i]) continue;
            double u = (x[i] - m) / spread, e = y[i] - c[0] - u * (c[1] + u * c[2]);
            fit->rss += e * e;
            r[0] += e;
            r[1] += e * u;
            r[2] += e * u * u;
        }
    }
    double s2 = fit->n > 3 ? fit->rss / (double)(fit->n - 3) : NAN;
    double unit[3] = {1, 1 / spread, 1 / (spread * spread)};
    fit->centre = m;
    fit->sigma = sqrt(s2);
    for (int j = 0; j < 3; j++) {
        fit->c[j] = c[j] * unit[j];
        for (int k = 0; k < 3; k++) fit->cov[j][k] = s2 * inverse[j][k] * unit[j] * unit[k];
    }
    return true;
}

double ols_parabola_at(const struct ols_parabola *fit, double x)
{
    double u = x - fit->centre;
    return fit->c[0] + u * (fit->c[1] + u * fit->c[2]);
}

double ols_vertex(const struct ols_parabola *fit, double level, double *lo, double *hi)
{
    double a = fit->c[2], b = fit->c[1], v = -b / (2 * a);
    *lo = *hi = NAN;
    if (fit->n > 3) {
        /* All v with (b + 2 a v)^2 <= t^2 Var(b + 2 a v). */
        double t2 = ols_t(level, (double)fit->n - 3);
        t2 *= t2;
        double p = 4 * (a * a - t2 * fit->cov[2][2]), q = 4 * (a * b - t2 * fit->cov[1][2]);
        double r = b * b - t2 * fit->cov[1][1], disc = q * q - 4 * p * r;
        *lo = -INFINITY;
        *hi = INFINITY;
        if (p > 0) {
            double root = sqrt(disc > 0 ? disc : 0);
            /* Exact data: both ends are the vertex, up to rounding. */
            *lo = fmin((-q - root) / (2 * p), v) + fit->centre;
            *hi = fmax((-q + root) / (2 * p), v) + fit->centre;
        }
    }
    return v + fit->centre;
}
