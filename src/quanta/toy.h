/* toy.h - a toy model of clusters whose sizes are known, to see what clustering makes of them.
 *
 * Michaud et al. 2023, "The Quantization Model of Neural Scaling", appendix on QDG's bias: subtask i
 * of N has floor(points / i^alpha) samples, which are its centre, drawn from N(0, 1) in d dimensions,
 * plus sigma times such noise; the affinity of two samples is 1 + cos.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TOY_H
#define TRIPOD_TOY_H

#include "src/quanta/cluster.h"
#include "src/quanta/rank_envelope.h"

struct toy_request {
    size_t subtasks, points, d;
    double sigma, alpha;
    struct cluster_request cluster; /* seed: of the samples, too */
    size_t first, last; /* ranks of the line; 0: as 101 .. 1000 are to the published 1500
                           clusters, to the most here */
};

struct toy {
    size_t n;            /* samples */
    size_t first, last;  /* ranks of the line */
    double truth, slope; /* of the sizes drawn, of the envelope found, over these ranks */
    double *agreement;   /* [kinds] ARI with the subtasks */
};

/* Samples of a subtask less than one are none. 4 n^2 bytes beside what cluster_run takes. Errors: its
 * own, fewer samples than clusters, fewer than three ranks. The caller frees with toy_free. */
int toy_run(struct toy *t, const struct toy_request *q, struct err *e);
void toy_free(struct toy *t);

#endif
