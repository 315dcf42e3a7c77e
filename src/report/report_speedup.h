/* report_speedup.h - how a speedup looks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_SPEEDUP_H
#define TRIPOD_REPORT_SPEEDUP_H

#include <jansson.h>

#include "fit/speedup.h"
#include "src/base/sheet.h"

/* Into the sheet, and as JSON: a new reference. RECIPE, BASE: their names. */
json_t *speedup_report(struct sheet *s, const struct speedup *u, const struct speedup_options *o,
                       const char *recipe, const char *base);

/* Both curves L*(C) over the budgets asked for and runs there are, with the runs. As plot_write. */
int speedup_plot(const struct speedup *u, const struct points *recipe, const struct points *base,
                 const char *path, bool *drawn, struct err *e);

#endif
