/* approaches.h - Hoffmann et al.'s three ways to compute-optimal N and D, side by side: the envelope
 * of training curves (1), isoFLOP parabolas as they are and corrected for their bias (2), the
 * parametric law (3).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_APPROACHES_H
#define TRIPOD_FIT_APPROACHES_H

#include "fit/analysis.h"
#include "fit/envelope.h"
#include "fit/isoflop.h"

/* Approach 1 of points: the rows of a run are a curve; without a column of runs, those of a size. */
int approaches_envelope(const struct points *p, const struct envelope_options *o,
                        struct envelope *f, struct err *e);

/* The exponents that the bias of Approach 2 is taken at. */
struct approaches_surface {
    enum { SURFACE_FIT, SURFACE_GIVEN, SURFACE_NONE } kind; /* FIT: Chinchilla's, same rows */
    double alpha, beta;                                     /* SURFACE_GIVEN */
};

struct approaches_correction {
    bool known; /* c is filled */
    struct isoflop_corrected c;
    char reason[256]; /* whose exponents, or why there is none */
};

/* Approach 2 of points, with its correction. A surface that cannot be fitted leaves the correction
 * out, with the reason; given exponents that cannot be used are an error. The caller frees *f with
 * isoflop_free and c->c with isoflop_corrected_free, after success only. */
int approaches_isoflop(const struct points *p, const struct isoflop_options *o,
                       const struct approaches_surface *s, struct isoflop *f,
                       struct approaches_correction *c, struct err *e);

enum approach_kind {
    APPROACH_ENVELOPE,
    APPROACH_ENVELOPE_SIZES, /* one point per winning size */
    APPROACH_ISOFLOP,
    APPROACH_ISOFLOP_CORRECTED,
    APPROACH_PARAMETRIC,
    APPROACHES
};

/* value, lo, hi; NaN where not known */
struct approach {
    const char *name; /* "1 envelope" */
    bool known;
    double a[3], b[3]; /* N* ~ C^a, D* ~ C^b */
    const char *verdict;
    double (*N)[3], (*D)[3]; /* at each budget; filled when known */
    char reason[300];        /* what it rests on, or why there is none */
};

struct approaches_options {
    struct envelope_options envelope;
    struct isoflop_options isoflop;
    double level;
    size_t resamples; /* of Approach 3 */
    uint64_t seed;
    const double *budgets;
    size_t n_budgets;
};

struct approaches {
    struct approach answer[APPROACHES];
    double *block; /* what N and D point into */
};

/* EVERY: rows with all steps, for the curves; LAST: the last of each run. An error only when none
 * of the three works, or memory is out. The caller frees with approaches_free, after success. */
int approaches_fit(struct approaches *r, const struct points *every, const struct points *last,
                   const struct approaches_options *o, struct err *e);
void approaches_free(struct approaches *r);

#endif
