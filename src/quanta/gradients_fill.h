/* gradients_fill.h - a folder of gradients being filled, whatever is kept of them: sketches (gradients.c)
 * or the cosines between whole ones (gradients_exact.c).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_GRADIENTS_FILL_H
#define TRIPOD_QUANTA_GRADIENTS_FILL_H

#include "src/quanta/gradients.h"
#include "src/quanta/store.h"

/* 1: the record is there, complete; 0: not, or not yet; -1: other gradients are. */
int gradients_look(const struct gradients *g, struct err *e);

struct pass_source gradients_source(const struct gradients *g);

/* Errors: the gradient is zero or not finite; the row is named. */
int gradients_check(const struct gradients *g, size_t sample, float loss, double norm,
                    struct err *e);

/* Computes what the store and the folder do not have yet; 0, or -1 with *e. */
typedef int gradients_work(struct gradients *g, struct store *store, const void *context,
                           struct gradients_result *result, struct err *e);

/* Locks the folder, has the work done unless it is, and completes the record. 1: another process is at
 * it, *e says which. */
int gradients_fill(struct gradients *g, gradients_work *work, const void *context,
                   struct gradients_result *result, struct err *e);

#endif
