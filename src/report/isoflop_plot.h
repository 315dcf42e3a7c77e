/* isoflop_plot.h - the figure of Approach 2 (fit/isoflop.h).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_ISOFLOP_PLOT_H
#define TRIPOD_REPORT_ISOFLOP_PLOT_H

#include <stdbool.h>

#include "fit/isoflop.h"
#include "src/base/err.h"

/* Losses, parabolas and minima, one colour per budget; see plot.h for PATH and DRAWN. */
int isoflop_plot(const struct isoflop *f, const double *N, const double *loss, const char *path,
                 bool *drawn, struct err *e);

#endif
