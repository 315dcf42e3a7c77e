/* gradients_exact.h - the cosines between whole gradients (exact.h) of the samples of a folder, in place
 * of sketches.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_GRADIENTS_EXACT_H
#define TRIPOD_QUANTA_GRADIENTS_EXACT_H

#include "src/quanta/exact.h"
#include "src/quanta/gradients.h"

/* What is to be done of all of G's samples, with whatever the request's memory leaves beside model and
 * threads. */
struct gradients_exact {
    struct exact_plan plan;
    double flop; /* gradients, as if none shared a forward pass, and products */
    uint64_t memory, disk, disk_available; /* bytes; disk_available UINT64_MAX: not known */
    bool done;                             /* the folder is complete */
};
/* Errors: the folder holds other gradients (unless force); not even two gradients fit. */
int gradients_exact_needs(const struct gradients *g, struct gradients_exact *x, struct err *e);

/* Fills the folder as X says: exact.npy in place of sketch.npy; a record with k 0 (G's request has it). Stopped,
 * it goes on with what is complete. 1: another process is at it, *e says which. Errors: as
 * gradients_run's. */
int gradients_exact_run(struct gradients *g, const struct gradients_exact *x,
                        struct gradients_result *result, struct err *e);

/* The cosines of all of G's samples alone, in memory: c [n, n], and their losses [n]. Errors:
 * likewise. */
int gradients_exact_cosines(struct gradients *g, float *c, float *losses, struct err *e);

#endif
