/* average.h - what several laws say together: predictions, and compute-optimal N and D, averaged over
 * the laws of a comparison (compare.h), with the spread between laws beside the interval within one.
 *
 * Two sets of weights. Akaike's: exp(-(AICc - least) / 2), how likely each law is the best of them
 * (Burnham and Anderson, "Model selection and multimodel inference", 2nd ed. 2002, section 2.9). By
 * errors: the inverse mean square of ln L's errors on budgets left out in turn (Bates and Granger
 * 1969), which no law wins outright, so it still hears those that the rows nearly rule out.
 *
 * All in logarithms, over the laws that carry LEVEL of the weight, the others left out, and so those
 * that know the value to no better than a factor e: the mean; the interval within, from the mean
 * variance of the laws (the larger of sandwich and Hessian, to first order; Student's t); the range
 * between, from the least to the greatest law. The band is never narrower than the wider of the two:
 * end by end the farther of the range and of the interval with the variance between laws in it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_AVERAGE_H
#define TRIPOD_FIT_AVERAGE_H

#include "fit/analysis.h"
#include "fit/compare.h"

enum average_weights { AVERAGE_AKAIKE, AVERAGE_ERRORS, AVERAGE_WEIGHTS };
enum average_what { AVERAGE_LOSS, AVERAGE_N, AVERAGE_D }; /* the latter two at a budget */

struct average_law {
    const struct law *law;
    struct fit fit;
    double sandwich[LAW_PARAMS * LAW_PARAMS], hessian[LAW_PARAMS * LAW_PARAMS]; /* internal */
    double weight[AVERAGE_WEIGHTS]; /* of all laws that have a fit */
    char reason[200];               /* why it takes no part; empty when it does */
};

struct average_band {
    double value, lo, hi;
    double within_lo, within_hi, between_lo, between_hi;
    int laws; /* that carry the weight; 0: none has a value, all above is NaN */
};

struct average_at {
    enum average_what what;
    struct prediction place; /* of a loss: N, D, U */
    double budget;           /* of N and D */
    double *value, *se;      /* [laws] of each law: NaN without one; se of its logarithm */
    struct average_band band[AVERAGE_WEIGHTS];
};

struct average {
    struct average_law *law;
    int n_laws;
    struct average_at *at; /* the predictions, then N and D of each budget */
    size_t n;
    double *block; /* what at's arrays point into */
};

/* ROWS [n] as compare_laws filled them from P; the first row's law says what a prediction's numbers
 * are. O: objective, level, predictions and budgets; pins and bounds hold for the first law. A law that
 * needs a variable which a prediction lacks has no value there, nor one without an optimum at a
 * budget. Errors: no law has a fit, memory. The caller frees with average_close, after a failure
 * too. Thread-safe. */
int average_laws(struct average *a, const struct comparison *rows, int n, const struct points *p,
                 const struct analysis_options *o, struct err *e);
void average_close(struct average *a);

#endif
