/* sweep_runs.h - the runs of an isoFLOP sweep: trained, read back, written down as points.
 *
 *   DIR/RUN/...       each run's own files (train_run.h)
 *   DIR/points.csv    run,N,D,C,step,loss,error,seed,budget,epochs,plateau: what a fit is to see
 *   DIR/runs.csv      the same of all finished runs: those on the plateau (plateau.h), too
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SWEEP_RUNS_H
#define TRIPOD_SWEEP_RUNS_H

#include "src/train/plateau.h"
#include "src/train/sweep_plan.h"
#include "src/train/train_run.h"

struct sweep_how {
    const char *folder; /* which is there */
    const struct train_data *data;
    const char *validation; /* prefix of a corpus: the same of all runs */
    uint64_t validation_tokens;
    const struct kernels *kernels;
    int threads;
    double keep_seconds;
};

/* The whole training run of a cell: train_run.h's defaults, the cell's sizes and rates, all of a head
 * turning (rotary), one checkpoint and one validation, at the end. */
void sweep_run_of(const struct sweep_cell *c, struct train_run *r);

/* Unigram and bigram losses of the validation text, counted on the training text: mean nats a token. */
struct sweep_plateau {
    double unigram, bigram;
};
int sweep_plateau_measure(struct sweep_plateau *p, const struct sweep_how *how, struct err *e);

struct sweep_tally {
    size_t ran, there; /* finished now; before */
    size_t diverged;   /* warned of; they leave no record, and would diverge again */
    int team;          /* threads of a run */
    double flop;       /* 6 N D of the steps that this call took */
};

/* Runs all cells that are not skipped, or goes on with them: one a thread, or, where there are fewer
 * than threads, by teams of the same size. A run that diverges is left out; any other error stops the
 * others where their states can be kept. Files have the same bytes either way. */
int sweep_runs(const struct sweep_plan *p, const struct sweep_how *how, struct sweep_tally *tally,
               struct err *e);

/* What a cell came to. */
struct sweep_found {
    bool there, plateau;
    double loss, error; /* of the validation, nats */
};
/* FOUND [p->n] from the records in the folder. Errors: a record of other settings or text. */
int sweep_read(const struct sweep_plan *p, const struct sweep_how *how, double bigram,
               struct sweep_found *found, struct err *e);

/* points.csv and runs.csv. */
int sweep_points_write(const struct sweep_plan *p, const struct sweep_found *found,
                       const char *folder, struct err *e);

#endif
