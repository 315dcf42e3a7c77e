/* fit.h - fits a law to points: the best of many starts, and the evidence that it is an optimum.
 *
 * Rows are sorted into a canonical order and centred first, so a result does not depend on the
 * order of rows, the number of threads, or the units of N and D. Starts come from variable
 * projection: on a grid of exponents the coefficients follow by linear least squares. Each start
 * descends by damped Newton steps (solve.h) through decreasing Huber deltas; a start is never
 * returned as a fit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_FIT_H
#define TRIPOD_FIT_FIT_H

#include <stdbool.h>
#include <stddef.h>

#include "fit/kernel.h"
#include "fit/laws.h"
#include "fit/points.h"
#include "src/base/err.h"

/* What is minimised: a sum over rows of the weight times
 *   huber  r^2/2 up to delta, delta (|r| - delta/2) beyond, r = ln L - ln L_observed (Hoffmann et
 * al.) lad    |r| of the same       logls  r^2/2 of the same       ls  r^2/2, r = L - L_observed
 *   asym   |r| of L, `ratio` times that where the law lies above the observation: a lower envelope
 */
struct objective {
    enum { OBJ_HUBER, OBJ_LAD, OBJ_LOGLS, OBJ_LS, OBJ_ASYM } kind;
    double delta; /* OBJ_HUBER; 0: 1.345 times the robust scale of the residuals */
    double ratio; /* OBJ_ASYM */
};
/* "huber:1e-3", "huber:auto", "lad", "logls", "ls", "asym:10". */
int objective_parse(struct objective *o, const char *text, struct err *e);
void objective_text(const struct objective *o, char *text, size_t size); /* 32 bytes do */
bool objective_is_log(const struct objective *o);

/* Rows ready for fitting: sorted, centred logarithms, padded to an even number with weight 0. */
struct fit_rows {
    size_t n;                 /* with padding */
    double *x[3], *y, *L, *w; /* ln N, ln D, ln U, each minus its centre; ln L; L; weights */
};
struct fit_data {
    struct fit_rows rows;
    size_t n;    /* rows without padding */
    size_t *row; /* [n] index in the points */
    double centre[3];
    double *block; /* what rows point into */
};
/* X: the column a law of one variable reads; ignored by the others. The caller frees with
 * fit_data_close. */
int fit_data_open(struct fit_data *d, const struct points *p, const struct law *law,
                  enum points_column x, struct err *e);
void fit_data_close(struct fit_data *d);
/* Moves a centre to `to`. */
void fit_data_recentre(struct fit_data *d, int variable, double to);

struct fit_options {
    struct objective objective;
    int grid;                /* starts: grid x grid exponents; 0: 6 */
    bool pinned[LAW_PARAMS]; /* natural parameters held at pin[] */
    double pin[LAW_PARAMS];
    bool bounded[LAW_PARAMS]; /* natural parameters kept in [lower, upper] */
    double lower[LAW_PARAMS], upper[LAW_PARAMS];
};

/* A problem set up once and solved for many weights or observations (bootstrap, profiles). */
struct fit_problem {
    const struct law *law;
    const struct fit_rows *rows;
    const double *centre;
    struct objective objective;
    double lower[LAW_PARAMS], upper[LAW_PARAMS]; /* internal */
    struct kernel_loss loss;                     /* state of a descent */
    double *work;                                /* scratch of a descent, or NULL */
};

struct fit {
    const struct law *law;
    struct objective objective; /* delta filled in */
    double centre[3];
    double t[LAW_PARAMS], params[LAW_PARAMS];
    double value; /* the objective */
    double g[LAW_PARAMS], h[LAW_HESSIAN], m[LAW_HESSIAN];
    double gradient, decrement;      /* largest |cosine| of residuals and a column of J; relative */
    double condition, condition_raw; /* of J'J: internal coordinates, natural ones */
    double rss, rss_log;             /* weighted sums of squares of L and of ln L residuals */
    size_t rows;                     /* used */
    int free;                        /* parameters that could move */
    int starts, agree;
    bool at_bound[LAW_PARAMS]; /* pinned ones too */
    bool vanished[LAW_PARAMS]; /* a coefficient that went to zero */
};

/* Fits. Fails (with the reason) when there are fewer rows than parameters, when a variable does not
 * vary, when losses are all the same, or when no start converges. `d` may be recentred. */
int fit_law(struct fit *f, const struct law *law, struct fit_data *d, const struct fit_options *o,
            struct err *e);

/* The parts, for resamples and profiles. */
int fit_problem_open(struct fit_problem *p, const struct law *law, struct fit_data *d,
                     const struct fit_options *o, struct err *e);
/* Starts of the law at these rows, best first; t [max][LAW_PARAMS]. Returns how many. */
int fit_starts(const struct fit_problem *p, int grid, int max, double (*t)[LAW_PARAMS]);
/* The best coefficients for the exponents in t, to first order, where all are positive and free;
 * only for sums of terms. t is left alone otherwise. work [2 * rows->n]. */
void fit_project(const struct fit_problem *p, double *t, double *work);
struct solve_result;
/* One descent from t, in place, through the deltas; warm: straight at the final one. */
void fit_descend(struct fit_problem *p, double *t, bool warm, struct solve_result *r);
/* The value the objective has by its own definition, from what the descent minimises. */
double fit_objective_value(const struct fit_problem *p, const double *t);
/* Objective, gradient, Hessian and majorant at t for p->loss (see solve.h). */
void fit_evaluate(struct fit_problem *p, const double *t, double *f, double *g, double *h,
                  double *m);

/* ln L (or L, for objectives on L) predicted minus observed, in the order of d's rows; r [d->n]. */
void fit_residuals(const struct fit *f, const struct fit_data *d, double *r);

/* Predicted loss. */
double fit_predict(const struct fit *f, double N, double D, double U);

#endif
