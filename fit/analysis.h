/* analysis.h - a fit with all that says how far to trust it: every kind of interval side by side,
 * correlations, derived quantities with bands, verdicts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_ANALYSIS_H
#define TRIPOD_FIT_ANALYSIS_H

#include "fit/infer.h"
#include "fit/verdict.h"
#include "fit/witness.h"

struct prediction {
    double N, D, U;
    double loss;
    double lo, hi;         /* of the law */
    double new_lo, new_hi; /* of a new run: the law's and a residual's */
};

struct analysis_options {
    struct fit_options fit;
    struct bootstrap_options bootstrap; /* n = 0: none */
    bool profile;
    bool witness;          /* ask GSL whether the optimum is one */
    double level;          /* 0.95 */
    enum points_column x;  /* for laws of one variable */
    const double *budgets; /* FLOP, for laws with an optimum */
    size_t n_budgets;
    const struct prediction *predict; /* N, D, U filled in */
    size_t n_predict;
};

/* A quantity that follows from the parameters: a, b, G, and N*, D*, D/N, L at a budget. */
struct derived {
    char name[40];
    double budget; /* 0: none */
    double value;
    struct interval interval;
    enum verdict verdict;
    char reason[120];
};

struct analysis {
    struct fit fit;
    struct fit_data data;
    struct witness witness;
    struct covariance covariance;
    struct known known[LAW_PARAMS];
    struct bootstrap bootstrap;                  /* n = 0 when none was asked for */
    double correlation[LAW_PARAMS * LAW_PARAMS]; /* of ln coefficients and exponents */
    const char *correlation_from;                /* "bootstrap" or "sandwich" */
    char interval_kind[64];                      /* what lo and hi of known[] are */
    struct derived *derived;
    size_t n_derived;
    struct prediction *predict;
    size_t n_predict;
    int held;          /* pins and bounds at work; then: */
    double free_value; /* the objective without them */
    double held_chi2;  /* what they cost, in units of -2 ln L ... */
    double held_p;     /* ... and how often chance costs as much */
    char flat[160];    /* the flattest direction */
    double fit_seconds, bootstrap_seconds, profile_seconds,
        witness_seconds; /* CPU time of the process */
    enum verdict verdict;
    char reason[320];
};

/* Everything. The caller frees with analysis_close, after a failure too. */
int analyse(struct analysis *a, const struct points *p, const struct law *law,
            const struct analysis_options *o, struct err *e);
void analysis_close(struct analysis *a);

#endif
