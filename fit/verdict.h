/* verdict.h - what the data do and do not identify: a word for each parameter, and why.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_VERDICT_H
#define TRIPOD_FIT_VERDICT_H

#include "fit/infer.h"

enum verdict { IDENTIFIED, WEAK, UNIDENTIFIED, PINNED };
extern const char *const verdict_names[];

/* All that is known of one parameter. */
struct known {
    double value, se, lo, hi; /* the interval of the chosen kind */
    struct interval hessian, sandwich, percentile, bca;
    struct profile profile;
    bool has_profile;
    enum verdict verdict;
    char reason[200]; /* empty when identified */
};

/* Fills verdict and reason of every parameter. Correlations: row-major [n * n] of ln coefficients
 * and exponents, or NULL. covariance_positive: the Hessian was positive definite. Returns the
 * worst. */
enum verdict verdict_params(struct known *k, const struct fit *f, const struct fit_options *o,
                            const double *correlation, bool covariance_positive);

/* The flat direction: the least eigenvector of the scaled Hessian in words ("E down, alpha down, A
 * up");
 * "" when it cannot be had. */
void verdict_flat_direction(const struct fit *f, char *text, size_t size);

#endif
