/* parity_exponents.h - what runs of sparse parity say about scaling: exponents, order, when a subtask is
 * learned.
 *
 * Michaud et al. 2023, "The Quantization Model of Neural Scaling". With frequencies k^-zipf, theory has
 * loss fall as N^-(zipf - 1), S^-(1 - 1 / zipf) and D^-(1 - 1 / zipf) and subtasks learned after steps that
 * go as 1 / frequency. All slopes are ordinary least squares of logarithms.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_EXPONENTS_H
#define TRIPOD_PARITY_EXPONENTS_H

#include "src/train/parity_grid.h"

enum parity_quantity {
    PARITY_ALPHA_N, /* last loss of runs on new samples, of those with the most steps */
    PARITY_ALPHA_S, /* loss by step of the widest of them, in a window of steps */
    PARITY_ALPHA_D, /* smallest loss (early stop) of runs on training sets, from the first below 0.95
                           bit on */
    PARITY_CONVERGENCE, /* first logged step with a loss below 0.1 bit, by frequency: of the widest run */
    PARITY_ORDER,       /* Spearman's rank correlation of this step and the subtask's rank */
    PARITY_QUANTITIES
};
extern const char *const parity_quantity_names[PARITY_QUANTITIES];

/* The mean of the seeds' values, each from points of its own. lo, hi, 95 %: of three seeds or more from
 * their scatter (Student's t), else a line's own interval; NaN where there is none. published, theory:
 * NaN where there is none. */
struct parity_exponent {
    enum parity_quantity what;
    double zipf, value, lo, hi, published, theory;
    size_t seeds, points; /* points: of all seeds */
    bool by_seeds;        /* the interval */
};

struct parity_window {
    double first, end; /* steps first <= S < end of alpha_S */
};

/* Every quantity of every Zipf exponent for which there are at least three points. OUT has room for
 * PARITY_QUANTITIES times the folder's runs; returns how many. */
size_t parity_exponents(struct parity_exponent *out, const struct parity_folder *f,
                        const struct parity_window *w);

/* Subtasks whose loss is below LIMIT nats: at the last log, or at any. */
size_t parity_learned(const struct parity_found *r, double limit, bool ever);
#define PARITY_TENTH_BIT (0.1 * 0.693147180559945309417)

#endif
