/* deviation.h - how far losses of a narrower precision are from float32's, on the text they are of.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_DEVIATION_H
#define TRIPOD_DEVIATION_H

#include <jansson.h>
#include <stdint.h>

#include "src/base/err.h"

/* Of the losses of n tokens, less float32's, in nats. Standard errors are clustered by document
 * (moments.h), NaN for one document. */
struct deviation {
    uint64_t tokens;         /* 0: not known */
    double mean, mean_error; /* of |difference| */
    double rms, rms_error;   /* of the difference; the error to first order */
    double worst;            /* |difference| */
    double bias, bias_error; /* the mean difference: what a corpus's mean loss is off by */
};

/* Sums of differences while they come. */
struct deviation_sums;
struct deviation_sums *deviation_new(void); /* NULL: out of memory */
/* A document's N losses; its sums are taken in order, in double. */
void deviation_document(struct deviation_sums *s, const float *narrow, const float *exact,
                        size_t n);
/* And frees S. */
struct deviation deviation_end(struct deviation_sums *s);

json_t *deviation_json(const struct deviation *d);
/* O: NULL or an object of deviation_json; PATH is for messages. */
int deviation_from_json(struct deviation *d, const json_t *o, const char *path, struct err *e);

#endif
