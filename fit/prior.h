/* prior.h - a law fitted to rows that need not determine it: least squares of ln L with a weak normal
 * prior on the internal parameters. With many rows it is the plain fit; with few, what they leave
 * open stays where laws of language models lie instead of running to a limit.
 *
 * The prior, mean and standard deviation: a constant half the least loss, a factor e; a term at the
 * centre of the rows a quarter of it, a factor e^1.5; an exponent 0.3, 0.3; any other scale 1, a
 * factor e; any other parameter 0, 3. It weighs as one observation does whose noise is the fit's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_PRIOR_H
#define TRIPOD_FIT_PRIOR_H

#include "fit/fit.h"

/* Standard deviations of the prior, internal parameters: sd [law->n]. */
void prior_width(const struct law *law, double *sd);

/* Fits; of *f the law, centre, t, params, rows, free and rss_log are set, the objective is least squares
 * of ln L. *sigma: the standard deviation of ln L about the law, at least 1e-6. Errors: fewer than 3
 * rows, no optimum. Thread-safe. */
int prior_fit(struct fit *f, double *sigma, const struct law *law, struct fit_data *d,
              struct err *e);

#endif
