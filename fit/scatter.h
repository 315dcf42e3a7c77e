/* scatter.h - starts for laws of any form: points scattered over the ranges their parameters have
 * (law.h, start), the best kept.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_SCATTER_H
#define TRIPOD_FIT_SCATTER_H

#include "fit/problem.h"

/* True for laws with such ranges. */
bool scatter_has(const struct law *law);

/* Up to max starts (grid^2 of them, the best of 16 grid^2 points), internal parameters, best first.
 * What L is linear in follows from the rest by non-negative least squares; where L has a scale, it is
 * set. The same for every call. Returns how many, 0 when out of memory. */
int scatter_starts(const struct fit_problem *p, int grid, int max, double (*t)[LAW_PARAMS]);

#endif
