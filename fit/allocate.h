/* allocate.h - what a fitted law says about spending compute: the optimum for a budget, the
 * cheapest budget for a loss, the price of a choice off the optimum.
 *
 * Compute is C = k N D, k = 6 unless the caller counts otherwise. For one power term in N and one
 * in D the optimum has a closed form, N* = G (C/k)^a, D* = (C/k)^b / G, a = beta / (alpha + beta),
 * b = 1 - a, G = (alpha A / (beta B))^(1 / (alpha + beta)); so have the coupled law and Kaplan's
 * (allocate.c). For the law of repeated data it is found numerically, and the numerical answer
 * exists for all, as a check.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_ALLOCATE_H
#define TRIPOD_FIT_ALLOCATE_H

#include <stdbool.h>
#include <stddef.h>

#include "fit/laws.h"
#include "src/base/err.h"

/* A law with its parameters, natural units. */
struct allocate {
    const struct law *law;
    const double *params; /* [law->n] */
    double factor;        /* k of C = k N D; 0: 6 */
    double unique;        /* unique tokens, for laws of repeated data; 0: all tokens are fresh */
    bool numeric;         /* never the closed form */
};

struct allocation {
    double C, N, D, loss;
    bool closed;   /* by the closed form */
    double around; /* from N / around to N * around the loss is within 0.1 % of the optimum */
};

/* True when the law is one of N and D for which an optimum makes sense. */
bool allocate_can(const struct law *law);

double allocate_loss(const struct allocate *p, double N, double D);

/* The optimum at budget C. Errors: no interior optimum (a negative exponent, say). */
int allocate_optimum(const struct allocate *p, double C, struct allocation *a, struct err *e);

/* The best of a grid of sizes N = 10^(lo + i / per_decade), i = 0, 1 ..., below 10^hi; D = C / (k
 * N); the first of equals. What notebooks do; its answer is off by up to half a step. */
int allocate_grid(const struct allocate *p, double C, double lo, double hi, double per_decade,
                  struct allocation *a, struct err *e);

/* The cheapest budget that reaches LOSS. Errors: not above the law's floor, or out of reach
 * (C > 1e40). */
int allocate_for_loss(const struct allocate *p, double loss, struct allocation *a, struct err *e);

/* The budget for which N parameters are optimal. */
int allocate_for_size(const struct allocate *p, double N, struct allocation *a, struct err *e);

/* The tokens with which N parameters reach LOSS. Error: no number of tokens does (the loss of
 * infinite data is quoted). */
int allocate_tokens(const struct allocate *p, double N, double loss, double *D, struct err *e);

/* What N parameters on D tokens lose against the optimum. */
struct allocate_waste {
    double C, loss;
    struct allocation best;  /* at the same C */
    struct allocation equal; /* the cheapest way to the same loss */
    double loss_excess;      /* loss - best.loss */
    double wasted;           /* 1 - equal.C / C: deadweight, a share of C */
};
int allocate_price(const struct allocate *p, double N, double D, struct allocate_waste *w,
                   struct err *e);

/* Published fits by name: hoffmann (as printed), hoffmann-tex (unrounded, from the paper's source),
 * epoch (the repository's output), epoch-bootstrap, epoch-optimum (the true optimum of the same
 * data), kaplan. */
struct allocate_preset {
    const char *name, *law;
    double params[6]; /* in the law's order */
    const char *text;
};
extern const struct allocate_preset allocate_presets[];
extern const size_t n_allocate_presets;

/* Published compute-optimal (N, D) pairs: Hoffmann et al., Table 3 (Approach 1) and Table A3
 * (Approach 2), 9 rows each. OLS of log10 D on log10 N through them is nanoGPT's linear law. */
extern const double allocate_table[2][9][2];

/* Draws parameter vectors around a fit from its covariance in natural parameters: normal, in
 * logarithms for the parameters that must be positive (E, A, B, scales), where it is what
 * bootstraps look like. draws [n][LAW_PARAMS]. Errors: covariance not positive semi-definite. */
int allocate_draw(const struct law *law, const double *params, const double *covariance, size_t n,
                  unsigned long seed, double (*draws)[LAW_PARAMS], struct err *e);

/* A percentile (0..1) with linear interpolation of v[n]; sorts v. NaN when empty. */
double allocate_percentile(double *v, size_t n, double share);

#endif
