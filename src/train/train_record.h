/* train_record.h - what a finished run leaves beside its checkpoints: train.json (settings, data, counts,
 * validations, provenance), points.csv for `tripod fit`, log.csv (every step).
 *
 * points.csv: run,N,D,C,step,loss,error,unique_tokens,epochs,N_body,N_total,seed, a row a validation
 * after step 0; N and D as in train_settings.h, C = 6 N D, losses in nats a token.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TRAIN_RECORD_H
#define TRIPOD_TRAIN_RECORD_H

#include "src/train/train_data.h"
#include "src/train/train_log.h"
#include "src/train/train_settings.h"
#include "src/train/train_validation.h"

/* A run and what it is trained and tested on. */
struct train_whole {
    const struct train_run *run;
    const struct train_data *data;
    const struct train_validation *validation; /* NULL: none */
    const struct kernels *kernels;
    int threads;
};

/* What a finished run came to. */
struct train_result {
    double loss, error; /* of the last validation; NaN without one */
    double train_loss;  /* mean of the last 50 steps */
    double N, D;
    double unique;   /* tokens seen at least once */
    double flop_6nd; /* 6 N D */
    double flop;     /* of all products, causal attention with them; validations not */
    double seconds;  /* in all calls */
};

/* All that its bits depend on: run, and data by its hashes. New reference; NULL: out of memory. */
json_t *train_whole_json(const struct train_whole *w);
/* Stands for that. */
int train_whole_hash(const struct train_whole *w, uint64_t *hash, struct err *e);

/* Predictions of STEPS steps that were new to it. */
uint64_t train_whole_unique(const struct train_whole *w, uint64_t steps);

/* Writes the three files into FOLDER, the record last, and fills RESULT. */
int train_record_write(const char *folder, const struct train_whole *w, const struct train_log *l,
                       struct train_result *result, struct err *e);

/* Reads the result of the record PATH, which must be of this run. Errors: no record of a run, a value
 * missing, other settings or text. */
int train_record_read(const char *path, const struct train_whole *w, struct train_result *result,
                      struct err *e);

#endif
