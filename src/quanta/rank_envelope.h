/* rank_envelope.h - the sizes of clusters against their rank, whatever their number: the envelope of the
 * curves of several numbers of clusters, and its slope.
 *
 * Michaud et al. 2023, "The Quantization Model of Neural Scaling", section 5.3: if quanta are used
 * with frequencies k^-(alpha + 1), so are the clusters, and the envelope falls as rank^-(alpha + 1).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_RANK_ENVELOPE_H
#define TRIPOD_RANK_ENVELOPE_H

#include "src/quanta/cluster.h"

struct rank_envelope_request {
    size_t first,
        last;         /* ranks, from 1, of the line; 0: the published 101 .. 1000 of 10,000 samples,
                           the same share of fewer, as far as there are ranks */
    size_t resamples; /* of the bootstrap over samples; 0: none */
    uint64_t seed;
};

struct rank_envelope {
    size_t ranks;   /* of the most clusters that are not empty */
    uint32_t *size; /* [ranks] the largest size at rank r + 1 */
    size_t *kind;   /* [ranks] whose it is, the first of equal ones */
    size_t first, last;
    double slope, level; /* ln size = level + slope ln rank over ranks first .. last */
    /* Of samples drawn with replacement, each with its labels: the 95 % of slopes in the middle, their
     * mean less the slope, their standard deviation. NaN without. */
    double lo, hi, bias, error;
};

/* OpenMP's threads; the same bits for any number. Errors: a line of fewer than three ranks, out of
 * memory. The caller frees. */
int rank_envelope_make(struct rank_envelope *v, const struct clustering *r,
                       const struct rank_envelope_request *q, struct err *e);
void rank_envelope_free(struct rank_envelope *v);

/* The slope (and level, unless NULL) of ln SIZE [rank - 1] on ln rank over ranks FIRST .. LAST, those
 * of size 0 left out; NaN of fewer than two. */
double rank_envelope_slope(const uint32_t *size, size_t first, size_t last, double *level);

#endif
