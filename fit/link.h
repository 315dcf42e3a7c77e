/* link.h - accuracies from losses: a sigmoid of the loss as a second stage behind a law of the loss.
 *
 *   outcome = low + (high - low) / (1 + exp(k (L - mid)))
 *
 * (Bhagia et al. 2024, arXiv 2412.04403, step 2: a = low - high, b = high, no added ideal points.) The
 * second stage is fitted to the losses observed, the first to the runs; a prediction goes through
 * both, and so do the resamples of its band.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_LINK_H
#define TRIPOD_FIT_LINK_H

#include "fit/analysis.h"

enum { LINK_LOW, LINK_HIGH, LINK_K, LINK_MID, LINK_PARAMS };
extern const char *const link_names[LINK_PARAMS];

struct link {
    double param[LINK_PARAMS];             /* shares of 1; per nat; nats */
    struct interval interval[LINK_PARAMS]; /* of percentiles over the resamples; NaN without */
    double rms;                            /* of the outcomes' residuals */
    size_t rows, starts, agree;
};

struct linked {
    double N, D, U, loss, outcome, lo, hi;
};

double link_value(const double *param, double loss);

/* The sigmoid alone, least squares with weights w: low and high from 0 to 1, k above 0. Errors: fewer
 * than 6 rows, outcomes not between 0 and 1 or all equal, no start converges. */
int link_fit(struct link *link, const double *loss, const double *outcome, const double *w,
             size_t n, struct err *e);

/* Both stages: the sigmoid over P's rows with an outcome, and outcomes at A's predictions, out
 * [a->n_predict], with bands of percentiles, further out the fewer the rows, at O's level over A's resamples, the sigmoid fitted again for
 * each to rows drawn anew, or whole runs where A's resamples are of runs (streams of O's seed of their
 * own). Errors: link_fit's, memory. */
int link_analyse(struct link *link, struct linked *out, const struct analysis *a,
                 const struct points *p, const struct analysis_options *o, struct err *e);

#endif
