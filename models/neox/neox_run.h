/* neox_run.h - one thread's workspace for passes over batches: activations, its share of a team's
 * work, and the time each phase took.
 *
 * As a rule a run is alone: threads take different batches, so nothing ever waits. Members of a
 * team compute one batch: rows are independent of each other except in attention, so each member
 * has rows of its own, and in attention heads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NEOX_RUN_H
#define TRIPOD_NEOX_RUN_H

#include "models/neox/neox_load.h"

extern const char *const neox_phase_names[NEOX_PHASES];

/* A piece: consecutive inputs of one document, positions from 0. tokens[0 .. n] are the n inputs
 * and, one further, the last target; the first `skip` predictions are context only and have no
 * loss. Pieces of documents that begin alike may have that part computed once: those after the first
 * start behind it, and name the rows of the batch that hold the positions before. */
enum { NEOX_MOST_RUNS = 8 }; /* a piece's own run of rows among them */
struct neox_piece {
    const uint32_t *tokens; /* n + 1 ids, each below the vocabulary's size */
    size_t n, skip;         /* 0 <= skip < n */
    float *loss;            /* n - skip values in nats are written here */
    uint32_t *best; /* and here the model's first choices, ids of the greatest logits (by the native
                       kernels, whoever multiplies otherwise: not of a packed model); NULL: not
                       wanted, in all of a batch */
    const struct row_run *before; /* [before_n < NEOX_MOST_RUNS] rows of the batch, or none */
    size_t before_n;
};

struct neox_range {
    size_t first, end;
};

struct neox_run {
    size_t rows;                /* the most inputs of a batch */
    int member, members;        /* 0 of 1: alone */
    struct strips x, h;         /* residual stream [rows, d]; normalised input [rows, d] */
    struct strips qkv, context; /* [rows, 3d], [rows, d] */
    struct strips inner; /* [rows, ffn], in the memory of qkv and context: they are dead by then */
    float *loss;         /* of the scored rows, there too */
    uint32_t *targets;   /* of the scored rows */
    uint32_t *best;      /* of the scored rows, behind the losses */
    void *scratch;
    double seconds[NEOX_PHASES];
    void *memory;
    size_t bytes;
    /* Of the batch that is being computed. Its rows are the inputs of all pieces back to back: no
     * padding anywhere. Scored rows are those whose prediction has a loss, back to back. */
    const struct neox_piece *pieces;
    size_t count;
    struct neox_range own, scored; /* this member's share of rows, and of scored rows */
    double clock;                  /* when the last phase ended */
    /* Called by every member before a product with tensor WEIGHT_AT reads the K columns of IN, of which
     * all rows are written once members have met; so it has to return after they have met again. NULL:
     * nobody watches. */
    void (*watch)(struct neox_run *run, size_t weight_at, struct strips in, size_t k);
    void *watcher;
};

/* Bytes of a run of up to `rows` inputs. */
size_t neox_run_bytes(const struct neox_config *config, const struct products *products,
                      size_t rows);

/* Allocated by the thread that uses it (first touch), for up to `rows` inputs. */
int neox_run_open(struct neox_run *run, const struct neox *model, size_t rows, struct err *e);
/* A run that shares the activations of COMMON, which must outlive it, as MEMBER of MEMBERS. */
int neox_run_join(struct neox_run *run, const struct neox_run *common, const struct neox *model,
                  int member, int members, struct err *e);
void neox_run_close(struct neox_run *run);

/* For the steps of a pass: */

/* Starts a batch: shares and clock. */
void neox_run_begin(struct neox_run *run, const struct neox_piece *pieces, size_t count);
/* Of n things (rows, heads) the share that falls to a member. */
struct neox_range neox_run_share(const struct neox_run *run, size_t n, int member);
/* Waits until every member has come here. */
void neox_run_meet(const struct neox_run *run);
/* Gives the time since the last call to PHASE. */
void neox_run_lap(struct neox_run *run, enum neox_phase phase);

#endif
