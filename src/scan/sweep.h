/* sweep.h - does what a queue says: imports, compares the models, computes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SWEEP_H
#define TRIPOD_SWEEP_H

#include "src/scan/queue.h"

/* Afterwards every entry is done, missing or failed. Each that is missing or fails is warned of
 * (progress_warn), and the others go on; where there is one model only its error is that of the
 * call. Models are compared before the first is computed (twins.h): the same weights are
 * computed once. The next model is opened while one computes; those that another process
 * computes come last. Other errors: those that are no single model's (no memory, a full disk, an
 * interruption); what was finished stays. */
int sweep_run(struct queue *q, struct job *job, struct err *e);

#endif
