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

#include <jansson.h>

#include "models/train/parity_net.h"

struct parity_run {
    struct parity_shape shape;
    size_t width;
    uint64_t data; /* samples of the training set; 0: new ones for ever */
    size_t batch, steps, log;
    uint64_t
        test_points; /* of the mean loss, int(p_i test_points) of each task; 0: the mean is the sum
                             of p_i times each subtask's loss */
    size_t task_points; /* test samples of each subtask */
    /* Early stop: from step stop_from on, once the last stop_rises changes of the mean loss from log to
     * log were all rises. stop_rises 0: never. */
    size_t stop_from, stop_rises;
    struct parity_rates rates;
};

/* What was measured. */
struct parity_log {
    size_t n, room;       /* logs; log i is of step i * run.log */
    double *mean, *train; /* [n] mean test loss; the loss of that step's batch */
    float *subtask;       /* [n][tasks] */
};
void parity_log_free(struct parity_log *l);
/* The log of the smallest mean loss, the first of equal ones: the network that early stopping keeps. */
size_t parity_log_best(const struct parity_log *l);

/* Errors: settings out of range. */
int parity_run_check(const struct parity_run *r, struct err *e);

/* "w500-z1.4-s0", "w500-d1000000-z1.4-s0": what tells the runs of one grid apart. */
void parity_run_name(const struct parity_run *r, char *name, size_t size);

/* Multiplications and additions that the plain products of its training steps and of its tests take:
 * 4 batch n width a step, 2 n width a tested sample. */
double parity_run_flop(const struct parity_run *r);
/* Look-ups and what is like them: what its time follows from. */
double parity_run_cost(const struct parity_run *r);
/* Bytes in memory while it runs. */
uint64_t parity_run_bytes(const struct parity_run *r);

json_t *parity_run_json(const struct parity_run *r);

/* How a call computes; any thread may have its own run. */
struct parity_how {
    const char *folder;
    const struct kernels *kernels;
    double keep_seconds; /* between two states on the disk */
    const int *stop;     /* another thread's status: not 0 means stop; may be NULL */
};

/* Runs it, or goes on from its state, and writes its files; a run whose record is there is left alone
 * (*done true). Errors: a record or a state of other settings, a damaged state, ERR_INTERRUPTED (the
 * state is kept), cannot write, out of memory. */
int parity_run_do(const struct parity_run *r, const struct parity_how *how, bool *done,
                  struct err *e);

/* A finished run from its record PATH, with its matrix. Errors name the file and the member. The caller
 * frees the log. */
int parity_run_read(struct parity_run *r, struct parity_log *l, const char *path, struct err *e);

/* The network it ended with, its task, from the files beside the record PATH. Room for no samples: tests
 * need parity_net_make's ROOM. The caller frees both. */
int parity_run_weights(struct parity_net *p, const struct parity_task *t, const char *path,
                       struct err *e);

#endif
