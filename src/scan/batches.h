/* batches.h - which pieces a thread computes next, so that all threads finish together.
 *
 * Pieces are given out in the corpus's order, but the last stretch longest first, in batches that
 * shrink: the last ones are then of the shortest pieces. What would leave threads idle even so (the
 * last long documents; fewer documents than threads) is left for all threads together.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_BATCHES_H
#define TRIPOD_BATCHES_H

#include "models/neox/neox.h"
#include "src/scan/losses.h"
#include "src/scan/plan.h"

enum {
    BATCH_LEAST = 128,    /* inputs; below this widening the weights begins to show */
    BATCH_TEAM_COST = 32, /* inputs a thread computes in the time a team loses by being one */
};

/* Pieces for one pass, their tokens and their losses. */
struct batch {
    struct piece *pieces;
    struct neox_piece *inputs;
    uint32_t *tokens;
    float *losses; /* of all pieces, one after another */
    size_t count;
};

int batch_open(struct batch *b, size_t rows, struct err *e); /* for up to `rows` inputs */
void batch_close(struct batch *b);                           /* safe on a zeroed one */

/* Reads the tokens of a batch. Errors: corpus_read's. */
int batch_fill(struct batch *b, const struct plan *plan, struct err *e);

/* Keeps the losses of a batch that has been computed. Errors: loss_file_put's. */
int batch_keep(const struct batch *b, struct loss_file *file, struct err *e);

/* What is not given out yet. */
struct batches {
    const struct plan *plan;
    struct loss_file *file; /* pieces whose losses it has are done already */
    size_t rows;            /* inputs of a batch at most, at least the longest piece's */
    size_t threads;         /* that share the work */
    uint64_t remaining;     /* inputs */
    /* private */
    struct piece next;  /* the last piece given out, in order */
    struct piece *tail; /* the last stretch, longest first; NULL before it */
    size_t tail_count, tail_at;
    uint64_t *given; /* inputs given to each thread: threads being equal, when each will be free */
};

/* BATCH_TOKENS: inputs of a batch, unless the work is too little or a piece longer. */
int batches_open(struct batches *b, const struct plan *plan, struct loss_file *file,
                 size_t batch_tokens, size_t threads, struct err *e);
void batches_close(struct batches *b);

/* The next batch of one thread; its number of inputs, 0 when what is left, if anything, is for all
 * threads together. Call under a lock. */
size_t batches_take(struct batches *b, size_t thread, struct batch *batch);

/* Everything that is left, for a batch opened for b->remaining inputs; its number of inputs. */
size_t batches_rest(struct batches *b, struct batch *batch);

#endif
