/* compare.h - which law, and how much the answer depends on choices nobody writes down.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_COMPARE_H
#define TRIPOD_FIT_COMPARE_H

#include "fit/fit.h"

/* One law on the rows. Information criteria are Gaussian on ln L (least squares of ln L; sigma
 * counts as a parameter), so they can be compared between laws; the hold-outs use the objective
 * asked for and are root-mean-square errors of ln L on rows the fit has not seen. NaN where a part
 * has no fit. */
struct comparison {
    const struct law *law;
    int k; /* parameters, sigma not counted */
    double rss_log, aic, aicc, bic;
    double largest;   /* the largest compute left out */
    double budgets;   /* each budget left out in turn */
    size_t test;      /* rows of the largest compute */
    char reason[200]; /* why there is no fit; empty when there is */
};

/* The law given first, then every other that the points have the variables for; rows [n_laws].
 * Returns how many. x: the variable of one-variable laws. holdout: rows with C at or above it are
 * "the largest compute"; 0: the top budget. *cut and *groups say what was used. */
int compare_laws(struct comparison *rows, const struct points *p, const struct law *first,
                 enum points_column x, const struct fit_options *o, double holdout, double *cut,
                 size_t *groups, struct err *e);

/* Budgets among C values: group[n] numbers from 0 in rising C; a gap of over 20 % parts two
 * budgets. When that gives fewer than 3 or more than n / 4, five equal parts. Returns how many, 0
 * when out of memory. */
size_t compare_budgets(const double *C, size_t n, size_t *group);

/* One choice: the fit under it. */
struct choice {
    char label[80];
    struct fit fit;
    size_t rows;
    double a, ratio; /* compute-optimal exponent and D/N at the budget; NaN without an optimum */
    char reason[200];
};
/* Fits `law` to the points with an objective given as text ("lad"). A failure is in c->reason. */
void choice_fit(struct choice *c, const char *label, const struct points *p, const struct law *law,
                enum points_column x, const struct fit_options *o, const char *objective,
                double budget);
/* Rows whose residual of the least absolute deviations fit is within `bar` robust standard
 * deviations. */
int choice_inliers(const struct points *p, const struct law *law, enum points_column x,
                   const struct fit_options *o, double bar, size_t *rows, size_t *n, struct err *e);

#endif
