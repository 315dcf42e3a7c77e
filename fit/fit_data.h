/* fit_data.h - points as a law sees them: sorted into a canonical order and centred, so that a result does
 * not depend on the order of rows or the units of N and D.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_FIT_DATA_H
#define TRIPOD_FIT_FIT_DATA_H

#include <stddef.h>

#include "fit/laws.h"
#include "fit/points.h"
#include "src/base/err.h"

/* Rows ready for fitting: sorted, centred logarithms, padded to an even number with weight 0. */
struct fit_rows {
    size_t n;                 /* with padding */
    double *x[3], *y, *L, *w; /* ln N, ln D, ln U, each minus its centre; ln L; L; weights */
};
struct fit_data {
    struct fit_rows rows;
    size_t n;    /* rows without padding */
    size_t *row; /* [n] index in the points */
    double centre[3];
    double *block; /* what rows point into */
};
/* The column a law reads as its k-th variable (0 to 2), POINTS_COLUMNS when it has none; x: that of
 * a law of one variable. */
enum points_column fit_data_column(const struct law *law, int k, enum points_column x);
/* The k-th variable of a row; 0 where the law has none. */
double fit_data_value(const struct law *law, int k, enum points_column x, const struct points *p,
                      size_t row);
/* What the variable is called in messages: "N", "the step". */
const char *fit_data_name(const struct law *law, int k);
/* X: the column a law of one variable reads; ignored by the others. The caller frees with
 * fit_data_close. */
int fit_data_open(struct fit_data *d, const struct points *p, const struct law *law,
                  enum points_column x, struct err *e);
void fit_data_close(struct fit_data *d);
/* Moves a centre to `to`. */
void fit_data_recentre(struct fit_data *d, int variable, double to);

#endif
