/* report_train.h - how a training run looks, before and after: a row, and JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_TRAIN_H
#define TRIPOD_REPORT_TRAIN_H

#include "src/base/sheet.h"
#include "src/train/train_run.h"

/* What a run would take. RATE: FLOP a second that are reckoned with; 0: not known. *JSON: the same, a
 * new reference; NULL when out of memory. */
void report_train_plan(struct sheet *s, json_t **json, const struct train_run *r,
                       const struct train_data *d, double rate, int threads);

/* What it came to. *JSON as above. */
void report_train(struct sheet *s, json_t **json, const struct train_run *r,
                  const struct train_data *d, const struct train_done *done);

#endif
