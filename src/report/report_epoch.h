/* report_epoch.h - Epoch's table of laws as it is shown: rows, the scatter of exponents, the figure.
 *
 * KEEP [t->n]: the rows that count. Functions that return JSON return a new reference, NULL when out
 * of memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_EPOCH_H
#define TRIPOD_REPORT_EPOCH_H

#include <jansson.h>

#include "fit/epoch.h"
#include "src/base/sheet.h"

/* A line a row; with AT (NULL: not asked) the law's value there. */
void epoch_rows_sheet(struct sheet *s, const struct epoch *t, const bool *keep,
                      const struct epoch_at *at);
json_t *epoch_rows_json(const struct epoch *t, const bool *keep, const struct epoch_at *at);

/* The (alpha_N, alpha_D) pairs beside the theory's alpha_D. */
void epoch_pairs_sheet(struct sheet *s, const struct epoch *t, const struct epoch_pair *pairs,
                       size_t n);
json_t *epoch_pairs_json(const struct epoch *t, const struct epoch_pair *pairs, size_t n);

/* Figure 18: one series a paper, and the two theory curves; LOGARITHMIC: both axes. *drawn as in
 * plot_write. */
int epoch_plot(const char *path, const struct epoch *t, const struct epoch_pair *pairs, size_t n,
               bool logarithmic, bool *drawn, struct err *e);

#endif
