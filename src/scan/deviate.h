/* deviate.h - finished losses of a narrower precision beside float32's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_DEVIATE_H
#define TRIPOD_DEVIATE_H

#include "src/scan/plan.h"
#include "src/scan/record.h"

/* Fills r->deviation: r's losses, which are those of PLAN, less EXACT's; and adds it to r's .json. */
int deviate(struct record *r, const struct plan *plan, const struct loss_file *exact,
            struct err *e);

#endif
