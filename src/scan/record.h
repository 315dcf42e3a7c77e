/* record.h - the .json beside a checkpoint's losses: where they come from and what they sum up to.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_RECORD_H
#define TRIPOD_RECORD_H

#include "src/scan/deviation.h"
#include "src/scan/losses.h"

struct record {
    char *model;                         /* "pythia-70m" */
    int64_t step;                        /* training step, -1 when not known */
    double parameters, parameters_total; /* N without and with embeddings */
    double tokens_seen;                  /* D: training tokens at that step, -1 when not known */
    struct moments moments;              /* of the losses, nats */
    double bytes, words;                 /* of the predicted text; -1 without a tokenizer */
    double seconds, tokens_per_s,
        mfu;               /* of the scan that finished it; mfu -1 when nothing was computed */
    size_t shard, shards;  /* 0 of 1: all documents */
    size_t begin, end, of; /* a shard's documents, of so many; end 0: a record of before, cut by
                              predictions (share_by_predictions) */
    char *corpus_hash, *protocol; /* what must agree before losses are put together */
    char *key;                    /* stands for everything the losses depend on */
    char *losses;                 /* the .npy */
    char *weights;                /* hash of the weights (flat_weights_hash); NULL: not known */
    char *same_as; /* the checkpoint of equal weights whose losses these are; NULL: computed */
    /* How to compute them again; NULL where the record does not say. */
    char *model_file, *corpus, *tokenizer, *gelu, *gemm, *precision;
    struct deviation deviation; /* from float32; its tokens 0: not known */
};

/* Whether PATH is JSON that calls itself losses, of whatever version. */
bool record_is(const char *path);

/* Reads PATH (a .json written by `tripod scan`); the .npy is the file of the same name beside
 * it. */
int record_read(struct record *r, const char *path, struct err *e);
void record_free(struct record *r);

/* The record as JSON; EXTRA (stolen, may be NULL) adds keys: provenance and the like. */
json_t *record_json(const struct record *r, json_t *extra);

double record_perplexity(const struct record *r);      /* exp(mean loss), per token */
double record_bits_per_byte(const struct record *r);   /* NaN when the bytes are not known */
double record_word_perplexity(const struct record *r); /* NaN when the words are not known */

/* "pythia-70m-step3000"; the caller frees. */
char *record_checkpoint(const struct record *r);

/* The same, plus ".shard-0-of-4" where there are shards; the caller frees. */
char *record_file_name(const struct record *r);

/* The .json beside its losses; the caller frees. NULL: out of memory. */
char *record_path(const struct record *r);

#endif
