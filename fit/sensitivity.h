/* sensitivity.h - how much a law's answer depends on choices nobody writes down: the objective, the
 * rows, how N is counted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_SENSITIVITY_H
#define TRIPOD_FIT_SENSITIVITY_H

#include "fit/fit.h"

/* One choice: the fit under it. */
struct choice {
    char label[80];
    struct fit fit;
    size_t rows;
    double a, ratio;  /* compute-optimal exponent and D/N at the budget; NaN without an optimum */
    char reason[200]; /* why there is no fit; empty when there is */
};

/* What all choices share. */
struct sensitivity {
    const struct law *law;
    enum points_column x;
    const struct fit_options *fit;       /* as asked; choices change the objective */
    double budget;                       /* of the ratio; 0: a hundred times the largest C */
    const struct csv *table;             /* what the points were read from, */
    const struct points_options *points; /* and how */
};

enum { SENSITIVITY_MOST = 16 };
/* The law as asked, then under each choice; choices[SENSITIVITY_MOST]. Returns how many, or -1 when
 * memory is out. s->budget is filled in. */
int sensitivity_run(struct choice *choices, struct sensitivity *s, const struct points *p,
                    struct err *e);

/* Least and greatest of a value over the choices that have it: a parameter (its index), or a or the
 * ratio. Infinite, the wrong way round, when none has. */
enum { SENSITIVITY_A = LAW_PARAMS, SENSITIVITY_RATIO };
void sensitivity_spread(const struct choice *c, int n, int value, double *lo, double *hi);

/* Fits `law` to the points with an objective given as text ("lad"). A failure is in c->reason. */
void choice_fit(struct choice *c, const char *label, const struct points *p,
                const struct sensitivity *s, const char *objective);
/* Rows whose residual of the least absolute deviations fit is within `bar` robust standard
 * deviations. */
int choice_inliers(const struct points *p, const struct sensitivity *s, double bar, size_t *rows,
                   size_t *n, struct err *e);

#endif
