/* fit.h - fits a law to points: the best of many starts, and the evidence that it is an optimum.
 *
 * Rows are sorted into a canonical order and centred first, so a result does not depend on the
 * order of rows, the number of threads, or the units of N and D. Starts come from variable
 * projection: on a grid of exponents the coefficients follow by linear least squares. Each start
 * descends by damped Newton steps (solve.h) through decreasing Huber deltas; a start is never
 * returned as a fit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_FIT_H
#define TRIPOD_FIT_FIT_H

#include "fit/problem.h"
#include "src/base/err.h"

struct fit {
    const struct law *law;
    struct objective objective; /* delta filled in */
    double centre[3];
    double t[LAW_PARAMS], params[LAW_PARAMS];
    double value; /* the objective */
    double g[LAW_PARAMS], h[LAW_HESSIAN], m[LAW_HESSIAN];
    double gradient, decrement;      /* largest |cosine| of residuals and a column of J; relative */
    double condition, condition_raw; /* of J'J: internal coordinates, natural ones */
    double rss, rss_log;             /* weighted sums of squares of L and of ln L residuals */
    size_t rows;                     /* used */
    int free;                        /* parameters that could move */
    int starts, agree;
    bool at_bound[LAW_PARAMS]; /* pinned ones too */
    bool vanished[LAW_PARAMS]; /* a coefficient that went to zero */
};

/* Fits. Fails (with the reason) when there are fewer rows than parameters, when a variable does not
 * vary, when losses are all the same, or when no start converges. `d` may be recentred. */
int fit_law(struct fit *f, const struct law *law, struct fit_data *d, const struct fit_options *o,
            struct err *e);

/* ln L (or L, for objectives on L) predicted minus observed, in the order of d's rows; r [d->n]. */
void fit_residuals(const struct fit *f, const struct fit_data *d, double *r);

/* Predicted loss. */
double fit_predict(const struct fit *f, double N, double D, double U);

#endif
