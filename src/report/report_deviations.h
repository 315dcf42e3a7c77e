/* report_deviations.h - how far losses of a narrower precision are from float32's, as a table.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_DEVIATIONS_H
#define TRIPOD_REPORT_DEVIATIONS_H

#include "src/base/sheet.h"
#include "src/scan/record.h"

/* A row a record. */
void report_deviations(struct sheet *s, const struct record *records, size_t count);

#endif
