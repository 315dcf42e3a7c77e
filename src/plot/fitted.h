/* fitted.h - a law as a fit's JSON has it: parameters, and the law again under its errors.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLOT_FITTED_H
#define TRIPOD_PLOT_FITTED_H

#include "fit/laws.h"
#include "src/plot/result.h"

struct fitted {
    const struct law *law;
    struct law *own;                                           /* that law where it is a formula */
    double params[LAW_PARAMS], lo[LAW_PARAMS], hi[LAW_PARAMS]; /* interval, NaN: none */
    double (*draws)[LAW_PARAMS];                               /* [n] of the bootstrap */
    size_t n;
    double level; /* of the intervals */
    double *work; /* [n] */
};

/* FIT: the JSON or a group of it; NAME for messages. The caller frees, after an error too. */
int fitted_read(struct fitted *f, json_t *fit, const char *name, struct err *e);
void fitted_free(struct fitted *f);

/* What VALUE gives for the parameters, and the middle `level` of what it gives for the draws: NaN without
 * 20 of them. */
struct fitted_value {
    double value, lo, hi;
};
struct fitted_value fitted_at(const struct fitted *f,
                              double value(const struct law *law, const double *params,
                                           const void *context),
                              const void *context);
/* The law's loss of a row; X: the column a law of one variable reads. */
double fitted_row(const struct fitted *f, const struct points *p, size_t row, enum points_column x);
/* The law itself there. */
struct fitted_value fitted_loss(const struct fitted *f, const struct law_at *at);

#endif
