/* parity_plot.h - one run of sparse parity: its subtasks learned one after another, its mean falling
 * smoothly, as a figure and a table.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_PLOT_H
#define TRIPOD_PARITY_PLOT_H

#include "src/base/sheet.h"
#include "src/train/parity_grid.h"

/* Left, losses of the first subtasks by step and the mean of all; right, the mean as a power law. See
 * plot.h for PATH and DRAWN. Errors: fewer than two logs after step 0, plot_write's. */
int parity_plot(const struct parity_found *r, const char *path, bool *drawn, struct err *e);

/* A row each subtask that was ever below 0.1 bit: its frequency, the logged steps where it was first below
 * 0.9 bit and 0.1 bit, and the mean loss at the latter. *JSON: rows, largest_drop (between two logs, of
 * the mean and of a subtask, in bits); NULL when out of memory. */
void report_parity_run(struct sheet *s, json_t **json, const struct parity_found *r);

#endif
