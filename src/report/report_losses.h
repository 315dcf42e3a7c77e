/* report_losses.h - how a scan looks: the table of checkpoints, and mean loss against model size and
 * training step.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_LOSSES_H
#define TRIPOD_REPORT_LOSSES_H

#include "src/base/sheet.h"
#include "src/scan/record.h"

/* A row a record. With SPEED, tokens per second as well. */
void report_losses(struct sheet *s, const struct record *records, size_t count, bool speed);

/* RECORDS are sorted by size, model and step. The left panel shows every model's last step against
 * N (bars: two standard errors), the right one a curve a model against its steps where there are
 * several (step 0 is left out: the axis is logarithmic). See plot_write for PATH and DRAWN. */
int loss_plot(const struct record *records, size_t count, const char *path, bool *drawn,
              struct err *e);

#endif
