/* evals.h - the losses in Pythia's published evaluation files: one row a model, step and number of
 * shots.
 *
 * The files are what the Pythia repository keeps under evals/: one JSON per model, step and number
 * of shots, in three layouts of which one holds losses. Two tasks have any: lambada_openai's
 * perplexity (of a passage's last word: its logarithm is nats per final word) and, in the first
 * release only, wikitext's bits per byte. The traps are handled and counted: folders called
 * five-shot with zero-shot results (config.num_fewshot decides), several files of one step (the
 * latest date stays), steps of the first release that count batches of 4 Mi tokens, runs with
 * smaller batches.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_EVALS_H
#define TRIPOD_EVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/suite.h"
#include "src/base/err.h"

enum {
    EVALS_LAMBADA, /* nats per final word */
    EVALS_LAMBADA_SE,
    EVALS_LAMBADA_ACC,
    EVALS_WIKI_BPB, /* bits per byte */
    EVALS_WIKI_BYTE,
    EVALS_WIKI_WORD,
    EVALS_FIXED,
    EVALS_MOST_METRICS = 16
};

struct eval {
    struct suite_id id; /* its v0 is false: see below */
    bool v0;            /* first release */
    double batch;       /* Mi tokens a step */
    int shots;
    int64_t step; /* the file's own count */
    double tokens;
    double value[EVALS_FIXED + EVALS_MOST_METRICS]; /* NaN: not in the file */
    char *file;
};

/* What to take. */
struct evals_options {
    int shots;                  /* -1: any number */
    int release;                /* 0, 1: only this one; -1: both */
    const char *const *metrics; /* TASK.METRIC, further values; at most EVALS_MOST_METRICS */
    size_t n_metrics;
};

/* What was met besides rows. */
struct evals_tally {
    size_t files, other_layout, other_model, no_loss, misfiled, repeats, dates, steps_differ;
};

struct evals {
    struct eval *row; /* by release, size, data, seed, batch, shots, step */
    size_t n, room;
    struct evals_tally tally;
};

/* Reads every .json below PATHS [n]. Errors: cannot read, no evaluation file, a name without a step,
 * no losses at all. On error there is nothing to close. */
int evals_read(struct evals *v, const char *const *paths, size_t n, const struct evals_options *o,
               struct err *e);
void evals_close(struct evals *v);

/* "pythia-160m-v0", SUITE_NAME_SIZE bytes; and the run's, that tells batch and shots too, twice as
 * many. Return buffer. */
char *evals_model(const struct eval *r, char *buffer, size_t size);
char *evals_run(const struct eval *r, char *buffer, size_t size);

#endif
