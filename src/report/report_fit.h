/* report_fit.h - how a fit looks: its law in numbers, parameters, derived quantities. What is printed
 * goes to the sheet; the same as JSON is returned.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_REPORT_FIT_H
#define TRIPOD_REPORT_REPORT_FIT_H

#include <jansson.h>

#include "fit/analysis.h"
#include "src/base/sheet.h"

/* One analysis, made with O, of P's rows. */
json_t *fit_report(struct sheet *s, const struct analysis *a, const struct points *p,
                   const struct analysis_options *o);

/* Every law: formula, meaning of its parameters, source. */
json_t *laws_report(struct sheet *s);

#endif
