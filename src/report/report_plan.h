/* report_plan.h - how a scan's plan looks before it starts.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_PLAN_H
#define TRIPOD_REPORT_PLAN_H

#include "src/base/sheet.h"
#include "src/scan/queue.h"

/* What it takes in all, then a row a model. Of many, a terminal shows a line for each size
 * instead (and with --details the rows). PROBLEMS: with a line for each model that is missing or
 * failed. */
void report_plan(struct sheet *s, const struct queue *q, const struct queue_rate *rate,
                 bool problems);

/* {"models": [...], "states": {...}, "flop": ...}; NULL when out of memory. */
json_t *plan_json(const struct queue *q, const struct queue_rate *rate);

#endif
