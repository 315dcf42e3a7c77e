/* moments.h - what the losses of documents sum up to: their mean and its error.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_MOMENTS_H
#define TRIPOD_MOMENTS_H

#include <jansson.h>
#include <stddef.h>

#include "src/base/err.h"

/* What a mean over clustered losses needs; moments of shards add up. For documents with n losses of
 * sum S. */
struct moments {
    double documents;   /* with at least one loss */
    double predictions; /* sum n */
    double sum;         /* sum S, nats */
    double squares;     /* sum S^2 */
    double cross;       /* sum S n */
    double lengths;     /* sum n^2 */
};

void moments_document(struct moments *m, const float *loss, size_t n);
void moments_cluster(struct moments *m, double sum, size_t n); /* the same, summed up already */
void moments_add(struct moments *m, const struct moments *other);
double moments_mean(const struct moments *m);
/* Standard error of the mean, clustered by document (linearised ratio estimator, Cochran 1977,
 * eq. 6.9); NaN for one document. */
double moments_error(const struct moments *m);
json_t *moments_json(const struct moments *m);
int moments_from_json(struct moments *m, const json_t *object, const char *path, struct err *e);

#endif
