/* speedup.h - how much less compute one recipe needs than another to reach the same loss.
 *
 * Each recipe's runs get a law of N and D (least squares of ln L); L*(C) is its least loss at a budget
 * C = 6ND. Where the baseline spends C, the recipe reaches L*_base(C) at C', and the multiplier is
 * C / C'. Intervals are of ln multiplier, from the laws' covariances to first order: at an optimum the
 * derivative of L* by a parameter is that of L (the envelope theorem), so gradients are exact; the
 * quantile is Student's t with Welch and Satterthwaite's degrees of freedom.
 *
 * In the limit of compute the multiplier is a constant only if both laws go to one loss with one slope.
 * So: where the constants E differ at the level asked, it has no limit; where they do not, all but
 * the coefficients are shared, if an F test lets them be, and the multiplier of that is the limit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_SPEEDUP_H
#define TRIPOD_FIT_SPEEDUP_H

#include "fit/fit.h"

struct speedup_options {
    const struct law *law;
    double level;
    const double *budgets; /* of the baseline; none: three over what both have */
    size_t n_budgets;
};

/* A multiplier. */
struct speedup_at {
    double C, loss; /* of the baseline; its least loss there */
    double other;   /* C': NaN where the recipe never reaches that loss */
    double value, lo, hi;
    bool beyond;      /* C is more than any run of the baseline had */
    bool crosses;     /* the interval holds 1: the curves cross inside it */
    char reason[160]; /* why there is no value; empty where there is */
};

enum speedup_limit {
    LIMIT_CONSTANT, /* the multiplier of the shared laws */
    LIMIT_GROWS,    /* the recipe's E is lower: at some loss the baseline never arrives */
    LIMIT_VANISHES, /* the baseline's is */
    LIMIT_UNKNOWN, /* the E do not differ, but other shared parameters do, or there is no such fit */
};

struct speedup {
    struct fit recipe, base;
    struct speedup_at *at;
    size_t n;
    /* Budgets from which to which the interval holds 1, among 200 over those of the runs and those
     * asked for; NaN: nowhere. crossing: where the curves themselves cross, NaN: nowhere. */
    double cross_lo, cross_hi, crossing;
    enum speedup_limit limit;
    struct speedup_at shared; /* with LIMIT_CONSTANT */
    double F, p, df1, df2;    /* of the test whether all but the coefficients are shared; or NaN */
};

/* Errors: the law is none of N and D, one of the tables has no fit. The caller frees with
 * speedup_close, after a failure too. Thread-safe. */
int speedup_fit(struct speedup *s, const struct points *recipe, const struct points *base,
                const struct speedup_options *o, struct err *e);
void speedup_close(struct speedup *s);

#endif
