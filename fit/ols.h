/* ols.h - ordinary least squares with honest intervals: a straight line, a parabola, Student's t.
 *
 * Everything is centred before it is solved, so that x = ln N near 20 costs no digits. Pure
 * functions, nothing is allocated.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_OLS_H
#define TRIPOD_FIT_OLS_H

#include <stdbool.h>
#include <stddef.h>

/* y = intercept + slope x. Intervals are t-intervals with n - 2 degrees of freedom; with n = 2 the
 * line goes through both points, nothing is known about its error, and se, lo and hi are NaN. */
struct ols_line {
    size_t n;
    double slope, intercept;
    double slope_se, slope_lo, slope_hi;
    double intercept_se, intercept_lo, intercept_hi;
    double sigma; /* residual standard deviation, n - 2 */
    double r2;
    double t; /* the quantile used */
    double x_mean, y_mean, sxx;
};

/* False when n < 2 or all x are equal. LEVEL: 0.95 for 95 %. */
bool ols_line(const double *x, const double *y, size_t n, double level, struct ols_line *fit);

/* The line's value at X and its confidence interval (of the mean, not of a new point). */
double ols_line_at(const struct ols_line *fit, double x, double *lo, double *hi);

/* "identified"; "weak": the slope is known to 20 % or worse, or its interval holds 0;
 * "unidentified": fewer than three points, or no interval. */
const char *ols_verdict(const struct ols_line *fit);

/* y = c0 + c1 u + c2 u^2 with u = x - centre. */
struct ols_parabola {
    size_t n;
    double centre, c[3];
    double cov[3][3]; /* with sigma^2 = rss / (n - 3); NaN when n = 3 */
    double rss, sigma;
};

/* Rows with use[i] == false are left out; USE may be NULL. False when fewer than 3 distinct x are
 * used. */
bool ols_parabola(const double *x, const double *y, const bool *use, size_t n,
                  struct ols_parabola *fit);

/* Value at X. */
double ols_parabola_at(const struct ols_parabola *fit, double x);

/* Where the parabola is flat: -c1 / (2 c2) + centre, with Fieller's interval: exact for the ratio
 * of two normal estimates, unlike the delta method. lo = -inf and hi = +inf when the curvature does
 * not differ from zero at this level; NaN when n = 3. */
double ols_vertex(const struct ols_parabola *fit, double level, double *lo, double *hi);

/* Two-sided quantile of Student's t: P(|T| <= t) = level. NaN for df < 1. */
double ols_t(double level, double df);

/* P(F > f) with d1, d2 degrees of freedom. */
double ols_f_tail(double f, double d1, double d2);

#endif
