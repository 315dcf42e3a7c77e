/* report_average.h - what several laws say together (fit/average.h). What is printed goes to the sheet;
 * the same as JSON is returned.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_REPORT_AVERAGE_H
#define TRIPOD_REPORT_REPORT_AVERAGE_H

#include <jansson.h>

#include "fit/average.h"
#include "src/base/sheet.h"

/* LEVEL: of the bands. */
json_t *average_report(struct sheet *s, const struct average *a, double level);

#endif
