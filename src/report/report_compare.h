/* report_compare.h - laws beside each other (fit/compare.h), and one law under other choices
 * (fit/sensitivity.h). What is printed goes to the sheet; the same as JSON is returned.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_REPORT_COMPARE_H
#define TRIPOD_REPORT_REPORT_COMPARE_H

#include <jansson.h>

#include "fit/compare.h"
#include "fit/sensitivity.h"
#include "src/base/sheet.h"

/* Rows [n] and SPLIT as compare_laws fills them. */
json_t *compare_report(struct sheet *s, const struct comparison *rows, int n,
                       const struct compare_split *split);

/* D/N is at BUDGET. */
json_t *sensitivity_report(struct sheet *s, const struct choice *c, int n, const struct law *law,
                           double budget);

#endif
