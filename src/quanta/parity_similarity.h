/* parity_similarity.h - how alike the gradients of sparse parity's samples are, in closed form: QDG where
 * the true clusters are known.
 *
 * Of a sample with input x, hidden layer h, e = d loss / d z of the difference z of its two logits and dh
 * = e (W2[1] - W2[0]) [h > 0], the gradient to all parameters is dh x' (W1), dh (b1), -e h and e h (W2),
 * -e and e (b2). So <G_i, G_j> = (dh_i . dh_j) (x_i . x_j + 1) + 2 e_i e_j (h_i . h_j + 1); of e only
 * the sign reaches a cosine.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_PARITY_SIMILARITY_H
#define TRIPOD_QUANTA_PARITY_SIMILARITY_H

#include "simd/simd.h"
#include "src/base/err.h"

struct parity_similarity_request {
    const char *run; /* the record of a finished run */
    const char *out; /* NAME.npy */
    size_t samples;
    double below;  /* nats: samples with a larger loss are drawn again */
    uint64_t seed; /* of the samples: below 2^56 */
    const struct kernels *kernels;
};
struct parity_similarity {
    uint64_t drawn;   /* samples drawn for those that were taken */
    size_t tasks;     /* subtasks among them */
    double mean_loss; /* nats */
    double mean_cosine,
        same_task;    /* of all pairs; of pairs of one subtask, NaN where there is none */
    char *tasks_file; /* NAME-tasks.npy: int32 [samples]; the caller frees */
};

/* Samples by the run's frequencies; C to OUT, float32 [samples, samples] with 1 on the diagonal, as
 * quanta cluster reads it. Takes 12 samples^2 bytes. Errors: no such run, no 1 in 1000 samples below the
 * limit, out of memory, cannot write. */
int parity_similarity(struct parity_similarity *r, const struct parity_similarity_request *q,
                      struct err *e);

#endif
