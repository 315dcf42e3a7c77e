/* sweep_plan.h - which models an isoFLOP sweep trains, how large, how long and how fast.
 *
 * Per budget C, sizes N are even in ln N while tokens a parameter D / N run between two bounds; the
 * shape nearest to each is taken (sweep_shape). A step is rows x length tokens, and steps are what
 * the budget pays for by the rule that counts FLOP. A run that would see its text more often than
 * `epochs` times is left out: repeated tokens are not new ones, and its loss would be of another law;
 * so is one of less than SWEEP_STEPS steps.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SWEEP_PLAN_H
#define TRIPOD_SWEEP_PLAN_H

#include "models/count.h"
#include "src/base/err.h"

enum { SWEEP_STEPS = 100, SWEEP_NAME = 64 };

/* Training reaches SWEEP_SHARE w / (w + SWEEP_HALF) of the FMA peak at width w, measured: 0.37 at 32, 0.52 at 64. */
#define SWEEP_SHARE 0.89
#define SWEEP_HALF  46.0

struct sweep_request {
    const double *budgets, *widths; /* widths: these in every budget, instead of `sizes` */
    size_t n_budgets, n_widths, sizes, seeds;
    double ratio[2]; /* D / N of the largest size and of the smallest */
    enum count_f rule;
    size_t vocab, length, rows;
    uint64_t seed;   /* the first */
    uint64_t tokens; /* predictions of an epoch; 0: not known, epochs are not looked at */
    double epochs;   /* at most */
    double rate;     /* peak rate at width 32, 0: TRAIN_RATE */
};

enum sweep_skip { SWEEP_RUN, SWEEP_EPOCHS, SWEEP_SHORT };

struct sweep_cell {
    struct count_config shape;
    double budget, C; /* asked for; what the whole steps come to */
    uint64_t N, D, steps, seed;
    size_t rows;         /* of a step, of shape.sequence tokens each */
    double rate, epochs; /* peak rate; epochs 0: not known */
    enum sweep_skip skip;
    char name[SWEEP_NAME]; /* "c1e12-d48-l2-s0" */
};

struct sweep_plan {
    struct sweep_cell *cells;
    size_t n, skipped;
};

/* The cells, longest first, those skipped at the end. N is counted as the rule does: without
 * embedding and head, with the head, or all. Errors: settings out of range, a budget twice, more steps
 * than 2^32, out of memory. The caller frees. */
int sweep_plan_make(struct sweep_plan *p, const struct sweep_request *r, struct err *e);
void sweep_plan_free(struct sweep_plan *p);
/* Part SHARD of SHARDS: every SHARDS-th of the cells of ALL from SHARD on. The caller frees. */
int sweep_plan_shard(struct sweep_plan *p, const struct sweep_plan *all, size_t shard,
                     size_t shards, struct err *e);

/* The shape with N nearest to TARGET: widths in steps of 4 below 32, then 16; as many layers, 2 at
 * least, as make width / layers 32 or so. Heads are of 32 (64 from width 512 on) where that divides
 * the width, else of half of it or of 16: whole words of the kernels, to which attention by heads of
 * 20 costs what it does by 32; of other widths, of the multiple of 4 nearest to sqrt(8 width). */
void sweep_shape(struct count_config *c, double target, enum count_f rule, size_t vocab,
                 size_t length);
/* The same of one width, with width / 32 layers, 2 at least. */
void sweep_shape_of(struct count_config *c, uint64_t width, size_t vocab, size_t length);
/* What N means under a rule. */
uint64_t sweep_n(const struct count_config *c, enum count_f rule);

/* Seconds one thread of so many FLOP/s at most will take: narrow models are slower, as their
 * elementwise work is a larger part. */
double sweep_seconds(const struct sweep_cell *c, double peak);

#endif
