/* infer.h - how far a fit can be trusted: covariances, the bootstrap, profile likelihood.
 *
 * Hessian covariances alone are 2 to 3 times too narrow for Huber fits of published runs; they are
 * given beside the sandwich, the profile and the bootstrap, never instead of them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_INFER_H
#define TRIPOD_FIT_INFER_H

#include <stdint.h>

#include "fit/fit.h"

/* Covariances of natural parameters, row-major [n * n] with n = law->n, the sandwich's residuals
 * enlarged by leverage; rows and columns of
 * parameters that could not move are 0. NaN where the matrix is singular. sigma2 is the variance
 * that stands for the noise; slope what turns a drop of the objective into one of -2 ln L: drop *
 * slope ~ chi2 / 2. */
struct covariance {
    double hessian[LAW_PARAMS * LAW_PARAMS], sandwich[LAW_PARAMS * LAW_PARAMS];
    double hessian_t[LAW_PARAMS * LAW_PARAMS], sandwich_t[LAW_PARAMS * LAW_PARAMS]; /* internal */
    double unit;
    bool positive;
};
int infer_covariance(struct covariance *c, const struct fit *f, struct fit_data *d,
                     const struct fit_options *o, struct err *e);

enum bootstrap_kind { BOOT_PAIRS, BOOT_RESIDUAL, BOOT_CLUSTER, BOOT_PARAMETRIC, BOOT_KINDS };
extern const char *const bootstrap_names[BOOT_KINDS];

struct bootstrap_options {
    enum bootstrap_kind kind;
    size_t n; /* resamples */
    uint64_t seed;
    int starts; /* per resample beside the fit itself; 0: only from the fit */
};

/* Resamples: natural and internal parameters of each that converged. */
struct bootstrap {
    size_t n, failed;
    double (*params)[LAW_PARAMS];
    double (*t)[LAW_PARAMS];
    double *value;
    /* Jackknife for BCa: natural parameters without one row (cluster) each. */
    size_t n_jack;
    double (*jack)[LAW_PARAMS];
    size_t clusters; /* what was drawn: rows, or clusters */
    size_t moved;    /* resamples whose optimum another start found, not the fit's own */
};
/* CLUSTER [d->n], by d's row order, names the cluster of each row (BOOT_CLUSTER only; else NULL).
 * The same bits for any number of threads. The caller frees with bootstrap_close. */
int bootstrap_run(struct bootstrap *b, const struct fit *f, struct fit_data *d,
                  const struct fit_options *fo, const struct bootstrap_options *o,
                  const size_t *cluster, struct err *e);
void bootstrap_close(struct bootstrap *b);

/* One resample by its rows (indices in d's order, with repetition): used by the tests too. */
int bootstrap_refit(const struct fit_problem *p, const struct fit *f, const double *weights,
                    const double *y, int starts, double *t, double *value, bool *moved);

struct interval {
    double se, lo, hi;
};
/* Percentile and BCa intervals of a statistic: values [n] over resamples, jack [n_jack] or NULL,
 * the point estimate. Copies and sorts. NaN when there are fewer than 20 values. */
int interval_percentile(const double *values, size_t n, double level, struct interval *out,
                        struct err *e);
int interval_bca(const double *values, size_t n, const double *jack, size_t n_jack, double point,
                 double level, struct interval *out, struct err *e);

/* Profile likelihood of one natural parameter: where the objective, minimised over the others,
 * rises by `rise` over its minimum. lo_open: it never does, down to `lo`, which is then a limit of
 * the search (or 0 for a coefficient); hi_open alike. */
struct profile {
    double lo, hi;
    bool lo_open, hi_open;
};
int profile_parameter(struct profile *out, const struct fit *f, struct fit_data *d,
                      const struct fit_options *o, int parameter, double rise, struct err *e);
/* The minimum of the objective with one natural parameter held at a value; params [law->n] out. */
int profile_at(const struct fit *f, struct fit_data *d, const struct fit_options *o, int parameter,
               double value, double *params, double *objective, struct err *e);

#endif
