/* compare.h - which law: information criteria, and errors on rows left out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_COMPARE_H
#define TRIPOD_FIT_COMPARE_H

#include "fit/fit.h"

/* One law on the rows. Information criteria are Gaussian on ln L (least squares of ln L; sigma
 * counts as a parameter), so they can be compared between laws; the hold-outs use the objective
 * asked for and are root-mean-square errors of ln L on rows the fit has not seen. NaN where a part
 * has no fit. */
enum { COMPARE_LAWS = 32 }; /* room for every law of the table and one more */

struct comparison {
    const struct law *law;
    double params[LAW_PARAMS]; /* of least squares of ln L on all rows */
    int k;                     /* parameters, sigma not counted */
    double rss_log, aic, aicc, bic;
    double largest;   /* the largest compute left out */
    double budgets;   /* each budget left out in turn */
    size_t test;      /* rows of the largest compute */
    char reason[200]; /* why there is no fit; empty when there is */
};

/* The law given first, then every other that the points have the variables for; rows [COMPARE_LAWS].
 * Returns how many. x: the variable of one-variable laws. holdout: rows with C at or above it are
 * "the largest compute"; 0: the top budget. *used says which. */
struct compare_split {
    double cut;     /* C at or above it is the largest */
    size_t budgets; /* left out in turn */
};
int compare_laws(struct comparison *rows, const struct points *p, const struct law *first,
                 enum points_column x, const struct fit_options *o, double holdout,
                 struct compare_split *used, struct err *e);

/* Budgets among C values: group[n] numbers from 0 in rising C; a gap of over 20 % parts two
 * budgets. When that gives fewer than 3 or more than n / 4, five equal parts. Returns how many, 0
 * when out of memory. */
size_t compare_budgets(const double *C, size_t n, size_t *group);

#endif
