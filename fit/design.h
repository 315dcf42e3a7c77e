/* design.h - which runs to train next: of candidates (N, D, cost) those that, under a budget, make a
 * law's prediction at a target best.
 *
 * The law is fitted to the rows there are; its exact gradients there and at the candidates make a
 * linear model of ln L, whose rows are chosen by pick.h. The fit is that of prior.h, so rows that leave
 * a parameter open are no obstacle: they are what a design is for.
 *
 * No law is true everywhere, and many cheap runs far from the target teach a wrong law well. So the
 * truth may depart from the law: smoothly (a Gaussian process over ln N and ln D), by as much as the
 * fit leaves over, and under DESIGN_MSE as the other laws of N and D do, by their Akaike weights
 * (Burnham and Anderson, "Model Selection and Multimodel Inference", 2002, chapter 2).
 *
 * Thread-safe; the same answer for any number of threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_DESIGN_H
#define TRIPOD_FIT_DESIGN_H

#include "fit/fit.h"

enum design_criterion { DESIGN_V, DESIGN_D, DESIGN_MSE };

enum { DESIGN_LAWS = 16, DESIGN_CANDIDATES = 4000 };

/* The spread of a smooth departure in standard deviations of the fit, and how far it reaches (the
 * distance in ln N, ln D at which its correlation is exp(-1/2)). */
#define DESIGN_MISFIT 1.0
#define DESIGN_REACH  1.0

struct design_options {
    const struct law *law; /* of N and D */
    enum design_criterion criterion;
    double budget; /* of the candidates' costs */
    double level;  /* of the intervals: 0.95 */
    double misfit; /* DESIGN_MISFIT; 0: the law is true */
    /* What is to be known: ln L at these points, evenly, or ln N* at a budget C = 6ND. */
    const double *target_N, *target_D;
    size_t n_targets;
    double optimum; /* C; 0: the points */
    /* 1: all at once. More: in each round the cheapest part of a plan for what is left is run (its
     * losses are the candidates'), and the law fitted again. */
    size_t rounds;
};

/* One run of the choice, in order. */
struct design_step {
    size_t candidate; /* index */
    size_t round;     /* from 1 */
    double spent;     /* this and all before */
    double half;      /* half-width of the interval at the target after it, e-folds */
    double gain;      /* by how much it shrank, by the same fit */
};

/* A target before and after; after in rounds is from the last fit. */
struct design_target {
    double N, D, loss;
    double half, half_after; /* of ln L; of ln N* */
};

struct design_law {
    const struct law *law;
    double weight;
};

struct design {
    struct fit fit;           /* to the rows there are */
    struct fit last;          /* with all that was run in rounds; as fit otherwise */
    double sigma, sigma_last; /* of ln L, by fit and by last */
    struct design_step *step;
    size_t n;
    double spent;
    /* Half-widths at the target, rms over its points: before by fit; after by last; with every other
     * candidate that helps, whatever they cost, by last; with all of them. Those that do not help: a
     * fit by least squares counts all runs alike, and the departure of runs far from the target
     * leads it away from there. */
    double half, half_after, half_every, half_all;
    /* The first steps after which the half-width is within 10 % of half_every (in rounds, whose fits
     * differ, all of them or none); 0: never. */
    size_t enough;
    struct design_law law[DESIGN_LAWS]; /* DESIGN_MSE: of the last fit */
    size_t laws;
    struct design_target *target;
    size_t n_targets;
};

/* COST [candidates->n], positive; candidates->loss may be NaN unless there are rounds. The rows keep
 * their weights. Errors: the law has other variables, no fit, no candidate within the budget, no
 * target, more than DESIGN_CANDIDATES. The caller frees with design_close, after a failure too. */
int design_choose(struct design *d, const struct points *rows, const struct points *candidates,
                  const double *cost, const struct design_options *o, struct err *e);
void design_close(struct design *d);

#endif
