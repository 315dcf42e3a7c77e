/* envelope.h - Approach 1: the lower envelope of training curves.
 *
 * Every run is a curve of loss against compute, interpolated between its checkpoints in ln C. At
 * each of 1500 budgets, even in ln C, the run with the least loss wins; log10 N of the winners
 * against log10 C is the published estimate (Hoffmann et al., arXiv 2203.15556, section 3.1).
 *
 * What is added: (1) budgets won by the smallest or the largest size are left out, because the best
 * size may lie beyond it; (2) the 1500 budgets are not 1500 observations: N takes as many values as
 * runs win, so the regression's own error is meaningless. The interval of the published slope is a
 * jackknife over runs; beside it stands the line through one point per winning size (the middle of
 * the budgets it wins) with a t-interval.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_ENVELOPE_H
#define TRIPOD_FIT_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "fit/ols.h"
#include "src/base/err.h"

struct envelope_options {
    double level;    /* 0: 0.95 */
    size_t budgets;  /* 0: 1500 */
    bool keep_edges; /* as published: also budgets won by the smallest or largest size */
};

struct envelope_winner {
    double N, C, D, loss; /* at the middle (in ln C) of the budgets it wins */
    double C_lo, C_hi;    /* first and last of them */
    size_t budgets;
    bool edge;
};

struct envelope {
    struct envelope_winner *winner; /* by N */
    size_t n;
    size_t runs, single;            /* curves; runs of one checkpoint, which are none */
    size_t budgets, compared, used; /* asked; covered by two curves; in the published fit */
    double level, factor;           /* k of C = k N D */
    double *C, *N, *loss;           /* the envelope: [compared] */
    /* The published slopes with jackknife errors over runs; NaN where fewer than three runs win. */
    struct ols_line N_of_C, D_of_C;
    /* One point per winning size. */
    struct ols_line N_by_size, D_by_size;
};

/* [n] each; rows of one number in `run` are one training run (one N each). */
struct envelope_rows {
    const double *N, *D, *C, *loss;
    const size_t *run;
    size_t n;
};

/* Errors: no run has two checkpoints, no two curves overlap, a run has two sizes, fewer than two
 * sizes win. On error *f is empty; else the caller calls envelope_free. */
int envelope_fit(const struct envelope_rows *rows, const struct envelope_options *o,
                 struct envelope *f, struct err *e);
void envelope_free(struct envelope *f);

#endif
