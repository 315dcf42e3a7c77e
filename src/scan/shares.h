/* shares.h - which documents of which models shard I of N computes: the same on every machine,
 * whatever is done already.
 *
 * All the work of a scan is a line of cost: model after model in the order given, in each of them
 * the documents in theirs. A document costs its useful FLOP (neox_flop), which is linear in four
 * sums over its pieces, so four sums over the corpus give the cost of any model, in whole numbers.
 * Shard I of N is the stretch [I / N, (I + 1) / N) of the line, both ends moved to the nearest
 * boundary between documents. Hence the shards together are everything, once; each costs the N-th
 * part to within one document; a model is in as few of them as that allows; and what a shard is
 * follows from models, corpus and protocol alone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SHARES_H
#define TRIPOD_SHARES_H

#include "models/neox/neox.h"
#include "src/scan/plan.h"

/* The documents of a scan, and what they cost any model. */
struct work {
    const struct corpus *corpus;
    struct protocol protocol;
    size_t documents;
    struct piece_sums sums;
};

/* The first DOCUMENTS (0: all) of the corpus, which must outlive the work. One pass over their
 * lengths. Errors: nothing to predict. */
int work_open(struct work *work, const struct corpus *corpus, const struct protocol *protocol,
              size_t documents, struct err *e);

/* Useful FLOP of pieces with such sums under one model. */
double pieces_flop(const struct piece_sums *sums, const struct neox_cost *model);

/* Documents [begin, end) of one model; begin = end: none. */
struct share {
    size_t begin, end;
};

/* Fills SHARE [N] with what shard INDEX of SHARDS has of each of the N models: at most two passes
 * over the lengths. A share that is not empty has something to predict. */
void shares_find(struct share *share, const struct work *work, const struct neox_cost *models,
                 size_t n, size_t index, size_t shards);

/* What shards of one model were when they were cut by predictions: for losses of before. */
struct share share_by_predictions(const struct work *work, size_t index, size_t shards);

/* --shard's "I/N". Errors: not I of 0 .. N - 1, N beyond a million; *INDEX and *SHARDS are as before. */
int shard_parse(const char *text, size_t *index, size_t *shards, struct err *e);

/* The shard of the Slurm array task this process runs in: *index of *shards, from
 * SLURM_ARRAY_TASK_ID, _COUNT, _MIN and _STEP, for ids that need not start at 0; 0 of 1 where there
 * is no array. Errors: the ids are not evenly spaced, a variable is no number. */
int shard_from_slurm(size_t *index, size_t *shards, struct err *e);

#endif
