/* problem.h - a law, rows, an objective and limits: the function that descents minimise.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_PROBLEM_H
#define TRIPOD_FIT_PROBLEM_H

#include "fit/fit_data.h"
#include "fit/kernel.h"
#include "fit/objective.h"

struct fit_options {
    struct objective objective;
    int grid;                /* starts: grid x grid exponents; 0: 6 */
    bool pinned[LAW_PARAMS]; /* natural parameters held at pin[] */
    double pin[LAW_PARAMS];
    bool bounded[LAW_PARAMS]; /* natural parameters kept in [lower, upper] */
    double lower[LAW_PARAMS], upper[LAW_PARAMS];
    const double *near; /* natural parameters to start from besides, or NULL */
};

/* A problem set up once and solved for many weights or observations (bootstrap, profiles). */
struct fit_problem {
    const struct law *law;
    const struct fit_rows *rows;
    const double *centre;
    struct objective objective;
    double lower[LAW_PARAMS], upper[LAW_PARAMS]; /* internal */
    struct kernel_loss loss;                     /* state of a descent */
    double *work;                                /* scratch of a descent, or NULL */
};

int fit_problem_open(struct fit_problem *p, const struct law *law, struct fit_data *d,
                     const struct fit_options *o, struct err *e);

/* Huber's delta of the next evaluations; INFINITY: least squares. */
void fit_problem_delta(struct fit_problem *p, double delta);
/* The value the objective has by its own definition, from what the descent minimises. */
double fit_objective_value(const struct fit_problem *p, const double *t);
/* Objective, gradient, Hessian and majorant at t for p->loss (see solve.h). */
void fit_evaluate(const struct fit_problem *p, const double *t, double *f, double *g, double *h,
                  double *m);

double fit_total_weight(const struct fit_rows *rows);

#endif
