/* parity_run.h - one training run on multitask sparse parity: what it is, what it measured, and its files.
 *
 *   NAME.json         the record: settings, mean losses by step, where it comes from
 *   NAME.npy          float32 [logs, tasks]: each subtask's loss in nats at each logged step
 *   NAME-weights.npy  float32 [tasks + n + 3, width]: columns of W1, b1, W2[0], W2[1] after the last step
 *   NAME.state        where an unfinished run goes on from
 *
 * A log is taken before the update of its step: step 0 is the untrained network, and what the last
 * step made is not measured (as in the published code). All losses are nats.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_RUN_H
#define TRIPOD_PARITY_RUN_H

#include "src/train/parity_settings.h"

/* How a call computes; any thread may have its own run. */
struct parity_how {
    const char *folder;
    const struct kernels *kernels;
    double keep_seconds; /* between two states on the disk */
    const int *stop;     /* another thread's status: not 0 means stop; may be NULL */
};

/* What a call found and did. */
struct parity_done {
    bool there;          /* its record: nothing was run */
    uint64_t first, end; /* steps first .. end - 1 were taken */
};

/* Runs it, or goes on from its state, and writes its files; a run whose record is there is left alone.
 * Errors: a record or a state of other settings, a damaged state, ERR_INTERRUPTED (the state is kept),
 * cannot write, out of memory. */
int parity_run_do(const struct parity_run *r, const struct parity_how *how,
                  struct parity_done *done, struct err *e);

#endif
