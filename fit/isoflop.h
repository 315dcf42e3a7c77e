/* isoflop.h - Approach 2: a parabola per compute budget, its minimum, and the power laws of the
 * minima.
 *
 * Per budget: loss against ln N, least squares, after outliers are rejected by a rule that
 * enumerates every subset (no random sampling, so the same data give the same answer). The minimum
 * carries Fieller's interval; a budget whose parabola opens downwards, whose curvature does not
 * differ from zero or whose minimum lies outside the sizes tried says so and is not used. Then
 * log10 N* and log10 D* against log10 C and log10 D* against log10 N*, with t-intervals. Hoffmann
 * et al. (arXiv 2203.15556), section 3.2; the interval of a ratio: Fieller (1954).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_ISOFLOP_H
#define TRIPOD_FIT_ISOFLOP_H

#include <stdbool.h>
#include <stddef.h>

#include "fit/ols.h"
#include "src/base/err.h"

enum isoflop_reject {
    /* Of all ways to leave out k points (k up to a sixth of n, at least 1), the one least explained
     * by chance, when its F-test with every way counted (Bonferroni) is below reject_level and the
     * residual deviation falls to a third. */
    ISOFLOP_REJECT_EXACT,
    ISOFLOP_REJECT_NONE,
    /* RANSAC's rule, as scikit-learn applies it, over every subset of 4: keep what lies within the
     * median absolute deviation of the losses; most points win, ties by R^2. */
    ISOFLOP_REJECT_MAD,
};

/* Zero-initialise for the defaults. */
struct isoflop_options {
    double level;     /* of the intervals; 0: 0.95 */
    double tolerance; /* budgets whose C differ by less than this share are one; 0: 0.05 */
    enum isoflop_reject reject;
    double reject_level; /* ISOFLOP_REJECT_EXACT: 0: 0.01 */
    bool keep; /* also use budgets that are weak or have their minimum outside the range */
};

enum isoflop_status {
    ISOFLOP_OK,
    ISOFLOP_OUTSIDE, /* minimum outside the sizes tried */
    ISOFLOP_WEAK,    /* curvature does not differ from zero, or three points: no interval */
    ISOFLOP_REFUSED, /* opens downwards, or too few points: there is no minimum */
};

struct isoflop_budget {
    double C, factor; /* geometric means of C and of C / (N D) */
    size_t n, inliers;
    size_t *row;                                  /* [n] indices into the caller's arrays, by N */
    bool *in;                                     /* [n] kept by the rejection rule */
    struct ols_parabola fit;                      /* in ln N */
    double curvature, curvature_lo, curvature_hi; /* d^2 L / d (ln N)^2 */
    double N, N_lo, N_hi; /* at the minimum; 0 and infinity when unbounded */
    double D, D_lo, D_hi;
    double loss, loss_lo, loss_hi;
    double threshold; /* the MAD, under that rule; else NaN */
    enum isoflop_status status;
    bool used;        /* in the power laws */
    char reason[160]; /* why not OK, and what was rejected */
};

struct isoflop {
    struct isoflop_budget *budget; /* by C */
    size_t n, used;
    double level;
    /* log10; N and D against C, D against N. Intervals NaN with two budgets. */
    struct ols_line N_of_C, D_of_C, D_of_N;
};

/* N, D, C, loss [n], positive and finite. Errors: no budget, fewer than two usable minima (with the
 * first reason), out of memory. On error *f is empty; else the caller calls isoflop_free. */
int isoflop_fit(const double *N, const double *D, const double *C, const double *loss, size_t n,
                const struct isoflop_options *o, struct isoflop *f, struct err *e);
void isoflop_free(struct isoflop *f);

/* Approach 2's answer corrected for the bias of its parabolas at a surface with exponents ALPHA and
 * BETA, on every budget's own grid (bias.h). `shift` [f->n] gets ln(N_estimate / N_corrected), NaN
 * where there is no correction; the lines as in struct isoflop. */
struct isoflop_corrected {
    double alpha, beta;
    double *shift;
    size_t used;
    struct ols_line N_of_C, D_of_C;
};
int isoflop_correct(const struct isoflop *f, const double *N, double alpha, double beta,
                    struct isoflop_corrected *c, struct err *e);
void isoflop_corrected_free(struct isoflop_corrected *c);

#endif
