/* report_points.h - what is said of the training runs that were read.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_REPORT_POINTS_H
#define TRIPOD_REPORT_REPORT_POINTS_H

#include <jansson.h>

#include "fit/points.h"
#include "src/base/sheet.h"

/* "FILE (hash): rows used, dropped ...", the rows dropped and the notes, as remarks. */
void points_report(struct sheet *s, const struct points *p);
/* The same into OBJECT: "rows", "notes", "data". */
void points_report_json(json_t *object, const struct points *p);

#endif
