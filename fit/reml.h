/* reml.h - rows that are not independent or not equally noisy, by restricted likelihood (Patterson and
 * Thompson 1971) of ln L's residuals about a law linearised at its least squares fit.
 *
 *   a random effect of each run      ln L = law + b_run + noise, variances tau^2 and sigma^2: the rows of
 *                                    a run (its checkpoints) are off together
 *   variance that follows a variable noise variance ~ X^g, X one of N and D
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_REML_H
#define TRIPOD_FIT_REML_H

#include "fit/fit.h"

struct reml_runs {
    size_t runs;        /* 0: fewer than 4, or no run has two rows; nothing else is set then */
    double tau, sigma;  /* standard deviations of ln L: between runs, within */
    double correlation; /* of two rows of a run: tau^2 / (tau^2 + sigma^2) */
    double chi2, p;     /* of tau = 0: -2 ln likelihood ratio, half chi2(0) and half chi2(1) */
    /* Standard errors of the least squares fit under these variances; 0 where a parameter is held. */
    double se[LAW_PARAMS], se_t[LAW_PARAMS]; /* natural; internal */
};

/* A run is a value of P's run column. NEAR: a fit to start from. Errors: least squares has no fit,
 * memory. Thread-safe. */
int reml_runs(struct reml_runs *r, const struct points *p, enum points_column x,
              const struct fit *near, const struct fit_options *o, struct err *e);

struct reml_variance {
    double g, se;   /* variance ~ X^g */
    double chi2, p; /* of g = 0 */
    int rounds;     /* fits until g stood still */
};

/* Estimates g for COLUMN (POINTS_N or POINTS_D), fitting again with the weights that follow until it
 * stands still, and multiplies P's weights by (X / its geometric mean)^-g. Errors: the column is
 * constant or not known in every row, no fit, no minimum within |g| < 4. Thread-safe. */
int reml_variance(struct reml_variance *v, struct points *p, const struct law *law,
                  enum points_column x, enum points_column column, const struct fit_options *o,
                  struct err *e);

#endif
