/* starts.h - where descents begin.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_STARTS_H
#define TRIPOD_FIT_STARTS_H

#include "fit/problem.h"

/* Starts of the law at these rows, best first; t [max][LAW_PARAMS]. Returns how many. */
int fit_starts(const struct fit_problem *p, int grid, int max, double (*t)[LAW_PARAMS]);
/* The best coefficients for the exponents in t, to first order, where all are positive and free;
 * only for sums of terms. t is left alone otherwise. work [2 * rows->n]. */
void fit_project(const struct fit_problem *p, double *t, double *work);

#endif
