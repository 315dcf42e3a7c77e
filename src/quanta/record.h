/* record.h - gradients.json: what the arrays beside it are of, and whether they are all there.
 *
 * A folder of gradients holds, a row a sample in the order they were asked for,
 *
 *   gradients.json       this record
 *   rows.npy     <i8 [n]      rows of the losses: which tokens
 *   losses.npy   <f4 [n]      their losses, nats
 *   norms.npy    <f8 [n]      lengths of the whole gradients
 *   sketch.npy   <f4 [n, k]   their sketches (sketch.h): the first vector, then the second; or
 *   exact.npy    <f4 [n, n]   the cosines of the whole gradients (exact.h), where k is 0
 *
 * Part I of N of the samples has ".shard-I-of-N" before the dot in all of these names: a stretch of
 * the whole list, so that the parts one after the other are the whole.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_RECORD_H
#define TRIPOD_QUANTA_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

struct gradients_record {
    bool complete;                           /* all arrays have their final names and contents */
    char *model;                             /* "pythia-70m" */
    int64_t step;                            /* training step, -1 when not known */
    char *weights, *corpus_hash, *rows_hash; /* 16 hexadecimal digits; rows: of the whole list */
    char *protocol;                          /* as a scan's record has it */
    char *gelu;                              /* "erf", "tanh" */
    char *coordinates;                       /* as coordinates.h reads it */
    uint64_t numbers;                        /* parameters among them, padding not counted */
    size_t k;                                /* of the sketch; 0: whole gradients instead */
    uint64_t seed;
    size_t rows, first, end;   /* the whole list; these samples of it */
    size_t shard, shards;      /* 0 of 1: all */
    double seconds, flop;      /* of the call that finished it; useful FLOP */
    char *model_file, *corpus; /* how to compute it again; NULL: not known */
};

/* Stands for all that the arrays depend on, this part among it; shards of one whole differ only in
 * that. WHOLE: without the part. */
uint64_t gradients_key(const struct gradients_record *r, bool whole);

/* "FOLDER/NAME.npy", "FOLDER/NAME.shard-0-of-2.npy" (SUFFIX "npy"). The caller frees; NULL when out
 * of memory. */
char *gradients_path(const char *folder, const char *name, const char *suffix, size_t shard,
                     size_t shards);

/* Whether PATH is JSON that calls itself gradients, of whatever version. */
bool gradients_record_is(const char *path);

/* Reads PATH and checks it: sizes within their limits, the part within the whole, the key. Errors name
 * PATH and the member. The caller frees; on error there is nothing to free. */
int gradients_record_read(struct gradients_record *r, const char *path, struct err *e);
void gradients_record_free(struct gradients_record *r);

/* The record as JSON; EXTRA (stolen, may be NULL) adds keys: provenance. NULL when out of memory. */
json_t *gradients_record_json(const struct gradients_record *r, json_t *extra);

#endif
