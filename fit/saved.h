/* saved.h - a law with its parameters and what is known of their errors, from wherever they come: the
 * JSON of a fit, a published fit, a list, a table of resamples.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_SAVED_H
#define TRIPOD_FIT_SAVED_H

#include <stdint.h>

#include "fit/expression.h"
#include "fit/infer.h"
#include "fit/laws.h"
#include "src/base/err.h"

struct saved {
    const struct law *law;
    struct law *own;             /* the law when it was given by its formula */
    double params[LAW_PARAMS];   /* natural */
    double (*draws)[LAW_PARAMS]; /* [n] the law again under its errors; NULL when none are known */
    size_t n;
    char origin[64];  /* of the draws: "200 samples" */
    char verdict[32]; /* of the fit; "" when it has none */
};

/* Each fills a zeroed *s; the caller calls saved_free, after an error too. */

/* A fit's JSON (tripod fit --json=FILE): law, params, verdict. Draws, when wanted, are the first
 * there is of bootstrap: {samples: [...]}, covariance: {names, matrix} and correlation with the
 * parameters' intervals; the latter two with this seed. */
int saved_read(struct saved *s, const char *path, bool draws, uint64_t seed, struct err *e);
/* A published fit by name (allocate_presets). */
int saved_preset(struct saved *s, const char *name, struct err *e);
/* "E=1.69,A=406.4,B=410.7,alpha=0.34,beta=0.28": every parameter of a law. */
int saved_list(struct saved *s, const char *law, const char *list, struct err *e);
void saved_free(struct saved *s);

/* Draws from a CSV of parameters, one row a resample, columns named as the law's parameters. */
int saved_samples(struct saved *s, const char *path, struct err *e);
/* Writes such a CSV. */
int saved_write_samples(const char *path, const struct law *law, const struct bootstrap *b,
                        struct err *e);

#endif
