/* report_design.h - how a design looks: the target before and after, the runs in order, a figure.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_DESIGN_H
#define TRIPOD_REPORT_DESIGN_H

#include <jansson.h>

#include "fit/design.h"
#include "src/base/sheet.h"

/* Into the sheet, and as JSON: a new reference. COST as given to design_choose. */
json_t *design_report(struct sheet *s, const struct design *d, const struct points *rows,
                      const struct points *candidates, const double *cost,
                      const struct design_options *o);

/* Rows, candidates, choice and target over N and D; beside it the half-width against what was spent.
 * As plot_write. */
int design_plot(const struct design *d, const struct points *rows, const struct points *candidates,
                const char *path, bool *drawn, struct err *e);

#endif
