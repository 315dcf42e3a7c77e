/* exact.h - inner products of whole gradients, for when a sketch will not do: as many gradients as fit
 * lie in memory, the others pass by a few at a time.
 *
 * Of n samples the first R stay, and all after them are computed once, S at a time, each met by the
 * R; then the next R stay. What passed by last begins what stays next. So a gradient is computed
 * about n / 2 R times: 3,000 times in all for 1,000 samples of which 200 fit.
 *
 * An inner product is, as part of the numbers contract: chains of FMAs over 256 coordinates, these
 * added in order in double within each EXACT_STRETCH coordinates, and those in order. It depends on
 * nothing else: not on memory, threads, or the order in which pairs are met.
 *
 * The products are kept in a loss_file (losses.h) a tile of pairs at a time, which makes the work one
 * that can be stopped and gone on with: with other memory, too, as long as it holds two groups of
 * tiles as large (16 gradients at most).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_EXACT_H
#define TRIPOD_QUANTA_EXACT_H

#include "simd/simd.h"
#include "src/quanta/exact_plan.h"
#include "src/quanta/square.h"
#include "src/scan/losses.h"

enum { EXACT_STRETCH = 1 << 16 };

/* Takes coordinates AT .. AT + N - 1 of a sample's gradient, from any thread. */
struct exact_sink {
    void *context;
    void (*take)(void *context, size_t sample, uint64_t at, size_t n, const float *values);
};

/* Where gradients come from. */
struct exact_source {
    void *context;
    /* Gives the gradients of samples FIRST .. END - 1, by threads of its own, in pieces of any size
     * and order; a coordinate that is not given is zero. Counts samples with progress_add. Errors:
     * its own; ERR_INTERRUPTED once out_interrupted() says so. */
    int (*gradients)(void *context, size_t first, size_t end, const struct exact_sink *sink,
                     struct err *e);
};

/* "Losses" of the file that keeps the products: each is half a double. */
uint64_t exact_file_count(const struct exact_plan *p);
/* The group of the plan for N samples whose file has COUNT, 0: there is none. */
size_t exact_file_group(size_t n, uint64_t count);

/* Gradients to compute for what FILE does not have yet. */
uint64_t exact_left(const struct exact_plan *p, struct loss_file *file);

/* Computes what FILE does not have yet, by the plan's threads. Errors: the source's, a gradient that
 * is zero or not finite ("sample 7: ..."), FILE's, out of memory, ERR_INTERRUPTED once
 * out_interrupted() says so: what is complete is then in FILE. */
int exact_compute(const struct exact_plan *p, const struct exact_source *source,
                  const struct kernels *kernels, struct loss_file *file, struct err *e);

/* From a file that is complete: the gradients' lengths [n], and the cosines [n, n] to an open
 * square. Errors: cannot read, cannot write. */
int exact_norms(const struct exact_plan *p, const struct loss_file *file, double *norms,
                struct err *e);
int exact_cosines(const struct exact_plan *p, const struct loss_file *file, const double *norms,
                  const struct square *out, struct err *e);
/* The same in memory: C [n, n]. */
int exact_cosines_in_memory(const struct exact_plan *p, const struct loss_file *file,
                            const double *norms, float *c, struct err *e);

#endif
