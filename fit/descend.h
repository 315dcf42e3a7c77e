/* descend.h - from a start to an optimum: damped Newton steps (solve.h), for robust objectives through
 * falling deltas of Huber's loss.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_DESCEND_H
#define TRIPOD_FIT_DESCEND_H

#include "fit/problem.h"
#include "fit/solve.h"

/* One descent from t, in place, through the deltas; warm: straight at the final one. */
void fit_descend(struct fit_problem *p, double *t, bool warm, struct solve_result *r);

/* Objectives with a kink have many local minima a millionth apart: the law bends over the rows it
 * passes through. From the best, t and *r, small random steps (a fraction of a standard error) and
 * short descents, until a round of them finds nothing lower. */
void fit_search_nearby(const struct fit_problem *p, double *t, struct solve_result *r);

#endif
