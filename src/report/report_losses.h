/* loss_plot.h - the figure of a scan: mean loss against model size, and against training step.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_LOSS_PLOT_H
#define TRIPOD_LOSS_PLOT_H

#include "src/scan/record.h"

/* RECORDS are sorted by size, model and step. The left panel shows every model's last step against
 * N (bars: two standard errors), the right one a curve a model against its steps where there are
 * several (step 0 is left out: the axis is logarithmic). See plot_write for PATH and DRAWN. */
int loss_plot(const struct record *records, size_t count, const char *path, bool *drawn,
              struct err *e);

#endif
