/* witness.h - a second opinion on an optimum: GSL's own minimisers start a standard error away from
 * it and must come back.
 *
 * Nothing is shared with the descent that found it but the formula: residuals are summed as the
 * objective is defined, and the steps are GSL's: multifit_nlinear (trust region) for least squares,
 * multimin (BFGS2) for Huber's loss, multimin (simplex) where there is a kink. They work in
 * coordinates in which the optimum is round, so that a direction the rows hardly identify is as
 * long as any other, and they are judged by the objective they reach, not by where.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_WITNESS_H
#define TRIPOD_FIT_WITNESS_H

#include "fit/fit.h"

enum witness_says {
    WITNESS_NONE,    /* not asked, or nothing can move */
    WITNESS_AGREES,  /* it came back */
    WITNESS_LOWER,   /* it found a lower objective: the optimum is none */
    WITNESS_DIFFERS, /* the objective there is another number by its own sum */
    WITNESS_SHORT,   /* it stopped above, which says nothing against the optimum */
};

struct witness {
    enum witness_says says;
    const char *method; /* "trust region", "BFGS2", "simplex"; "sum" when the objective differs */
    double difference;  /* |its objective - ours| / ours */
    double shift; /* how far it ended from us, in standard errors: the largest of all directions */
};

/* A sum over rows of weight times loss of a residual. */
struct witness_problem {
    int n; /* parameters */
    size_t rows;
    /* Residual of row i at t, and its gradient [n] unless NULL. NaN: t is outside the domain. */
    double (*row)(const void *context, size_t i, const double *t, double *g);
    const void *context;
    const double *weight; /* [rows], or NULL: 1 */
    struct objective loss;
    double floor; /* an objective that counts as 0 */
};

/* Is t a minimum, with the objective FOUND? An error only when memory is out. */
int witness_ask(struct witness *w, const struct witness_problem *p, const double *t, double found,
                struct err *e);

/* Of a fit, at f->t; d and o as given to fit_law. */
int witness_fit(struct witness *w, const struct fit *f, struct fit_data *d,
                const struct fit_options *o, struct err *e);

#endif
