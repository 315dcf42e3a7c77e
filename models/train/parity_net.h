/* parity_net.h - the perceptron that learns sparse parity, and its training: one hidden layer of ReLUs on
 * a task's one-hot code and its bits, two logits, AdamW.
 *
 * Michaud et al. 2023, "The Quantization Model of Neural Scaling": Linear(T + n -> width), ReLU,
 * Linear(width -> 2), every weight and bias drawn from U(-1, 1) / sqrt(inputs of its layer).
 *
 * Everything here is one thread's; networks are independent of each other. The same bits on every
 * instruction set.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_NET_H
#define TRIPOD_PARITY_NET_H

#include "models/train/parity_task.h"

struct parity_rates {
    double rate, beta1, beta2, epsilon, decay; /* AdamW's, decay being the weights' */
};
/* PyTorch's defaults, without weight decay. */
#define PARITY_RATES                                                                               \
    {                                                                                              \
        .rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0                    \
    }

/* Weights w and AdamW's means m, v [floats]: blocks of 16 hidden units as kernel_parity_forward has
 * them, then b2[0], b2[1] and 14 zeros. Units beyond the width are zeros and stay so. */
struct parity_net {
    size_t width, blocks, block; /* block: floats of one */
    size_t floats;
    float *w, *m, *v, *g; /* g: of the last step */
    struct parity_rates rates;
    uint64_t steps; /* done */
    const struct kernels *kernels;
    float *z, *e, *loss; /* [room] of the last batch */
    uint16_t *positive;  /* [blocks][room] */
    size_t room, bytes;  /* bytes: of all these arrays, one allocation */
};

/* width (T + n) + width + 2 width + 2. */
uint64_t parity_parameters(const struct parity_shape *s, size_t width);

/* A network for batches of up to ROOM samples, drawn by the task's seed. Errors: out of memory. The
 * caller frees with parity_net_free. */
int parity_net_make(struct parity_net *p, const struct parity_task *t, size_t width, size_t room,
                    const struct kernels *kernels, struct err *e);
void parity_net_free(struct parity_net *p);
/* Bytes of it and of its batch. */
uint64_t parity_net_bytes(const struct parity_shape *s, size_t width, size_t room);

/* p->loss [batch n] in nats by the weights as they are; returns their mean. */
double parity_net_test(struct parity_net *p, const struct parity_batch *b);

/* The same, then p->g, the gradient of that mean. */
double parity_net_gradient(struct parity_net *p, const struct parity_batch *b);

/* The same, then one step of AdamW. Returns the batch's mean loss before it. */
double parity_net_step(struct parity_net *p, const struct parity_batch *b);

/* One weight: rows 0 .. T - 1 are the tasks' columns of W1, T .. T + n - 1 the bits', then b1, W2[0] and
 * W2[1], of hidden unit UNIT. Where it is in p->w, m, v, g. */
size_t parity_net_at(const struct parity_net *p, const struct parity_task *t, size_t row,
                     size_t unit);
static inline size_t parity_net_rows(const struct parity_task *t)
{
    return t->shape.tasks + t->shape.n + 3;
}

#endif
