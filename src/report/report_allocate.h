/* report_allocate.h - how answers about spending compute (fit/question.h) look. What is printed goes
 * to the sheet; the same as JSON, with its provenance, is returned.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_REPORT_ALLOCATE_H
#define TRIPOD_REPORT_REPORT_ALLOCATE_H

#include <jansson.h>

#include "fit/question.h"
#include "src/base/sheet.h"

/* Answers [n] to a question, one a budget; LEVEL: of their bands. */
json_t *allocate_report(struct sheet *s, const struct saved *law, const struct allocate *p,
                        const struct question *q, const struct answer *answers, size_t n,
                        double level);

/* The line through published optima, at N. */
json_t *allocate_line_report(struct sheet *s, const struct ols_line *l, double N);

#endif
