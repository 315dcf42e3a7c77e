/* train_run.h - one training run of a language model, and its files:
 *
 *   stepS.tripod   the weights after S steps, as a flat model: `tripod scan`, quanta and export read it
 *   train.json     the record, points.csv, log.csv (train_record.h): when it is finished
 *   train.state    where an unfinished run goes on from, and what settings its files are of
 *   train.lock     while a process trains there
 *
 * The same bytes of checkpoints, points and log whatever the number of threads, the instruction set
 * and the interruptions: batches and rates are functions of the step, no sum depends on who computes it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAIN_RUN_H
#define TRIPOD_TRAIN_RUN_H

#include "src/train/train_record.h"

/* How a call computes; any thread may have its own run. */
struct train_how {
    const char *folder;            /* the run's own, which is there */
    const struct train_data *data; /* read only: runs may share it */
    const char *validation;        /* prefix of a corpus; NULL: none */
    uint64_t validation_tokens;    /* of it at most; 0: all */
    const struct kernels *kernels;
    int threads;
    double keep_seconds; /* between two states on the disk */
    const int *stop;     /* another thread's status: not 0 means stop; may be NULL */
};

/* What a call found and did. */
struct train_done {
    bool there;          /* its record: nothing was run */
    bool diverged;       /* why it failed: a loss or a gradient was no finite number */
    uint64_t first, end; /* steps first .. end - 1 were taken */
    struct train_result result;
};

/* Runs it, or goes on from its state; a run whose record is there is left alone. Progress is reported
 * as tokens. Errors: settings out of range, a record or a state of other settings or other text, another
 * process that trains in the folder, a damaged state, a loss that is no finite number (the same again from
 * any state), ERR_INTERRUPTED (the state is kept), cannot write, out of memory. */
int train_run_do(const struct train_run *r, const struct train_how *how, struct train_done *done,
                 struct err *e);

#endif
