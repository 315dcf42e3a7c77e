/* moments.h - what the losses of documents sum up to: their mean and its error.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_MOMENTS_H
#define TRIPOD_MOMENTS_H

#include <jansson.h>
#include <stddef.h>

#include "src/base/err.h"

/* What a mean over clustered losses needs. For documents with n losses of sum S.
 *
 * The doubles are rounded at every document, so they depend on how the documents are grouped. The
 * sums of whole numbers do not: those of parts add up to those of the whole, bit for bit. */
struct moments {
    double documents;   /* with at least one loss */
    double predictions; /* sum n */
    double sum;         /* sum S, nats */
    double squares;     /* sum S^2 */
    double cross;       /* sum S n */
    double lengths;     /* sum n^2 */
    /* Sums of S in units of 2^-60, of S^2 and S n of 2^-48 (each rounded once), of n^2. */
    __int128 exact[4];
    bool inexact; /* these are not known: the record is of before, or a value is no number */
};

/* Adds a document of N losses of that sum. */
void moments_cluster(struct moments *m, double sum, size_t n);
void moments_document(struct moments *m, const float *loss, size_t n);
void moments_add(struct moments *m, const struct moments *other);
/* Takes the sums from the exact ones, where these are known. */
void moments_settle(struct moments *m);
/* Whether both are the sums of the same losses. What one of them does not know is no difference. */
bool moments_equal(const struct moments *a, const struct moments *b);
double moments_mean(const struct moments *m);
/* Standard error of the mean, clustered by document (linearised ratio estimator, Cochran 1977,
 * eq. 6.9); NaN for one document. */
double moments_error(const struct moments *m);
json_t *moments_json(const struct moments *m);
int moments_from_json(struct moments *m, const json_t *object, const char *path, struct err *e);

#endif
