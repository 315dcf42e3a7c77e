/* pick.h - which rows to observe under a budget, so that what a linear model says at targets is known
 * best: greedy choice, then exchange.
 *
 * The model is a law linearised at its fit: an observation at row i tells y_i = j_i' theta + d_i +
 * noise, where the departure d of the truth from the law has covariance K between places, and is not
 * fitted. Least squares over a choice S has information M = M_0 + sum j_i j_i'. Criteria, minimised:
 *
 *   error  mean over targets t of the expected squared error of g_t' theta against the truth there,
 *          sigma^2 g' M^-1 g + var(g' M^-1 sum_i j_i d_i - d_t); V-optimality where K is 0 (Pukelsheim,
 *          "Optimal Design of Experiments", 2006), else the sum of variance and squared bias of Box
 *          and Draper (JASA 54 (1959) 622)
 *   D      -ln det M
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_PICK_H
#define TRIPOD_FIT_PICK_H

#include "fit/laws.h"
#include "src/base/err.h"

struct pick_model {
    bool d_optimal;
    int p;              /* parameters */
    size_t n;           /* candidates */
    const double *row;  /* [n * p] j */
    const double *cost; /* [n] positive */
    double sigma2;
    double there[LAW_PARAMS * LAW_PARAMS];  /* M_0, positive definite: rows there are, a prior */
    double target[LAW_PARAMS * LAW_PARAMS]; /* mean over targets of g g' */
    /* The departure. */
    const double *kernel;                  /* [n * n] K between candidates */
    const double *at_target;               /* [n * p] mean over targets of K_it g_t */
    const double *at_rows;                 /* [n * p] sum over the rows there are of K_ir j_r */
    double rows[LAW_PARAMS * LAW_PARAMS];  /* sum over pairs of them of K_rs j_r j_s' */
    double cross[LAW_PARAMS * LAW_PARAMS]; /* sum over them, mean over targets, of K_rt g_t j_r' */
    double own;                            /* mean over targets of K_tt */
};

/* Chooses candidates that together cost at most BUDGET: chosen [n] gets their indices, *count how
 * many, those that help most per cost first. Leaves out what is not USABLE [n] (NULL: all are). One
 * thread; the same answer always. Errors: M_0 is not positive definite, memory. */
int pick(const struct pick_model *m, const bool *usable, double budget, size_t *chosen,
         size_t *count, struct err *e);

/* The mean squared error at the targets before, error[0], and with each of chosen[0 .. count - 1] taken
 * in this order: [count + 1]. M may hold any `target` and what goes with it. Errors: as above. */
int pick_follow(const struct pick_model *m, const size_t *chosen, size_t count, double *error,
                struct err *e);

/* What money cannot buy: with chosen[0 .. count - 1] and whatever of USABLE [n] still helps, at any
 * cost, the mean squared error at the targets, *least, with *more of them; *all: with every one, which
 * may be more, because the departure of runs far from the targets leads a fit away from them. Errors:
 * as above. */
int pick_limit(const struct pick_model *m, const size_t *chosen, size_t count, const bool *usable,
               double *least, size_t *more, double *all, struct err *e);

#endif
