/* sample.h - the next token of a row of logits.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SAMPLE_H
#define TRIPOD_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

struct sampling {
    double temperature; /* 0: the greatest logit's, the lowest id of equal ones */
    double top_p;       /* of the tokens in order of probability as few as reach it (Holtzman et al.
                           2020); 1: all */
    uint64_t seed;
};

/* One of logits[n]; POSITION numbers the draw, so that the same seed gives the same text whatever
 * was drawn before. NaN counts as smallest. Errors: out of memory. */
int sample_token(const float *logits, size_t n, const struct sampling *s, uint64_t position,
                 uint32_t *token, struct err *e);

#endif
